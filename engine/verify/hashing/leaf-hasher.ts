/** Leaf hashes of entries, four at a time. */
import { ENTRY, LEAF_AT, LEAF_BYTES } from '../receipts/leaf.ts';
import { u32 } from '../text/bytes.ts';
import { BLOCK_BYTES, HASH_BYTES, INITIAL_STATE, LANES, type Lanes, pad } from './lanes.ts';
import { HASH_WORDS } from './merkle.ts';

/** A piece of the entries, as long as its stamps. */
export interface LeavesJob {
  readonly kind: 'leaves';
  readonly campaign: number;
  readonly stamps: Float64Array;
  readonly sources: Uint8Array;
  /** HASH_WORDS words each. */
  readonly whos: Uint32Array;
  /** Receives the hashes. */
  readonly leaves: Uint32Array;
}

/** A message begins one byte after a multiple of four, so that `who` begins at a multiple and is copied as words. */
const MESSAGE_AT = 1;
const PREFIX_BYTES = 1;
const DATA_AT = MESSAGE_AT + PREFIX_BYTES;
const DIGESTS_AT = LANES * BLOCK_BYTES + 16;
/** Digests are copied out once there are this many. */
const MOST_DIGESTS = 256;
export const LEAVES_BYTES = DIGESTS_AT + MOST_DIGESTS * HASH_BYTES;

export class LeafHasher {
  readonly #lanes: Lanes;
  readonly #at: number;
  readonly #view: DataView;

  /** `at`: where LEAVES_BYTES of the memory of `lanes` are reserved for this. */
  constructor(lanes: Lanes, at: number) {
    this.#lanes = lanes;
    this.#at = at;
    this.#view = new DataView(lanes.bytes.buffer);
    for (let lane = 0; lane < LANES; lane++) {
      const message = at + lane * BLOCK_BYTES + MESSAGE_AT;
      pad(lanes.bytes, message, PREFIX_BYTES + LEAF_BYTES, 0);
      lanes.bytes[message] = 0;
      lanes.bytes[message + PREFIX_BYTES + LEAF_AT.kind] = ENTRY;
    }
  }

  run(job: LeavesJob): void {
    const { words } = this.#lanes;
    const count = job.stamps.length;
    this.#setCampaign(job.campaign);
    const digests = this.#at + DIGESTS_AT;
    for (let from = 0; from < count; from += MOST_DIGESTS) {
      const size = Math.min(MOST_DIGESTS, count - from);
      for (let first = 0; first < size; first += LANES) {
        this.#write(job, from + first, Math.min(LANES, size - first));
        // Lanes after the last entry hash whatever is there.
        const to = digests + first * HASH_BYTES;
        this.#lanes.run(INITIAL_STATE, this.#at + MESSAGE_AT, BLOCK_BYTES, 1, to, HASH_BYTES);
      }
      job.leaves.set(words.subarray(digests / 4, digests / 4 + size * HASH_WORDS), from * HASH_WORDS);
    }
  }

  #setCampaign(campaign: number): void {
    for (let lane = 0; lane < LANES; lane++) {
      this.#lanes.bytes.set(u32(campaign), this.#at + lane * BLOCK_BYTES + DATA_AT + LEAF_AT.campaign);
    }
  }

  #write({ stamps, sources, whos }: LeavesJob, first: number, size: number): void {
    const { bytes, words } = this.#lanes;
    for (let lane = 0; lane < size; lane++) {
      const data = this.#at + lane * BLOCK_BYTES + DATA_AT;
      const stamp = stamps[first + lane] ?? 0;
      bytes[data + LEAF_AT.source] = sources[first + lane] ?? 0;
      this.#view.setUint32(data + LEAF_AT.stamp, Math.floor(stamp / 0x1_0000_0000));
      this.#view.setUint32(data + LEAF_AT.stamp + 4, stamp >>> 0);
      const to = (data + LEAF_AT.who) / 4;
      const from = (first + lane) * HASH_WORDS;
      for (let word = 0; word < HASH_WORDS; word++) words[to + word] = whos[from + word] ?? 0;
    }
  }
}
