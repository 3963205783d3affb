/**
 * SHA-256 of many short messages, four at a time: `lanes-module.ts` if there is WebAssembly with vectors, else the same in
 * plain JavaScript over the same memory (a page may forbid WebAssembly by its Content-Security-Policy). Checked against the
 * platform's SHA-256 before use.
 */
import type { Primitives } from '../primitives.ts';
import { areEqual } from '../text/bytes.ts';
import { CONSTANTS_AT, lanesModule, ROUND_CONSTANTS, STATE_AT, TURN, TURN_AT } from './lanes-module.ts';

export const HASH_BYTES = 32;
export const BLOCK_BYTES = 64;
export const LANES = 4;
/** A state in memory: eight words, each in all four lanes. */
const STATE_BYTES = 8 * 16;
const INITIAL_AT = TURN_AT + TURN.length;
const STATES_AT = INITIAL_AT + STATE_BYTES;
/** For the midstates of one HMAC. */
const MOST_MIDSTATES = 2;
/** The start of the memory for messages and digests. */
export const FREE_AT = STATES_AT + MOST_MIDSTATES * STATE_BYTES;
const PAGE_BYTES = 65_536;

const INITIAL = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

type Blocks = (
  from: number,
  at: number,
  stride: number,
  count: number,
  out: number,
  outStride: number,
) => void;

/** The part of the global that is used; TypeScript declares it only together with browser types. */
interface WebAssemblyGlobal {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: { readonly blocks: Blocks } };
}
declare const WebAssembly: WebAssemblyGlobal;

/** The start of a run: the initial state of SHA-256, or a result of `midstate`. */
export type State = number;
export const INITIAL_STATE: State = INITIAL_AT;
/** Where the last run ended: a run from here continues its messages. */
export const LAST_STATE: State = STATE_AT;

export class Lanes {
  /** All of its memory; from FREE_AT on it belongs to the caller. */
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly isWebAssembly: boolean;
  readonly #blocks: Blocks;

  /** Reserves `freeBytes` of memory for the caller. Throws if it does not agree with `primitives`. */
  constructor(freeBytes: number, primitives: Pick<Primitives, 'sha256'>, without?: 'webassembly') {
    const size = Math.ceil((FREE_AT + freeBytes) / PAGE_BYTES);
    const native = without === undefined ? instantiate(size) : undefined;
    const buffer = native?.buffer ?? new ArrayBuffer(size * PAGE_BYTES);
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.isWebAssembly = native !== undefined;
    this.#blocks = native?.blocks ?? plainBlocks(this.words, this.bytes);
    this.words.set(ROUND_CONSTANTS, CONSTANTS_AT / 4);
    this.bytes.set(TURN, TURN_AT);
    for (let word = 0; word < 8; word++) {
      this.words.fill(INITIAL[word] ?? 0, INITIAL_AT / 4 + 4 * word, INITIAL_AT / 4 + 4 * word + 4);
    }
    this.#check(primitives);
  }

  /**
   * Hashes four messages, padded by the caller (FIPS 180-4, section 5.1.1), of `blocks` blocks each: the first at `at`, the
   * others `stride` bytes apart. Writes digests to `out`, `outStride` bytes apart.
   */
  run(from: State, at: number, stride: number, blocks: number, out: number, outStride: number): void {
    this.#blocks(from, at, stride, blocks, out, outStride);
  }

  /** The state after a block that many messages begin with; the block is at FREE_AT. There are two slots for states. */
  midstate(slot: 0 | 1, block: Uint8Array): State {
    this.bytes.set(block, FREE_AT);
    this.run(INITIAL_STATE, FREE_AT, 0, 1, FREE_AT, 0);
    const at = STATES_AT + slot * STATE_BYTES;
    this.bytes.copyWithin(at, STATE_AT, STATE_AT + STATE_BYTES);
    return at;
  }

