/**
 * The root over a book's pool: all entries that are not withdrawn, by stamp. A coupon's leaves are those of the entries; a
 * raffle's bind what decides the draw beside them, H(0x00 || leaf hash || tickets u16 || group || exclusion), the last two
 * being one byte 0 where there is none, else 1 and 32 bytes.
 */
import { concat, u16 } from './bytes.ts';
import type { Entries } from './entries.ts';
import type { Sha256 } from './hmac.ts';
import { BLOCK_BYTES, FREE_AT, HASH_BYTES, INITIAL_STATE, LANES, type Lanes, pad } from './lanes.ts';
import { emptyRoot, type TreeHasher } from './merkle.ts';

/** The leaf message of who is in no group and not excluded: prefix, hash, tickets, and a zero for each of those. */
const PLAIN_BYTES = 1 + HASH_BYTES + 4;
const TICKETS_AT = 1 + HASH_BYTES;
/** With the prefix behind this many bytes the hash begins with a word. */
const MESSAGE_AT = 3;
export const POOL_BYTES = LANES * BLOCK_BYTES + 4;

const PREFIX = Uint8Array.of(0);
const NONE = Uint8Array.of(0);
const SOME = Uint8Array.of(1);

export class Pool {
  readonly #entries: Entries;
  readonly #lanes: Lanes;
  readonly #at: number;
  readonly #hash: Sha256;
  /** The pool's entries in the book. */
  readonly #indexes: Uint32Array;

  /** `at` is where POOL_BYTES of the memory of `lanes` stay with this. */
  constructor(entries: Entries, lanes: Lanes, at: number, hash: Sha256) {
    this.#entries = entries;
    this.#lanes = lanes;
    this.#at = at;
    this.#hash = hash;
    this.#indexes = entries.honouredIndexes();
    lanes.bytes.fill(0, at, at + POOL_BYTES);
    for (let lane = 0; lane < LANES; lane++) {
      pad(lanes.bytes, at + MESSAGE_AT + lane * BLOCK_BYTES, PLAIN_BYTES, 0);
    }
  }

  root(kind: 'coupon' | 'raffle', trees: TreeHasher): Uint8Array {
    if (this.#indexes.length === 0) return emptyRoot(this.#hash);
    return trees.root(this.#indexes.length, (from, count) => {
      if (kind === 'coupon') this.#copyLeaves(from, count);
      else this.#bindLeaves(from, count);
    });
  }

  #copyLeaves(from: number, count: number): void {
    const { leaves } = this.#entries;
    for (let leaf = 0; leaf < count; leaf++) {
      leaves.copy(this.#indexes[from + leaf] ?? 0, this.#lanes.words, (FREE_AT + leaf * HASH_BYTES) / 4);
    }
  }

  #bindLeaves(from: number, count: number): void {
    const { bytes, words } = this.#lanes;
    const { leaves, tickets } = this.#entries;
    for (let first = 0; first < count; first += LANES) {
      // Lanes beyond the last hash what lies there; behind the leaves there is room for their digests.
      for (let lane = 0; lane < LANES; lane++) {
        const entry = this.#indexes[from + first + lane] ?? 0;
        const message = this.#at + MESSAGE_AT + lane * BLOCK_BYTES;
        leaves.copy(entry, words, (message + 1) / 4);
        const held = tickets.at(entry);
        bytes[message + TICKETS_AT] = held >>> 8;
        bytes[message + TICKETS_AT + 1] = held;
      }
      const digests = FREE_AT + first * HASH_BYTES;
      this.#lanes.run(INITIAL_STATE, this.#at + MESSAGE_AT, BLOCK_BYTES, 1, digests, HASH_BYTES);
    }
    for (let leaf = 0; leaf < count; leaf++) {
      const entry = this.#indexes[from + leaf] ?? 0;
      const [group, reason] = [this.#entries.groupHash(entry), this.#entries.reasonHash(entry)];
      if (group === undefined && reason === undefined) continue;
      bytes.set(this.#boundLeaf(entry, group, reason), FREE_AT + leaf * HASH_BYTES);
    }
  }

  #boundLeaf(entry: number, group: Uint8Array | undefined, reason: Uint8Array | undefined): Uint8Array {
    const { leaves, tickets } = this.#entries;
    const some = (hash: Uint8Array | undefined): Uint8Array =>
      hash === undefined ? NONE : concat(SOME, hash);
    return this.#hash.sha256(
      concat(PREFIX, leaves.at(entry), u16(tickets.at(entry)), some(group), some(reason)),
    );
  }
}
