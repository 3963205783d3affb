/**
 * Proves on small pools that the draw is fair: the tests go through every order of the tickets, and compare how often each
 * result comes out with its probability when tickets are drawn one by one without replacement. Both are exact fractions.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Selection } from './selection.ts';

interface Contestant {
  readonly name: string;
  readonly stamp: number;
  readonly tickets: number;
  readonly group: string | null;
}

function contestants(...tickets: (number | readonly [tickets: number, group: string])[]): Contestant[] {
  return tickets.map((each, index) => {
    const [count, group] = typeof each === 'number' ? [each, null] : each;
    return { name: String.fromCharCode(97 + index), stamp: index, tickets: count, group };
  });
}

/** A key with this rank among others. */
function keyAt(rank: number): string {
  return String.fromCharCode(rank).padEnd(32, '\0');
}

function* ordersOf(count: number): Generator<number[]> {
  const order = Array.from({ length: count }, (_, index) => index);
  const turns = new Array<number>(count).fill(0);
  yield order;
  // Heap, "Permutations by Interchanges" (1963), without recursion.
  for (let at = 1; at < count; ) {
    if ((turns[at] ?? 0) < at) {
      const other = at % 2 === 0 ? 0 : (turns[at] ?? 0);
      [order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0];
      yield order;
      turns[at] = (turns[at] ?? 0) + 1;
      at = 1;
    } else {
      turns[at] = 0;
      at += 1;
    }
  }
}

/** How often each result comes out, over all orders of the tickets. */
function counted(all: readonly Contestant[], size: number, groupLimit: number | null): Map<string, bigint> {
  const counts = new Map<string, bigint>();
  const tickets = all.reduce((sum, each) => sum + each.tickets, 0);
  for (const order of ordersOf(tickets)) {
    const selection = new Selection<Contestant>({ size, groupLimit });
    let ticket = 0;
    for (const each of all) {
      for (let own = 0; own < each.tickets; own++) selection.offer(each, keyAt(order[ticket++] ?? 0));
    }
    const result = selection
      .drawn()
      .map(({ entrant }) => entrant.name)
      .join('');
    counts.set(result, (counts.get(result) ?? 0n) + 1n);
  }
  return counts;
}

/**
 * The probability of each result when tickets are drawn one by one without replacement and a ticket counts if its owner may
 * still be drawn, times `orders`. It throws if the product is not whole.
 */
function expected(
  all: readonly Contestant[],
  size: number,
  groupLimit: number | null,
  orders: bigint,
): Map<string, bigint> {
  const counts = new Map<string, bigint>();
  const goOn = (
    taken: readonly Contestant[],
    left: readonly Contestant[],
    share: bigint,
    over: bigint,
  ): void => {
    const isFull = (group: string | null): boolean =>
      group !== null &&
      groupLimit !== null &&
      taken.filter(each => each.group === group).length >= groupLimit;
    // Tickets of entrants who are drawn already, or can no longer be drawn, change nothing: as if they did not exist.
    const open = left.filter(each => !isFull(each.group));
    if (taken.length === size || open.length === 0) {
      equal((share * orders) % over, 0n);
      const name = taken.map(each => each.name).join('');
      counts.set(name, (counts.get(name) ?? 0n) + (share * orders) / over);
      return;
    }
    const tickets = BigInt(open.reduce((sum, each) => sum + each.tickets, 0));
    for (const next of open) {
      const rest = open.filter(each => each !== next);
      goOn([...taken, next], rest, share * BigInt(next.tickets), over * tickets);
    }
  };
  goOn([], all, 1n, 1n);
  return counts;
}

const sorted = (counts: Map<string, bigint>): unknown => [...counts].sort(([a], [b]) => (a < b ? -1 : 1));

const pools: readonly [all: Contestant[], size: number, groupLimit: number | null][] = [
  [contestants(1, 1, 1, 1, 1), 2, null],
  [contestants(1, 1, 1, 1, 1, 1), 6, null],
  [contestants(1, 2, 3), 1, null],
  [contestants(1, 2, 3), 3, null],
  [contestants(4, 1, 1, 1), 2, null],
  [contestants(2, 3, 1, 2), 3, null],
  [contestants([1, 'x'], [1, 'x'], [1, 'y'], 1, 1), 3, 1],
  [contestants([2, 'x'], [1, 'x'], [2, 'y'], [1, 'y'], 1), 3, 1],
  [contestants([1, 'x'], [2, 'x'], [1, 'x'], [3, 'y']), 4, 2],
  [contestants([3, 'x'], [2, 'x'], [1, 'x']), 3, 1],
];

for (const [all, size, groupLimit] of pools) {
  const who = all.map(each => `${each.tickets}${each.group ?? ''}`).join(' ');
  test(`draws ${size} among ticket counts ${who}, at most ${groupLimit ?? 'any'} per group, with the right probabilities`, () => {
    const counts = counted(all, size, groupLimit);
    const orders = [...counts.values()].reduce((sum, count) => sum + count, 0n);
    deepEqual(sorted(counts), sorted(expected(all, size, groupLimit, orders)));
    ok(counts.size > 1);
  });
}

test('pruning midway changes nothing, with or without groups', () => {
  const contestant = fc.record({ key: fc.nat(0xffff), group: fc.option(fc.constantFrom('x', 'y', 'z')) });
  fc.assert(
    fc.property(
      fc.array(contestant, { minLength: 2_000, maxLength: 4_000 }),
      fc.integer({ min: 1, max: 300 }),
      fc.option(fc.integer({ min: 1, max: 150 })),
      (given, size, groupLimit) => {
        const all = given.map((each, stamp) => ({ ...each, stamp }));
        const selection = new Selection<(typeof all)[number]>({ size, groupLimit });
        for (const each of all) {
          const key = Buffer.alloc(32);
          key.writeUInt32BE(each.key);
          if (each.key <= selection.greatestWord) selection.offer(each, key.toString('latin1'));
        }
        const taken: typeof all = [];
        for (const each of all.toSorted((a, b) => a.key - b.key || a.stamp - b.stamp)) {
          const ofGroup = taken.filter(({ group }) => group === each.group).length;
          const isFull = each.group !== null && groupLimit !== null && ofGroup >= groupLimit;
          if (!isFull && taken.length < size) taken.push(each);
        }
        deepEqual(
          selection.drawn().map(({ entrant }) => entrant.stamp),
          taken.map(({ stamp }) => stamp),
        );
      },
    ),
    { numRuns: 30 },
  );
});

test('breaks a tie of keys by the earlier stamp', () => {
  const selection = new Selection<Contestant>({ size: 2, groupLimit: null });
  const [a, b, c] = contestants(1, 1, 1);
  for (const each of [c, a, b]) if (each !== undefined) selection.offer(each, keyAt(1));
  deepEqual(
    selection.drawn().map(({ entrant }) => entrant.name),
    ['a', 'b'],
  );
});
