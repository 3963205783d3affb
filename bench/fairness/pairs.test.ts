import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { countPairs, GAP_BOUNDS_MS, type PairCounts, type Placed } from './pairs.ts';

/** The definition itself: looks at every pair. */
function countOneByOne(placed: readonly Placed[]): PairCounts {
  const pairs = new Array<number>(GAP_BOUNDS_MS.length + 1).fill(0);
  const swapped = [...pairs];
  for (const [index, a] of placed.entries()) {
    for (const b of placed.slice(index + 1)) {
      const [first, second] = a.arrivedUs <= b.arrivedUs ? [a, b] : [b, a];
      const gapMs = (second.arrivedUs - first.arrivedUs) / 1_000;
      const bucket = GAP_BOUNDS_MS.filter(bound => gapMs >= bound).length;
      pairs[bucket] = (pairs[bucket] ?? 0) + 1;
      if (first.key > second.key) swapped[bucket] = (swapped[bucket] ?? 0) + 1;
    }
  }
  return { pairs, swapped };
}

test('counts each pair in the bucket of its gap', () => {
  const person = fc.record({
    arrivedUs: fc.integer({ min: 0, max: 2_000_000 }),
    key: fc.integer({ min: 0, max: 500 }),
  });
  fc.assert(
    fc.property(fc.uniqueArray(person, { maxLength: 60, selector: ({ arrivedUs }) => arrivedUs }), people => {
      assert.deepEqual(countPairs(people), countOneByOne(people));
    }),
  );
});

test('a bound belongs to the next bucket', () => {
  const at = (ms: number, key: number): Placed => ({ arrivedUs: ms * 1_000, key });
  assert.deepEqual(countPairs([at(0, 2), at(1, 1)]), {
    pairs: [0, 1, 0, 0, 0, 0],
    swapped: [0, 1, 0, 0, 0, 0],
  });
  assert.deepEqual(countPairs([at(0, 1), at(500, 2)]).pairs, [0, 0, 0, 0, 0, 1]);
});

test('counts no swaps in order, and only swaps in reverse', () => {
  const people = Array.from({ length: 3_000 }, (_, index) => ({ arrivedUs: index * 1_000, key: index }));
  assert.deepEqual(countPairs(people).swapped, [0, 0, 0, 0, 0, 0]);
  const { pairs, swapped } = countPairs(people.map(({ arrivedUs, key }) => ({ arrivedUs, key: -key })));
  assert.deepEqual(swapped, pairs);
  assert.equal(
    pairs.reduce((sum, count) => sum + count, 0),
    (3_000 * 2_999) / 2,
  );
});
