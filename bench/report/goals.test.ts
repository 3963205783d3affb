import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Goal, goalTable, missedOf } from './goals.ts';

const goalOf = (value: number | undefined, better: Goal['better']): Goal => ({
  ...{ what: 'x', value, unit: ' s', must: 2, aim: better === 'more' ? 3 : 1, better },
});

test('a goal is met from its bound on, in its direction', () => {
  const verdictOf = (value: number | undefined, better: Goal['better']): string =>
    goalTable([goalOf(value, better)])
      .split('\n')
      .at(-1)
      ?.replace(/^.* {2}/, '') ?? '';
  assert.equal(verdictOf(1.9, 'more'), 'MISSED');
  assert.equal(verdictOf(2, 'more'), 'must');
  assert.equal(verdictOf(3, 'more'), 'aim');
  assert.equal(verdictOf(2.1, 'less'), 'MISSED');
  assert.equal(verdictOf(2, 'less'), 'must');
  assert.equal(verdictOf(1, 'less'), 'aim');
  assert.equal(verdictOf(undefined, 'less'), 'not measured');
});

test('only a measured figure beyond its limit is missed', () => {
  const goals = [goalOf(2, 'less'), goalOf(2.1, 'less'), goalOf(undefined, 'less'), goalOf(1.9, 'more')];
  assert.deepEqual(missedOf(goals), ['x: 2.1 s, must be <= 2 s', 'x: 1.9 s, must be >= 2 s']);
  // A figure that is no number holds no limit.
  assert.deepEqual(missedOf([goalOf(Number.NaN, 'less')]), ['x: NaN s, must be <= 2 s']);
});
