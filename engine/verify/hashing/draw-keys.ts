/**
 * The keys of a draw's entrants, four tickets at a time, as far as ordering nearly all of them needs: the first 48 bits,
 * which numbers represent exactly.
 */
import { keyBlock, type Sha256 } from './hmac.ts';
import { BLOCK_BYTES, HASH_BYTES, LANES, type Lanes, pad } from './lanes.ts';
import { HASH_WORDS } from './merkle.ts';

/** A piece of the entries, as long as `starts`. */
export interface KeysJob {
  readonly kind: 'keys';
  readonly seed: Uint8Array;
  /** HASH_WORDS words each. */
  readonly leaves: Uint32Array;
  /** 0 for an entry that does not take part. */
  readonly tickets: Uint16Array;
  /** Receives the first 48 bits of each key; infinity for entries that do not take part. */
  readonly starts: Float64Array;
}

/** The HMACs of four tickets in the memory of the lanes: inner messages, outer messages, keys. */
const OUTER_AT = LANES * BLOCK_BYTES;
const DIGESTS_AT = 2 * OUTER_AT;
export const KEYS_BYTES = DIGESTS_AT + LANES * HASH_BYTES;
const TICKET_AT = HASH_BYTES;

export class KeyHasher {
  readonly #lanes: Lanes;
  readonly #at: number;
  readonly #hash: Sha256;
  readonly #view: DataView;
  /** The owners of the tickets in the lanes. */
  readonly #owners = new Uint32Array(LANES);

  /** `at`: where KEYS_BYTES of the memory of `lanes` are reserved for this. */
  constructor(lanes: Lanes, at: number, hash: Sha256) {
    this.#lanes = lanes;
    this.#at = at;
    this.#hash = hash;
    this.#view = new DataView(lanes.bytes.buffer);
    for (let lane = 0; lane < LANES; lane++) {
      pad(lanes.bytes, at + lane * BLOCK_BYTES, HASH_BYTES + 4, BLOCK_BYTES);
      pad(lanes.bytes, at + OUTER_AT + lane * BLOCK_BYTES, HASH_BYTES, BLOCK_BYTES);
    }
  }

  run({ seed, leaves, tickets, starts }: KeysJob): void {
    const { words } = this.#lanes;
    const inner = this.#lanes.midstate(0, keyBlock(seed, 'inner', this.#hash));
    const outer = this.#lanes.midstate(1, keyBlock(seed, 'outer', this.#hash));
    starts.fill(Number.POSITIVE_INFINITY);
    let filled = 0;
    for (let index = 0; index < starts.length; index++) {
      const count = tickets[index] ?? 0;
      for (let ticket = 0; ticket < count; ticket++) {
        const to = this.#at + filled * BLOCK_BYTES;
        for (let word = 0; word < HASH_WORDS; word++)
          words[to / 4 + word] = leaves[index * HASH_WORDS + word] ?? 0;
        this.#view.setUint32(to + TICKET_AT, ticket);
        this.#owners[filled++] = index;
        if (filled < LANES) continue;
        this.#take(inner, outer, LANES, starts);
        filled = 0;
      }
    }
    this.#take(inner, outer, filled, starts);
  }

  /** Computes the keys of the tickets in the lanes; the least of an entrant's keys counts. */
  #take(inner: number, outer: number, count: number, starts: Float64Array): void {
    const at = this.#at;
    this.#lanes.run(inner, at, BLOCK_BYTES, 1, at + OUTER_AT, BLOCK_BYTES);
    this.#lanes.run(outer, at + OUTER_AT, BLOCK_BYTES, 1, at + DIGESTS_AT, HASH_BYTES);
    for (let lane = 0; lane < count; lane++) {
      const keyAt = at + DIGESTS_AT + lane * HASH_BYTES;
      const start = this.#view.getUint32(keyAt) * 0x1_0000 + this.#view.getUint16(keyAt + 4);
      const owner = this.#owners[lane] ?? 0;
      if (start < (starts[owner] ?? 0)) starts[owner] = start;
    }
  }
}
