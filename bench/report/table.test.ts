import assert from 'node:assert/strict';
import { test } from 'node:test';
import { table } from './table.ts';

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
