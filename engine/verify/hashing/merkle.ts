/**
 * Merkle trees of RFC 6962 (section 2.1): leaf hash H(0x00 || data), node H(0x01 || left || right), split at the largest
 * power of two below the number of leaves.
 *
 * Such a tree can be built level by level: neighbours are joined in pairs, and an odd last node moves up unchanged. So a
 * large tree consists of pieces with a power of two of leaves, and a tree over the roots of these pieces.
 */
import type { Primitives } from '../primitives.ts';
import { concat } from '../text/bytes.ts';
import { BLOCK_BYTES, FREE_AT, HASH_BYTES, INITIAL_STATE, LANES, type Lanes, pad } from './lanes.ts';
import { type Memory, ownMemory } from './memory.ts';

const NODE_PREFIX = Uint8Array.of(1);
export const HASH_WORDS = HASH_BYTES / 4;

/** Leaves of a piece; their hashes are at FREE_AT. */
export const PIECE_LEAVES = 1024;
/** Four nodes being hashed: 0x01, left, right, and their padding. */
const NODE_BYTES = 2 * BLOCK_BYTES;
const NODES_AT = FREE_AT + PIECE_LEAVES * HASH_BYTES;
export const TREE_BYTES = NODES_AT + LANES * NODE_BYTES - FREE_AT;

/**
 * Hashes in a piece of a list, 512 KB: a power of two, so that a piece's tree is a subtree. One piece is hashed as one job,
 * in some milliseconds.
 */
export const PIECE_HASHES = 16_384;
const PIECE_LOG2 = 14;
const IN_PIECE = PIECE_HASHES - 1;

/** Hashes in order, eight words each, as they are in memory: in pieces, so that the list grows without copying. */
export class HashList {
  readonly #memory: Memory;
  readonly #pieces: Uint32Array[] = [];
  /** The piece being filled, as words and as bytes. */
  #last: Uint32Array = new Uint32Array(0);
  #lastBytes: Uint8Array = new Uint8Array(0);
  #count = 0;

  /** `memory` allocates its pieces. */
  constructor(memory: Memory = ownMemory) {
    this.#memory = memory;
  }

  get count(): number {
    return this.#count;
  }

  /** PIECE_HASHES in each; the last one may have fewer. */
  get pieces(): readonly Uint32Array[] {
    return this.#pieces;
  }

