import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Goal, goalTable, table } from './table.ts';

test('aligns the first column left, the others right', () => {
  const text = table(
    ['what', 'rate'],
    [
      ['echo', 52_345.6],
      ['fairline', 0.71234],
      ['nobody', undefined],
    ],
  );
  assert.equal(
    text,
    ['what       rate', '--------  -----', 'echo      52346', 'fairline  0.712', 'nobody        –'].join(
      '\n',
    ),
  );
});

test('a goal is met from its bound on, in its direction', () => {
  const verdictOf = (value: number | undefined, better: Goal['better']): string =>
    goalTable([{ what: 'x', value, unit: '', must: 2, aim: better === 'more' ? 3 : 1, better }])
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
