/**
 * The draw "fairline draw 2", repeated. Seed = HKDF-SHA-256(randomness, rules hash, "fairline seed 1" || pool root ||
 * pool count). An entrant's key is the least of HMAC-SHA-256(seed, leaf hash || ticket) over its tickets; entrants are
 * ordered by key, and by stamp where keys are equal. Excluded ones are skipped, and with a group limit those whose group
 * already has as many winners and alternates; the first of the others win, tier by tier, and the next are the alternates.
 */
import { compare, concat, u32, u64, utf8 } from './bytes.ts';
import { hkdf32, hmac, keyBlock, type Sha256 } from './hmac.ts';
import { BLOCK_BYTES, HASH_BYTES, LANES, type Lanes, pad } from './lanes.ts';
import type { HashList } from './merkle.ts';

/** What stands in the book's last line, or in a proof, beside the seed. */
export type Revealed =
  | { readonly source: 'commit'; readonly secret: Uint8Array }
  | { readonly source: 'drand'; readonly round: number; readonly signature: Uint8Array };

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

/** An entrant's key, for one that is looked at by itself. */
export function keyOf(seed: Uint8Array, leaf: Uint8Array, tickets: number, hash: Sha256): Uint8Array {
  let least = hmac(seed, concat(leaf, u32(0)), hash);
  for (let ticket = 1; ticket < tickets; ticket++) {
    const key = hmac(seed, concat(leaf, u32(ticket)), hash);
    if (compare(key, least) < 0) least = key;
  }
  return least;
}

/** The pool as the draw sees it; indexes are of entries in stamp order. */
export interface Pool {
  readonly size: number;
  readonly leaves: HashList;
  /** 0 for one that takes no part: withdrawn or excluded. */
  readonly tickets: (index: number) => number;
  /** Undefined for an entrant in no group. */
  readonly group: (index: number) => string | undefined;
}

export interface Drawn {
  readonly winners: readonly number[];
  readonly alternates: readonly number[];
}

/** Where the HMACs of four tickets lie in the memory of the lanes: inner messages, outer messages, keys. */
const OUTER_AT = LANES * BLOCK_BYTES;
const KEYS_AT = 2 * OUTER_AT;
export const DRAW_BYTES = KEYS_AT + LANES * HASH_BYTES;
const TICKET_AT = HASH_BYTES;

export class Draw {
  readonly #pool: Pool;
  readonly #seed: Uint8Array;
  readonly #hash: Sha256;

  constructor(pool: Pool, seed: Uint8Array, hash: Sha256) {
    this.#pool = pool;
    this.#seed = seed;
    this.#hash = hash;
  }

  /**
   * Draws. Keys are first compared by their first 48 bits, which are exact as numbers; whole ones are computed only for
   * those that agree in these. `at` is where DRAW_BYTES of the memory of `lanes` are free.
   */
  draw(winners: number, alternates: number, groupLimit: number | null, lanes: Lanes, at: number): Drawn {
    const starts = this.#startsOfKeys(lanes, at);
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

  /** Those whose key begins below `bound`, in the order of the draw. */
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

  /** The first 48 bits of each entrant's key; infinity for those who take no part. */
  #startsOfKeys(lanes: Lanes, at: number): Float64Array {
    const { size, leaves, tickets } = this.#pool;
    const starts = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
    const inner = lanes.midstate(0, keyBlock(this.#seed, 'inner', this.#hash));
    const outer = lanes.midstate(1, keyBlock(this.#seed, 'outer', this.#hash));
    for (let lane = 0; lane < LANES; lane++) {
      pad(lanes.bytes, at + lane * BLOCK_BYTES, HASH_BYTES + 4, BLOCK_BYTES);
      pad(lanes.bytes, at + OUTER_AT + lane * BLOCK_BYTES, HASH_BYTES, BLOCK_BYTES);
    }
    const view = new DataView(lanes.bytes.buffer);
    const owners = new Uint32Array(LANES);
    let filled = 0;
    const run = (): void => {
      lanes.run(inner, at, BLOCK_BYTES, 1, at + OUTER_AT, BLOCK_BYTES);
      lanes.run(outer, at + OUTER_AT, BLOCK_BYTES, 1, at + KEYS_AT, HASH_BYTES);
      for (let lane = 0; lane < filled; lane++) {
        const keyAt = at + KEYS_AT + lane * HASH_BYTES;
        const start = view.getUint32(keyAt) * 0x1_0000 + view.getUint16(keyAt + 4);
        const owner = owners[lane] ?? 0;
        if (start < (starts[owner] ?? 0)) starts[owner] = start;
      }
      filled = 0;
    };
    for (let index = 0; index < size; index++) {
      const count = tickets(index);
      for (let ticket = 0; ticket < count; ticket++) {
        const to = at + filled * BLOCK_BYTES;
        leaves.copy(index, lanes.words, to / 4);
        view.setUint32(to + TICKET_AT, ticket);
        owners[filled++] = index;
        if (filled === LANES) run();
      }
    }
    run();
    return starts;
  }
}

const STARTS_BITS = 48;
const BUCKETS_BITS = 16;
const BUCKET = 2 ** (STARTS_BITS - BUCKETS_BITS);

/** A number below which at least `wanted` of the starts of keys lie, and not many more; infinity if there are fewer. */
function boundOf(starts: Float64Array, wanted: number): number {
  const counts = new Uint32Array(2 ** BUCKETS_BITS);
  for (const start of starts) {
    if (start !== Number.POSITIVE_INFINITY)
      counts[Math.floor(start / BUCKET)] = (counts[Math.floor(start / BUCKET)] ?? 0) + 1;
  }
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    below += count;
    if (below >= wanted) return (bucket + 1) * BUCKET;
  }
  return Number.POSITIVE_INFINITY;
}
