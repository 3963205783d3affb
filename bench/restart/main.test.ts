import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missedOf } from '../report/goals.ts';
import { goalsOf } from './main.ts';

test('a door that opens later than 15 s after Redis was emptied twice is missed', () => {
  const emptied = { part: 'redis, emptied twice', backAfter: 0, settled: 15 } as const;
  assert.deepEqual(missedOf(goalsOf({ ...emptied, accepted: 15 })), []);
  assert.equal(missedOf(goalsOf({ ...emptied, accepted: 15.1 })).length, 1);
});
