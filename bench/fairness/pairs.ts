/** Counts the pairs whose order differs from that of their arrival, by how far apart they arrived: all pairs, no sample. */
import { Fenwick } from '../../gateway/shared/fenwick.ts';

/** Bounds between buckets, milliseconds: below the first, between each and the next, from the last on. */
export const GAP_BOUNDS_MS = [1, 5, 20, 100, 500] as const;
export const GAP_NAMES = ['<1 ms', '1-5 ms', '5-20 ms', '20-100 ms', '100-500 ms', '>500 ms'] as const;

/** One client: when they arrived at the edge, and the key that orders the queue. */
export interface Placed {
  readonly arrivedUs: number;
  readonly key: number;
}

/** Counts, one for each of GAP_NAMES. */
export interface PairCounts {
  readonly pairs: readonly number[];
  /** Those pairs whose keys are not in the order of their arrival. Equal keys count as in order. */
  readonly swapped: readonly number[];
}

/**
 * Counts all n(n-1)/2 pairs in O(n log n) for each bound. Goes through the clients by arrival and marks, by the rank of
 * their keys, those who arrived at least the bound earlier; marks above a client's own rank are clients who should stand
 * before it.
 */
export function countPairs(placed: readonly Placed[]): PairCounts {
  const arrived = [...placed].sort((a, b) => a.arrivedUs - b.arrivedUs);
  const ranks = ranksOf(arrived);
  const beyond = [0, ...GAP_BOUNDS_MS].map(ms => countBeyond(arrived, ranks, ms * 1_000));
  const between = (of: 'pairs' | 'swapped'): number[] =>
    beyond.map((counts, index) => counts[of] - (beyond[index + 1]?.[of] ?? 0));
  return { pairs: between('pairs'), swapped: between('swapped') };
}

/** The rank of each key among all; of equal keys, the one that arrived first ranks first. */
function ranksOf(arrived: readonly Placed[]): Int32Array {
  const byKey = arrived.map((_, index) => index);
  byKey.sort((a, b) => (arrived[a]?.key ?? 0) - (arrived[b]?.key ?? 0) || a - b);
  const ranks = new Int32Array(arrived.length);
  for (const [rank, index] of byKey.entries()) ranks[index] = rank;
  return ranks;
}

/** Pairs that are at least `gapUs` apart. */
function countBeyond(
  arrived: readonly Placed[],
  ranks: Int32Array,
  gapUs: number,
): { readonly pairs: number; readonly swapped: number } {
  const before = new Fenwick();
  let marked = 0;
  let pairs = 0;
  let swapped = 0;
  for (const [index, { arrivedUs }] of arrived.entries()) {
    while (marked < index && (arrived[marked]?.arrivedUs ?? 0) <= arrivedUs - gapUs) {
      before.mark(ranks[marked] ?? 0);
      marked += 1;
    }
    pairs += marked;
    swapped += marked - before.below(ranks[index] ?? 0);
  }
  return { pairs, swapped };
}

export function addCounts(a: PairCounts, b: PairCounts | undefined): PairCounts {
  if (b === undefined) return a;
  const sum = (x: readonly number[], y: readonly number[]): number[] =>
    x.map((value, index) => value + (y[index] ?? 0));
  return { pairs: sum(a.pairs, b.pairs), swapped: sum(a.swapped, b.swapped) };
}
