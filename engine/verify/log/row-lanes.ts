/**
 * The hashes of rows whose payloads are given as bytes, four rows at a time (../hashing/lanes.ts). A row's hash covers the hash
 * that the row before states, so rows need not wait for each other. log-row.ts defines the bytes.
 */
import {
  BLOCK_BYTES,
  FREE_AT,
  HASH_BYTES,
  INITIAL_STATE,
  LANES,
  LAST_STATE,
  Lanes,
  pad,
} from '../hashing/lanes.ts';
import { HASH_WORDS } from '../hashing/merkle.ts';
import type { Primitives } from '../primitives.ts';
import { ROW_LABEL } from './log-row.ts';

/** Of four payloads, 32 KB: they stay in the core's first cache. Rows of the service rarely have 1 KB. */
const PAYLOAD_BYTES = 8_192;
/** Room for the padding, whose length has 16 bits (`pad`). */
export const MOST_PAYLOAD_BYTES = PAYLOAD_BYTES - 9;
/** label || previous 32 || seq u64 || at u64 || payload's hash 32, with its padding. */
const CHAINED_BYTES = ROW_LABEL.length + HASH_BYTES + 16 + HASH_BYTES;
const CHAINED_BLOCKS = Math.ceil((CHAINED_BYTES + 9) / BLOCK_BYTES);
const CHAINED_STRIDE = CHAINED_BLOCKS * BLOCK_BYTES;
/** The label has 23 bytes: one byte later, the hashes behind it begin at words. */
const MESSAGE_AT = 1;
const PREVIOUS_AT = MESSAGE_AT + ROW_LABEL.length;
const NUMBERS_AT = PREVIOUS_AT + HASH_BYTES;
const PAYLOAD_HASH_AT = NUMBERS_AT + 16;

const CHAINED_AT = FREE_AT + LANES * PAYLOAD_BYTES;
const DIGESTS_AT = CHAINED_AT + LANES * CHAINED_STRIDE + BLOCK_BYTES;
const END = DIGESTS_AT + LANES * HASH_BYTES;

export class RowLanes {
  /** Payloads are written here, each from `payloadAt(lane)` on. */
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #view: DataView;
  readonly #lanes: Lanes;
  readonly #blocks = new Uint32Array(LANES);

  constructor(primitives: Pick<Primitives, 'sha256'>) {
    const lanes = new Lanes(END - FREE_AT, primitives);
    this.#lanes = lanes;
    this.bytes = lanes.bytes;
    this.#words = lanes.words;
    this.#view = new DataView(lanes.bytes.buffer);
    for (let lane = 0; lane < LANES; lane++) {
      const message = CHAINED_AT + lane * CHAINED_STRIDE + MESSAGE_AT;
      pad(lanes.bytes, message, CHAINED_BYTES, 0);
      lanes.bytes.set(ROW_LABEL, message);
    }
  }

  payloadAt(lane: number): number {
    return FREE_AT + lane * PAYLOAD_BYTES;
  }

  /**
   * Sets the row of a lane, whose payload is there already and has `payloadBytes`, at most MOST_PAYLOAD_BYTES. The hash of the row
   * before is the HASH_WORDS words of `hashes` from `previous` on.
   */
  set(
    lane: number,
    payloadBytes: number,
    seq: number,
    atMs: number,
    hashes: Uint32Array,
    previous: number,
  ): void {
    pad(this.bytes, FREE_AT + lane * PAYLOAD_BYTES, payloadBytes, 0);
    this.#blocks[lane] = Math.ceil((payloadBytes + 9) / BLOCK_BYTES);
    const chained = CHAINED_AT + lane * CHAINED_STRIDE;
    const words = this.#words;
    const to = (chained + PREVIOUS_AT) / 4;
    for (let word = 0; word < HASH_WORDS; word++) words[to + word] = hashes[previous + word] ?? 0;
    const view = this.#view;
    view.setUint32(chained + NUMBERS_AT, Math.floor(seq / 0x1_0000_0000));
    view.setUint32(chained + NUMBERS_AT + 4, seq >>> 0);
    view.setUint32(chained + NUMBERS_AT + 8, Math.floor(atMs / 0x1_0000_0000));
    view.setUint32(chained + NUMBERS_AT + 12, atMs >>> 0);
  }

  /** Hashes the rows of the first `count` lanes. */
  run(count: number): void {
    this.#hashPayloads(count);
    this.#lanes.run(
      INITIAL_STATE,
      CHAINED_AT + MESSAGE_AT,
      CHAINED_STRIDE,
      CHAINED_BLOCKS,
      DIGESTS_AT,
      HASH_BYTES,
    );
  }

  /** Whether the hash of a lane is the HASH_WORDS words of `hashes` from `at` on. */
  isHash(lane: number, hashes: Uint32Array, at: number): boolean {
    const words = this.#words;
    const from = (DIGESTS_AT + lane * HASH_BYTES) / 4;
    let difference = 0;
    for (let word = 0; word < HASH_WORDS; word++)
      difference |= (words[from + word] ?? 0) ^ (hashes[at + word] ?? 0);
    return difference === 0;
  }

  /** The lanes run together: as far as the shortest payload goes, then on to the next one's end. */
  #hashPayloads(count: number): void {
    const blocks = this.#blocks;
    let done = 0;
    let left = count;
    while (left > 0) {
      let next = PAYLOAD_BYTES;
      for (let lane = 0; lane < count; lane++) {
        const end = blocks[lane] ?? 0;
        if (end > done && end < next) next = end;
      }
      const from = FREE_AT + done * BLOCK_BYTES;
      const state = done === 0 ? INITIAL_STATE : LAST_STATE;
      this.#lanes.run(state, from, PAYLOAD_BYTES, next - done, DIGESTS_AT, HASH_BYTES);
      done = next;
      for (let lane = 0; lane < count; lane++) {
        if (blocks[lane] !== done) continue;
        this.#takePayloadHash(lane);
        left -= 1;
      }
    }
  }

  #takePayloadHash(lane: number): void {
    const words = this.#words;
    const from = (DIGESTS_AT + lane * HASH_BYTES) / 4;
    const to = (CHAINED_AT + lane * CHAINED_STRIDE + PAYLOAD_HASH_AT) / 4;
    for (let word = 0; word < HASH_WORDS; word++) words[to + word] = words[from + word] ?? 0;
  }
}
