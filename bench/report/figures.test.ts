import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, ratioOf, roundedAll, spreadOf } from './figures.ts';

test('a median is the middle value, or the mean of the two in the middle', () => {
  assert.equal(median([5]), 5);
  assert.equal(median([9, 1, 4]), 4);
  assert.equal(median([10, 1, 4, 2]), 3);
  assert.throws(() => median([]), /median of nothing/);
});

test('a spread includes the least and the greatest', () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, least: 1, greatest: 3 });
});

test('takes a ratio within each round', () => {
  // In the second round the machine was twice as fast for both: the medians alone would give 1.5.
  assert.deepEqual(ratioOf([10, 20], [20, 40]), { median: 0.5, least: 0.5, greatest: 0.5 });
  assert.throws(() => ratioOf([1], [1, 2]), /1 rounds cannot be divided by 2/);
});

test('numbers in JSON have three significant digits, integers all of them', () => {
  const rounded = roundedAll({ a: 1.23456, b: [0.00123456, 123_456], c: 'as it is', d: null });
  assert.deepEqual(rounded, { a: 1.23, b: [0.00123, 123_456], c: 'as it is', d: null });
});
