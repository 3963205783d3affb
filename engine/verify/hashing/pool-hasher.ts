/** Hashes the pieces of a pool, four leaves at a time; book/pool.ts defines the leaves. */
import { concat } from '../text/bytes.ts';
import type { Sha256 } from './hmac.ts';
import { BLOCK_BYTES, FREE_AT, HASH_BYTES, INITIAL_STATE, LANES, type Lanes, pad } from './lanes.ts';
import { copyHash, HASH_WORDS, type TreeHasher } from './merkle.ts';

/** A piece of the pool, and so a subtree. */
export interface PoolJob {
  readonly kind: 'pool';
  /** The entries, and those pieces of the list of leaf hashes that contain theirs, beginning with entry `first`. */
  readonly entries: Uint32Array;
  readonly first: number;
  readonly pieces: readonly Uint32Array[];
  /** Of each entry; undefined if the pool's leaves are those of the entries. */
  readonly tickets: Uint16Array | undefined;
  /** For entries in a group or excluded: their index, and the bytes after the leaf hash. */
  readonly terms: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  /** Receives the root, HASH_WORDS words. */
  readonly root: Uint32Array;
}

/** The leaf message of an entry without group or exclusion: prefix, hash, tickets, and a zero for each of those. */
const PLAIN_BYTES = 1 + HASH_BYTES + 4;
const TICKETS_AT = 1 + HASH_BYTES;

/** If this many bytes precede the prefix, the hash begins at a word. */
const MESSAGE_AT = 3;
export const POOL_BYTES = LANES * BLOCK_BYTES + 4;
const PREFIX = Uint8Array.of(0);

export class PoolHasher {
  readonly #lanes: Lanes;
  readonly #trees: TreeHasher;
  readonly #at: number;
  readonly #hash: Sha256;

  /** `at`: where POOL_BYTES of the memory of `lanes` are reserved for this. */
  constructor(lanes: Lanes, trees: TreeHasher, at: number, hash: Sha256) {
    this.#lanes = lanes;
    this.#trees = trees;
    this.#at = at;
    this.#hash = hash;
    lanes.bytes.fill(0, at, at + POOL_BYTES);
    for (let lane = 0; lane < LANES; lane++) {
      pad(lanes.bytes, at + MESSAGE_AT + lane * BLOCK_BYTES, PLAIN_BYTES, 0);
    }
  }

  run(job: PoolJob): void {
    const { tickets } = job;
    const root = this.#trees.root(job.entries.length, (from, count) => {
      if (tickets === undefined) this.#copyLeaves(job, from, count);
      else this.#bindLeaves(job, tickets, from, count);
    });
    job.root.set(new Uint32Array(root.buffer));
  }

  #copyLeaves({ pieces, entries, first }: PoolJob, from: number, count: number): void {
    for (let leaf = 0; leaf < count; leaf++) {
      const to = FREE_AT / 4 + leaf * HASH_WORDS;
      copyHash(pieces, (entries[from + leaf] ?? first) - first, this.#lanes.words, to);
    }
  }

  #bindLeaves(job: PoolJob, tickets: Uint16Array, from: number, count: number): void {
    const { bytes, words } = this.#lanes;
    for (let first = 0; first < count; first += LANES) {
      // Lanes after the last leaf hash whatever is there; there is room for their digests after the leaves.
      for (let lane = 0; lane < LANES; lane++) {
        const at = from + first + lane;
        const message = this.#at + MESSAGE_AT + lane * BLOCK_BYTES;
        copyHash(job.pieces, (job.entries[at] ?? job.first) - job.first, words, (message + 1) / 4);
        const held = tickets[at] ?? 0;
        bytes[message + TICKETS_AT] = held >>> 8;
        bytes[message + TICKETS_AT + 1] = held;
      }
      const digests = FREE_AT + first * HASH_BYTES;
      this.#lanes.run(INITIAL_STATE, this.#at + MESSAGE_AT, BLOCK_BYTES, 1, digests, HASH_BYTES);
    }
    this.#bindTerms(job, from, count);
  }

  /** Replaces the leaves of entries that have a longer message. */
  #bindTerms({ pieces, entries, first, terms }: PoolJob, from: number, count: number): void {
    const leaf = new Uint32Array(HASH_WORDS);
    for (const { at, bytes } of terms) {
      if (at < from || at >= from + count) continue;
      copyHash(pieces, (entries[at] ?? first) - first, leaf, 0);
      const digest = this.#hash.sha256(concat(PREFIX, new Uint8Array(leaf.buffer), bytes));
      this.#lanes.bytes.set(digest, FREE_AT + (at - from) * HASH_BYTES);
    }
  }
}
