/** Monitors named in a campaign's rules: checked, bound by the hash of the rules, shown, and never changed. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readBoard } from '../../contract/redis/board/board.ts';
import { rulesHash, rulesText } from '../../draw/rules.ts';
import { type Answer, coupon, inMs, startApi, type TestApi } from '../testing/api.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64url');
const press = { name: 'The “Daily”', key: key(1) };
const club = { name: 'Fan club', key: key(2) };

async function post(change: Readonly<Record<string, unknown>>): Promise<Answer> {
  return await api.call('POST', '/v1/campaigns', { body: { ...coupon(), ...change } });
}

async function onBoard(id: unknown): Promise<unknown> {
  const news = await readBoard(api.redis, api.keys, { epoch: '', version: 0 });
  return news.campaigns.find(({ campaignId }) => campaignId === id)?.monitors;
}

describe('monitors of a campaign', () => {
  it('appear in the rules, the answer and on the board', async () => {
    const [opens_at, closes_at] = [inMs(60_000), inMs(120_000)];
    const made = await post({ opens_at, closes_at, monitors: [press, club] });
    assert.equal(made.status, 201, made.text);
    const rules = rulesText({
      kind: 'coupon',
      campaign: Number(made.body.id),
      title: String(made.body.title),
      stock: Number(made.body.stock),
      opensAtUs: Date.parse(opens_at) * 1000,
      closesAtUs: Date.parse(closes_at) * 1000,
      monitors: [press, club],
    });
    assert.match(rules, /"monitors":\[\{"key":"/);
    assert.equal(made.body.rules_hash, rulesHash(rules).toString('base64url'));
    assert.deepEqual(made.body.monitors, [press, club]);
    assert.deepEqual(await onBoard(made.body.id), [press, club]);
    const without = await post({});
    assert.equal(without.body.monitors, undefined);
  });

  it('survive a change of times, drafts and duplicates', async () => {
    const wanted = { kind: 'raffle', stock: undefined, winners: 2, monitors: [press] };
    const times = { opens_at: inMs(3_600_000), closes_at: inMs(7_200_000) };
    const draft = await post({ ...wanted, ...times, draft: true });
    const path = `/v1/campaigns/${draft.body.id}`;
    const headers = { 'if-match': '*' };
    const announced = await api.call('POST', `${path}/announce`, { body: {}, headers });
    assert.deepEqual(announced.body.monitors, [press], announced.text);
    const moved = await api.call('PATCH', path, { body: { closes_at: inMs(9_000_000) }, headers });
    assert.equal(moved.status, 200, moved.text);
    assert.notEqual(moved.body.rules_hash, announced.body.rules_hash);
    assert.deepEqual(moved.body.monitors, [press]);
    const again = await api.call('POST', `${path}/duplicate`, { body: times });
    assert.deepEqual(again.body.monitors, [press], again.text);
    const edited = await api.call('PATCH', path, { body: { monitors: [club] }, headers });
    assert.equal(edited.status, 400, 'an edit cannot change monitors');
  });

  it('cannot be replaced in the ledger either', async () => {
    const made = await post({ monitors: [press] });
    const swap = `update campaigns set rules = replace(rules, $2, $3) where campaign_id = $1`;
    await assert.rejects(api.pool.query(swap, [made.body.id, press.key, club.key]), {
      constraint: 'campaigns_rules_once',
    });
  });

  const list =
    'a list of 1 to 16 objects with name (text of 1 to 100 characters) and key (an Ed25519 public key, 32 bytes in base64url, as the monitor prints it)';
  const room = { kind: 'room', stock: undefined, per_second: 1 };
  const many = Array.from({ length: 17 }, (_, index) => ({ name: `m${index}`, key: key(index) }));
  const wrong: readonly [what: string, change: object, field: string, expected: string][] = [
    ['none', { monitors: [] }, 'monitors', list],
    ['too many', { monitors: many }, 'monitors', list],
    ['a monitor without a name', { monitors: [{ key: key(1) }] }, 'monitors', list],
    ['an empty name', { monitors: [{ ...press, name: ' ' }] }, 'monitors', list],
    ['a long name', { monitors: [{ ...press, name: 'x'.repeat(101) }] }, 'monitors', list],
    ['a short key', { monitors: [{ ...press, key: key(1).slice(1) }] }, 'monitors', list],
    ['a non-canonical key', { monitors: [{ ...press, key: `${key(1).slice(0, -1)}F` }] }, 'monitors', list],
    ['another member', { monitors: [{ ...press, url: 'https://example.org' }] }, 'monitors', list],
    [
      'a duplicate name',
      { monitors: [press, { ...club, name: press.name }] },
      'monitors[1].name',
      'a name that is unique in the list',
    ],
    [
      'a duplicate key',
      { monitors: [press, { ...club, key: press.key }] },
      'monitors[1].key',
      'a key that is unique in the list',
    ],
    ['monitors of a room', { ...room, monitors: [press] }, 'monitors', 'no value, as kind is room'],
  ];
  for (const [what, change, field, expected] of wrong) {
    it(`refuses ${what}`, async () => {
      const answer = await post({ ...change });
      assert.equal(answer.status, 400, answer.text);
      const faults = answer.body.errors as readonly { field: string; expected: string }[];
      assert.deepEqual(
        faults.map(fault => [fault.field, fault.expected]),
        [[field, expected]],
      );
    });
  }
});
