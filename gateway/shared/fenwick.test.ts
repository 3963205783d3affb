import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fenwick } from './fenwick.ts';

test('matches a recount, also beyond its initial size', () => {
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

test('cleared marks leave no trace, at any size', () => {
  const step = fc.record({ rank: fc.integer({ min: 0, max: 9_000 }), marked: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 0, max: 10_000 }), (steps, rank) => {
      const fenwick = new Fenwick();
      const marks = new Set<number>();
      for (const { rank: at, marked } of steps) {
        if (marked) marks.add(at);
        else marks.delete(at);
        if (marked) fenwick.mark(at);
        else fenwick.unmark(at);
      }
      const recount = [...marks].filter(mark => mark < rank).length;
      return fenwick.below(rank) === recount && fenwick.has(rank) === marks.has(rank);
    }),
  );
});