  #check({ sha256 }: Pick<Primitives, 'sha256'>): void {
    const out = FREE_AT + LANES * 2 * BLOCK_BYTES;
    const messages = Array.from({ length: LANES }, (_, lane) =>
      Uint8Array.from({ length: 65 }, (_, index) => (31 * lane + 7 * index) & 0xff),
    );
    messages.forEach((message, lane) => {
      const at = FREE_AT + lane * 2 * BLOCK_BYTES;
      this.bytes.fill(0, at, at + 2 * BLOCK_BYTES);
      this.bytes.set(message, at);
      pad(this.bytes, at, message.length, 0);
    });
    this.run(INITIAL_STATE, FREE_AT, 2 * BLOCK_BYTES, 2, out, HASH_BYTES);
    messages.forEach((message, lane) => {
      const digest = this.bytes.subarray(out + lane * HASH_BYTES, out + (lane + 1) * HASH_BYTES);
      if (!areEqual(digest, sha256(message)))
        throw new Error('two hash implementations disagree on this machine');
    });
  }
}

/** Writes the padding of a message of `length` bytes at `at`, after `hashed` bytes that were hashed before. */
export function pad(bytes: Uint8Array, at: number, length: number, hashed: number): void {
  const end = at + Math.ceil((length + 9) / BLOCK_BYTES) * BLOCK_BYTES;
  // At most 72 bytes: `fill` would be a call out of this code.
  for (let zero = at + length + 1; zero < end; zero++) bytes[zero] = 0;
  bytes[at + length] = 0x80;
  const bits = (hashed + length) * 8;
  bytes[end - 2] = bits >>> 8;
  bytes[end - 1] = bits;
}

function instantiate(pages: number): { buffer: ArrayBuffer; blocks: Blocks } | undefined {
  try {
    const memory = new WebAssembly.Memory({ initial: pages });
    const { blocks } = new WebAssembly.Instance(new WebAssembly.Module(lanesModule()), { env: { memory } })
      .exports;
    return { buffer: memory.buffer, blocks };
  } catch {
    // WebAssembly is missing, forbidden, or without vectors: plain JavaScript gives the same digests.
    return undefined;
  }
}

/** The same function as the module, in plain JavaScript: one lane after the other. */
function plainBlocks(words: Uint32Array, bytes: Uint8Array): Blocks {
  const view = new DataView(bytes.buffer);
  const schedule = new Int32Array(64);
  const constants = Int32Array.from(ROUND_CONSTANTS);
  const state = new Int32Array(8);
  return (from, at, stride, count, out, outStride) => {
    for (let lane = 0; lane < LANES; lane++) {
      for (let word = 0; word < 8; word++) state[word] = words[from / 4 + 4 * word + lane] ?? 0;
      for (let block = 0; block < count; block++) {
        for (let word = 0; word < 16; word++) {
          schedule[word] = view.getInt32(at + lane * stride + block * BLOCK_BYTES + 4 * word);
        }
        compress(state, schedule, constants);
      }
      // Write digests only when all lanes have read their messages, because they may be at the same address.
      for (let word = 0; word < 8; word++) words[STATE_AT / 4 + 4 * word + lane] = state[word] ?? 0;
    }
    for (let lane = 0; lane < LANES; lane++) {
      for (let word = 0; word < 8; word++) {
        view.setUint32(out + lane * outStride + 4 * word, words[STATE_AT / 4 + 4 * word + lane] ?? 0);
      }
    }
  };
}

/** One block: section 6.2.2. */
function compress(state: Int32Array, w: Int32Array, k: Int32Array): void {
  for (let t = 16; t < 64; t++) {
    const w15 = w[t - 15] ?? 0;
    const w2 = w[t - 2] ?? 0;
    const sigma0 = rotr(w15, 7) ^ rotr(w15, 18) ^ (w15 >>> 3);
    const sigma1 = rotr(w2, 17) ^ rotr(w2, 19) ^ (w2 >>> 10);
    w[t] = (sigma1 + (w[t - 7] ?? 0) + sigma0 + (w[t - 16] ?? 0)) | 0;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let t = 0; t < 64; t++) {
    const t1 =
      (h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + (k[t] ?? 0) + (w[t] ?? 0)) | 0;
    const t2 = ((rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((value, word) => {
    state[word] = ((state[word] ?? 0) + value) | 0;
  });
}

function rotr(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
