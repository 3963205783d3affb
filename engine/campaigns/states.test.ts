import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { CAMPAIGN_STATES } from '../contract/campaign/campaign-state.ts';
import { allows, stateOf, statesFor, TRANSITIONS } from './states.ts';

const at = (ms: number): Date => new Date(Date.UTC(2030, 0, 1) + ms);
const campaign = {
  stage: 'scheduled',
  opensAt: at(1_000),
  closesAt: at(3_000),
  closingAt: null,
  pausedAt: null,
  finishedAt: null,
} as const;

describe('the states of a campaign', () => {
  it('match the diagram and its transitions', async () => {
    const text = await readFile(new URL('./README.md', import.meta.url), 'utf8');
    const diagram = text.split('stateDiagram-v2')[1]?.split('```')[0] ?? '';
    const drawn = [...diagram.matchAll(/^ {2}(\w+) --> (\w+): (\w+)$/gm)].map(([, from, to, by]) => [
      from,
      to,
      by,
    ]);
    assert.deepEqual(
      drawn,
      TRANSITIONS.map(transition => [...transition]),
    );
    const named = new Set<string>();
    for (const [from, to] of TRANSITIONS) named.add(from).add(to);
    assert.deepEqual([...named].sort(), [...CAMPAIGN_STATES].sort());
    for (const state of CAMPAIGN_STATES) assert.match(text, new RegExp(`^\\| ${state} \\|`, 'm'));
  });

  it('follow from stage, times and settling', () => {
    const ms = (value: number): number => at(value).getTime();
    assert.equal(stateOf(campaign, ms(999)), 'scheduled');
    assert.equal(stateOf(campaign, ms(1_000)), 'open');
    assert.equal(stateOf(campaign, ms(2_999)), 'open');
    assert.equal(stateOf(campaign, ms(3_000)), 'closed');
    assert.equal(stateOf({ ...campaign, closingAt: at(2_000) }, ms(2_000)), 'closed');
    assert.equal(stateOf({ ...campaign, finishedAt: at(3_100) }, ms(4_000)), 'settled');
    const paused = { ...campaign, pausedAt: at(0) };
    assert.deepEqual([stateOf(paused, ms(500)), stateOf(paused, ms(2_000))], ['paused', 'paused']);
    assert.equal(stateOf(paused, ms(3_000)), 'closed');
    for (const stage of ['draft', 'cancelled', 'archived'] as const) {
      assert.equal(stateOf({ ...paused, stage, finishedAt: at(1) }, ms(2_000)), stage);
    }
  });

  it('list their allowed actions', () => {
    assert.deepEqual(statesFor('pause'), ['scheduled', 'open']);
    assert.deepEqual(statesFor('archive'), ['settled', 'cancelled']);
    assert.deepEqual(statesFor('edit'), ['draft', 'scheduled', 'open', 'paused', 'closed']);
    assert.equal(allows('settled', 'cancel'), false);
    assert.equal(allows('closed', 'cancel'), true);
  });
});
