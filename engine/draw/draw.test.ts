import { deepEqual, equal, notDeepEqual, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Draw } from './draw.ts';
import { BATCH, type Entrant } from './pool.ts';
import type { SelectionRules } from './selection.ts';
import { plainDraw, plainLeafHash, sha256 } from './testing/plain.ts';

const SEED = sha256('a seed');

function entrant(stamp: number, more: Partial<Entrant> = {}): Entrant {
  return { userId: `user-${stamp}`, stamp, tickets: 1, group: null, excluded: null, ...more };
}

function entrants(count: number): Entrant[] {
  return Array.from({ length: count }, (_, index) => entrant(index));
}

/** Any 32 bytes serve as the hash of a leaf, if they are unique. */
function leafOf({ stamp }: Entrant): Buffer {
  return sha256(String(stamp));
}

function wordsOf(hashes: readonly Buffer[]): Int32Array {
  return new Int32Array(new Uint8Array(Buffer.concat(hashes)).buffer);
}

function draw(all: readonly Entrant[], rules: SelectionRules, seed: Buffer = SEED) {
  const under = new Draw<Entrant>(rules, seed);
  for (let from = 0; from < all.length; from += BATCH) {
    const batch = all.slice(from, from + BATCH);
    under.add(batch, wordsOf(batch.map(leafOf)));
  }
  return under.drawn();
}

const names = (drawn: readonly { readonly entrant: Entrant }[]): number[] =>
  drawn.map(each => each.entrant.stamp);

test('matches a plain sort for any pool, tickets, groups, number of winners and seed', () => {
  const terms = fc.record({
    tickets: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 12 })),
    group: fc.option(fc.constantFrom('x', 'y', 'z')),
    excluded: fc.option(fc.constant('staff'), { freq: 5 }),
  });
  fc.assert(
    fc.property(
      fc.array(terms, { maxLength: 300 }),
      fc.integer({ min: 1, max: 40 }),
      fc.option(fc.integer({ min: 1, max: 10 })),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      (given, size, groupLimit, bytes) => {
        const all = given.map((each, stamp) => entrant(stamp, each));
        const seed = Buffer.from(bytes);
        const rules = { size, groupLimit };
        deepEqual(draw(all, rules, seed), plainDraw(all, all.map(leafOf), rules, seed));
      },
    ),
    { numRuns: 60 },
  );
});

test('handles the most tickets allowed, across the end of a batch', () => {
  const all = [
    entrant(1, { tickets: 1_000 }),
    entrant(2, { tickets: 999 }),
    entrant(3, { tickets: 1_000 }),
    entrant(4),
  ];
  const rules = { size: 4, groupLimit: null };
  deepEqual(draw(all, rules), plainDraw(all, all.map(leafOf), rules, SEED));
});

test('draws all entrants, in draw order, when there are fewer than winners', () => {
  const drawn = names(draw(entrants(5), { size: 100, groupLimit: null }));
  notDeepEqual(drawn, [0, 1, 2, 3, 4]);
  deepEqual(drawn.toSorted(), [0, 1, 2, 3, 4]);
});

test('draws nobody from an empty or fully excluded pool', () => {
  deepEqual(draw([], { size: 3, groupLimit: null }), []);
  const all = entrants(9).map(each => ({ ...each, excluded: 'staff' }));
  deepEqual(draw(all, { size: 3, groupLimit: null }), []);
});

test('a longer draw starts with the same people: the next alternate is the next winner', () => {
  const all = entrants(3_000);
  const more = names(draw(all, { size: 500, groupLimit: null }));
  deepEqual(more.slice(0, 7), names(draw(all, { size: 7, groupLimit: null })));
});

test('another seed draws other winners', () => {
  const rules = { size: 10, groupLimit: null };
  notDeepEqual(names(draw(entrants(100), rules)), names(draw(entrants(100), rules, sha256('another'))));
});

test('rejects inconsistent input', () => {
  throws(() => new Draw({ size: 1, groupLimit: null }, Buffer.alloc(16)), /16 bytes, not 32/);
  const under = new Draw({ size: 1, groupLimit: null }, SEED);
  throws(() => under.add(entrants(2), new Int32Array(8)), /2 entrants but 8 words/);
});

/** Pearson's statistic. */
function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  return counts.reduce((sum, count, index) => {
    const wanted = expected[index] ?? Number.NaN;
    return sum + (count - wanted) ** 2 / wanted;
  }, 0);
}

// The seeds are fixed, so these tests cannot be flaky. One fair draw in a thousand exceeds the bounds.

test('draws 20,000 of 200,000 entrants evenly', () => {
  const count = 200_000;
  const size = 20_000;
  const under = new Draw<Entrant>({ size, groupLimit: null }, sha256('chi-square'));
  for (let from = 0; from < count; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - from) }, (_, index) => entrant(from + index));
    under.add(batch, wordsOf(batch.map(each => plainLeafHash(7, 'salt', each))));
  }
  const buckets = new Array<number>(100).fill(0);
  for (const stamp of names(under.drawn())) {
    const bucket = Math.floor((stamp * 100) / count);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  const statistic = chiSquare(
    buckets,
    buckets.map(() => size / 100),
  );
  ok(statistic < 148.2, `chi-square is ${statistic}, with 99 degrees of freedom`);
  // A draw that went through the pool evenly would not be random either.
  ok(statistic > 45, `chi-square is ${statistic}, with 99 degrees of freedom`);
});

test('draws 60,000 entrants with 1 to 6 tickets in proportion to their tickets', () => {
  const size = 6_000;
  const all = Array.from({ length: 60_000 }, (_, stamp) => entrant(stamp, { tickets: 1 + (stamp % 6) }));
  const drawn = draw(all, { size, groupLimit: null }, sha256('weights'));
  equal(drawn.length, size);
  const wins = new Array<number>(6).fill(0);
  for (const { entrant: winner } of drawn) wins[winner.tickets - 1] = (wins[winner.tickets - 1] ?? 0) + 1;
  // Keys are uniform, and those below a bound are drawn; an entrant with w tickets misses it with (1 - bound)^w.
  const shares = (bound: number): number[] =>
    wins.map((_, index) => 10_000 * (1 - (1 - bound) ** (index + 1)));
  let [low, high] = [0, 1];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    const sum = shares(middle).reduce((total, share) => total + share, 0);
    [low, high] = sum < size ? [middle, high] : [low, middle];
  }
  const statistic = chiSquare(wins, shares(low));
  ok(statistic < 20.5, `chi-square is ${statistic}, with 5 degrees of freedom; ${wins}`);
});
