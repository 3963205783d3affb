/**
 * Repeats the draw "fairline draw 2". Seed = HKDF-SHA-256(randomness, rules hash, "fairline seed 1" || pool root || pool
 * count). An entrant's key is the least of HMAC-SHA-256(seed, leaf hash || ticket) over its tickets; entrants are ordered by
 * key, and by stamp if keys are equal. Excluded ones are skipped, and with a group limit those whose group already has that
 * many winners and alternates. The first of the others win, tier by tier, and the next are the alternates.
 */
import { hkdf32, hmac, type Sha256 } from '../hashing/hmac.ts';
import type { HashList } from '../hashing/merkle.ts';
import { compare, concat, u32, u64, utf8 } from '../text/bytes.ts';

/** The revealed randomness in the book's last line, or in a proof. */
export type Revealed =
  | { readonly source: 'commit'; readonly secret: Uint8Array }
  | {
      readonly source: 'drand';
      readonly round: number;
      readonly signature: Uint8Array;
      /** When the pool was frozen, if stated: the freeze required a later round than the announced one. */
      readonly frozenAtUs: number | undefined;
    };

export function seedOf(
  randomness: Uint8Array,
  rulesHash: Uint8Array,
  poolRoot: Uint8Array,
  poolCount: number,
  hash: Sha256,
): Uint8Array {
  return hkdf32(randomness, rulesHash, concat(utf8('fairline seed 1'), poolRoot, u64(poolCount)), hash);
}

export function commitmentTo(secret: Uint8Array, { sha256 }: Sha256): Uint8Array {
  return sha256(concat(utf8('fairline commit 1'), secret));
}

/** The key of a single entrant. */
export function keyOf(seed: Uint8Array, leaf: Uint8Array, tickets: number, hash: Sha256): Uint8Array {
  let least = hmac(seed, concat(leaf, u32(0)), hash);
  for (let ticket = 1; ticket < tickets; ticket++) {
    const key = hmac(seed, concat(leaf, u32(ticket)), hash);
    if (compare(key, least) < 0) least = key;
  }
  return least;
}

/** The pool as input of the draw; indexes are of entries in stamp order. */
export interface DrawPool {
  readonly leaves: HashList;
  /** 0 if it does not take part: withdrawn or excluded. */
  readonly tickets: (index: number) => number;
  /** Undefined for an entrant in no group. */
  readonly group: (index: number) => string | undefined;
}

export interface Drawn {
  readonly winners: readonly number[];
  readonly alternates: readonly number[];
}

export class Draw {
  readonly #pool: DrawPool;
  readonly #seed: Uint8Array;
  readonly #hash: Sha256;

  constructor(pool: DrawPool, seed: Uint8Array, hash: Sha256) {
    this.#pool = pool;
    this.#seed = seed;
    this.#hash = hash;
  }

  /**
   * Draws. Keys are first compared by their first 48 bits, `starts` (hashing/draw-keys.ts); whole keys are computed only if
   * these are equal.
   */
  draw(starts: Float64Array, winners: number, alternates: number, groupLimit: number | null): Drawn {
    const wanted = winners + alternates;
    for (let looked = wanted; ; looked *= 4) {
      const bound = boundOf(starts, looked);
      const taken = this.#takeFirst(this.#ordered(starts, bound), wanted, groupLimit);
      if (taken.length === wanted || bound === Number.POSITIVE_INFINITY) {
        return { winners: taken.slice(0, winners), alternates: taken.slice(winners) };
      }
    }
  }

  #takeFirst(ordered: readonly number[], wanted: number, groupLimit: number | null): number[] {
    const taken: number[] = [];
    const inGroup = new Map<string, number>();
    for (const index of ordered) {
      if (taken.length === wanted) break;
      const group = groupLimit === null ? undefined : this.#pool.group(index);
      if (group !== undefined && groupLimit !== null) {
        const count = inGroup.get(group) ?? 0;
        if (count >= groupLimit) continue;
        inGroup.set(group, count + 1);
      }
      taken.push(index);
    }
    return taken;
  }

  /** The entrants whose key begins below `bound`, in the order of the draw. */
  #ordered(starts: Float64Array, bound: number): number[] {
    const found: number[] = [];
    for (let index = 0; index < starts.length; index++) {
      if ((starts[index] ?? bound) < bound) found.push(index);
    }
    // Indexes are in stamp order, and the sort is stable.
    return found.sort(
      (a, b) => (starts[a] ?? 0) - (starts[b] ?? 0) || compare(this.#wholeKey(a), this.#wholeKey(b)),
    );
  }

  #wholeKey(index: number): Uint8Array {
    return keyOf(this.#seed, this.#pool.leaves.at(index), this.#pool.tickets(index), this.#hash);
  }
}

const STARTS_BITS = 48;
const BUCKETS_BITS = 16;
const BUCKET = 2 ** (STARTS_BITS - BUCKETS_BITS);

/** A number with at least `wanted` of the starts of keys below it, and not many more; infinity if there are fewer. */
function boundOf(starts: Float64Array, wanted: number): number {
  const counts = new Uint32Array(2 ** BUCKETS_BITS);
  for (let index = 0; index < starts.length; index++) {
    const start = starts[index] ?? Number.POSITIVE_INFINITY;
    if (start === Number.POSITIVE_INFINITY) continue;
    const bucket = Math.floor(start / BUCKET);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  let below = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    below += counts[bucket] ?? 0;
    if (below >= wanted) return (bucket + 1) * BUCKET;
  }
  return Number.POSITIVE_INFINITY;
}
