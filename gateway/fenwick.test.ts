import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fenwick } from './fenwick.ts';

test('counts as a recount does, also beyond the size it began with', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5_000 })),
      fc.array(fc.integer({ min: 0, max: 9_000 })),
      (marks, asked) => {
        const tree = new Fenwick();
        for (const rank of marks) tree.mark(rank);
        const marked = new Set(marks);
        for (const rank of asked) {
          assert.equal(tree.below(rank), [...marked].filter(other => other < rank).length);
          assert.equal(tree.has(rank), marked.has(rank));
        }
      },
    ),
  );
});
