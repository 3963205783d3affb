import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conclude } from './conclude.ts';

function concluded(value: number, about?: Readonly<Record<string, unknown>>) {
  const printed: string[] = [];
  const said: string[] = [];
  const goal = { what: 'door', value, unit: ' s', must: 15, aim: 5, better: 'less' } as const;
  const result = { text: 'figures', goals: [goal], json: { door: value } };
  const ways = { print: (text: string) => printed.push(text), say: (line: string) => said.push(line) };
  return { code: conclude(result, about, ways), printed: printed.join(''), said };
}

test('a missed limit fails the run, after everything was printed', () => {
  const { code, printed, said } = concluded(15.5, { bench: 'restart', seconds: 3 });
  assert.equal(code, 1);
  assert.match(printed, /^\nfigures\n\nwhat .*\n.*\ndoor +15\.5 s .*MISSED\n\{.*\}\n$/);
  assert.deepEqual(JSON.parse(printed.trim().split('\n').at(-1) ?? ''), {
    ...{ bench: 'restart', door: 15.5, seconds: 3 },
    missed: ['door: 15.5 s, must be <= 15 s'],
  });
  assert.deepEqual(said, ['missed: door: 15.5 s, must be <= 15 s']);
});

test('a run within its limits ends well, its aim reached or not', () => {
  assert.deepEqual([concluded(15).code, concluded(4).code], [0, 0]);
  assert.deepEqual(concluded(15).said, []);
  assert.doesNotMatch(concluded(15).printed, /\{/);
});