  /** Write the next hash to `nextAt` of these bytes, then call `push`. */
  get nextBytes(): Uint8Array {
    if ((this.#count & IN_PIECE) === 0 && this.#count >>> PIECE_LOG2 === this.#pieces.length) this.#extend();
    return this.#lastBytes;
  }

  get nextAt(): number {
    return (this.#count & IN_PIECE) * HASH_BYTES;
  }

  /** Appends what was written to `nextBytes`. */
  push(): void {
    this.#count += 1;
  }

  /** Appends a hash, 32 bytes. */
  add(hash: Uint8Array): void {
    this.nextBytes.set(hash, this.nextAt);
    this.push();
  }

  /** Appends the hash whose words begin at `from` in `words`. */
  copyFrom(words: Uint32Array, from: number): void {
    this.nextBytes;
    copyWords(words, from, this.#last, (this.#count & IN_PIECE) * HASH_WORDS);
    this.#count += 1;
  }

  /** Appends `count` hashes, at most a piece, after complete pieces; returns the array to write them to. */
  appendPiece(count: number): Uint32Array {
    this.#extend();
    this.#count += count;
    return this.#last;
  }

  /** Copies hash `index` to word `to` of `target`. */
  copy(index: number, target: Uint32Array, to: number): void {
    copyHash(this.#pieces, index, target, to);
  }

  /** One word of a hash as it is in memory. */
  word(index: number, word: number): number {
    return this.#pieces[index >>> PIECE_LOG2]?.[(index & IN_PIECE) * HASH_WORDS + word] ?? 0;
  }

  /** A copy of hash `index`, as bytes. */
  at(index: number): Uint8Array {
    const words = new Uint32Array(HASH_WORDS);
    this.copy(index, words, 0);
    return new Uint8Array(words.buffer);
  }

  #extend(): void {
    const buffer = this.#memory(PIECE_HASHES * HASH_BYTES);
    this.#last = new Uint32Array(buffer);
    this.#lastBytes = new Uint8Array(buffer);
    this.#pieces.push(this.#last);
  }
}

/** Copies hash `index` out of these pieces of a list. */
export function copyHash(
  pieces: readonly Uint32Array[],
  index: number,
  target: Uint32Array,
  to: number,
): void {
  copyWords(pieces[index >>> PIECE_LOG2] ?? target, (index & IN_PIECE) * HASH_WORDS, target, to);
}

function copyWords(source: Uint32Array, from: number, target: Uint32Array, to: number): void {
  for (let word = 0; word < HASH_WORDS; word++) target[to + word] = source[from + word] ?? 0;
}

/** Writes `count` leaf hashes from index `from` on, at most PIECE_LEAVES, to FREE_AT and after. */
type FillLeaves = (from: number, count: number) => void;

/** Computes roots in the memory of `lanes`, which needs TREE_BYTES from FREE_AT on. */
export class TreeHasher {
  readonly #lanes: Lanes;
  readonly #leftOver = new Uint32Array(HASH_WORDS);

  constructor(lanes: Lanes) {
    this.#lanes = lanes;
  }

  /** The memory for leaf hashes. */
  get words(): Uint32Array {
    return this.#lanes.words;
  }

  /** The root over `count` leaf hashes, at least one. */
  root(count: number, fill: FillLeaves): Uint8Array {
    if (count <= PIECE_LEAVES) return this.#rootOfPiece(0, count, fill);
    const roots = new Uint32Array(Math.ceil(count / PIECE_LEAVES) * HASH_WORDS);
    const bytes = new Uint8Array(roots.buffer);
    for (let from = 0; from < count; from += PIECE_LEAVES) {
      const root = this.#rootOfPiece(from, Math.min(PIECE_LEAVES, count - from), fill);
      bytes.set(root, (from / PIECE_LEAVES) * HASH_BYTES);
    }
    return this.root(roots.length / HASH_WORDS, (from, size) => {
      this.#lanes.bytes.set(bytes.subarray(from * HASH_BYTES, (from + size) * HASH_BYTES), FREE_AT);
    });
  }

  #rootOfPiece(from: number, size: number, fill: FillLeaves): Uint8Array {
    fill(from, size);
    this.#climb(size);
    return this.#lanes.bytes.slice(FREE_AT, FREE_AT + HASH_BYTES);
  }

  /** Hashes the level at FREE_AT up to its root. */
  #climb(leaves: number): void {
    const { bytes, words } = this.#lanes;
    // An earlier call for something else may have overwritten the padding.
    for (let lane = 0; lane < LANES; lane++) pad(bytes, NODES_AT + lane * NODE_BYTES, 1 + 2 * HASH_BYTES, 0);
    let count = leaves;
    while (count > 1) {
      const pairs = count >>> 1;
      if (count % 2 === 1) copyWords(words, FREE_AT / 4 + (count - 1) * HASH_WORDS, this.#leftOver, 0);
      for (let pair = 0; pair < pairs; pair += LANES) {
        // Lanes after the last pair hash whatever is there; their digests are overwritten or not read.
        for (let lane = 0; lane < LANES; lane++) writeNode(words, FREE_AT / 4 + 16 * (pair + lane), lane);
        this.#lanes.run(INITIAL_STATE, NODES_AT, NODE_BYTES, 2, FREE_AT + pair * HASH_BYTES, HASH_BYTES);
      }
      if (count % 2 === 1) copyWords(this.#leftOver, 0, words, FREE_AT / 4 + pairs * HASH_WORDS);
      count = pairs + (count % 2);
    }
  }
}

/** Writes 0x01 and the two hashes after it: sixteen words shifted by a byte, in little-endian memory. */
function writeNode(words: Uint32Array, from: number, lane: number): void {
  const to = (NODES_AT + lane * NODE_BYTES) / 4;
  let above = NODE_PREFIX[0] ?? 0;
  for (let word = 0; word < 16; word++) {
    const value = words[from + word] ?? 0;
    words[to + word] = (value << 8) | above;
    above = value >>> 24;
  }
  // The padding begins after the last byte.
  words[to + 16] = 0x8000 | above;
}

/** The RFC 6962 root of no leaves. */
export function emptyRoot({ sha256 }: Pick<Primitives, 'sha256'>): Uint8Array {
  return sha256(new Uint8Array(0));
}

/**
 * The root that `path` gives for leaf `index` of `count` (RFC 9162, section 2.1.3.2); undefined if a path of that length
 * cannot belong to that leaf.
 */
export function rootByPath(
  leafHash: Uint8Array,
  index: number,
  count: number,
  path: Uint8Array,
  { sha256 }: Pick<Primitives, 'sha256'>,
): Uint8Array | undefined {
  if (index >= count || path.length % HASH_BYTES !== 0) return undefined;
  let hash = leafHash;
  let at = index;
  let last = count - 1;
  let from = 0;
  while (last > 0) {
    // An odd leaf or node at the right edge moves up unchanged.
    if (at % 2 === 1 || at < last) {
      const neighbour = path.subarray(from, from + HASH_BYTES);
      if (neighbour.length < HASH_BYTES) return undefined;
      hash = sha256(
        at % 2 === 1 ? concat(NODE_PREFIX, neighbour, hash) : concat(NODE_PREFIX, hash, neighbour),
      );
      from += HASH_BYTES;
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return from === path.length ? hash : undefined;
}
