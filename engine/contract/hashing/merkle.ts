/**
 * Merkle trees (RFC 6962, section 2.1): the hash of a leaf is H(0x00 || data), that of a node is H(0x01 || left || right), and
 * a tree of n leaves is split at the largest power of two below n.
 *
 * That split gives the same tree as pairing neighbours, level by level, and carrying a last one without a neighbour up
 * unchanged; so each level is one batch of hashes. Each hash is computed once and written straight into its parent's message,
 * whose prefix and padding never change. Tests compare it with the recursive definition.
 */
import { createHash } from 'node:crypto';
import { LANES, type Sha256Lanes, spreads } from './sha256-lanes.ts';

export const HASH_BYTES = 32;
export const HASH_WORDS = HASH_BYTES / 4;

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;
/** 0x01, two hashes, and the padding of 65 bytes: two blocks of SHA-256. */
const NODE_BYTES = 128;
const NODE_MESSAGE_BYTES = 1 + 2 * HASH_BYTES;

/** The hash of a single leaf; see MerkleTree for many. */
export function leafHash(data: Uint8Array): Buffer {
  return createHash('sha256').update(Uint8Array.of(LEAF_PREFIX)).update(data).digest();
}

/** The memory that a tree of up to `most` leaves needs. */
export function treeBytes(most: number): number {
  let bytes = 0;
  for (let nodes = most; nodes > 1; nodes = Math.ceil(nodes / 2)) bytes += slotBytes(nodes);
  return bytes + slotBytes(1);
}

/** Room for the messages above `nodes` nodes, and for the excess of a group of four. */
function slotBytes(nodes: number): number {
  return (Math.ceil(nodes / 2) + LANES + 1) * NODE_BYTES;
}

/** One tree after another, in reused memory. Write the leaf hashes, build, read; then the next. */
export class MerkleTree {
  readonly #lanes: Sha256Lanes;
  readonly #words: Int32Array;
  /** Where the messages with the hashes of each level begin, from the leaves up to the root. */
  readonly #levels: number[] = [];
  #count = 0;

  readonly most: number;

  constructor(lanes: Sha256Lanes, most: number) {
    this.most = most;
    this.#lanes = lanes;
    this.#words = new Int32Array(lanes.memory.buffer);
    for (let nodes = most; ; nodes = Math.ceil(nodes / 2)) {
      this.#levels.push(this.#reserveLevel(nodes));
      if (nodes <= 1) break;
    }
  }

  /** Builds the tree over the first `count` leaves, from 1 to `most`. */
  build(count: number): void {
    if (count < 1 || count > this.most) {
      throw new RangeError(`a tree of ${count} leaves; expected 1 to ${this.most}`);
    }
    const lanes = this.#lanes;
    this.#count = count;
    let nodes = count;
    for (let level = 0; nodes > 1; level++) {
      const at = this.#levels[level] ?? 0;
      const pairs = nodes >> 1;
      const messages = { at, stride: NODE_BYTES, blocks: 2, count: pairs };
      lanes.hash(lanes.initial, messages, this.#offsetOf(level + 1, 0), spreads.pairs);
      if (nodes % 2 === 1) {
        const last = this.#offsetOf(level, nodes - 1);
        lanes.memory.copyWithin(this.#offsetOf(level + 1, pairs), last, last + HASH_BYTES);
      }
      nodes = pairs + (nodes % 2);
    }
  }

  /** A copy of the root. */
  root(): Buffer {
    let level = 0;
    for (let nodes = this.#count; nodes > 1; nodes = Math.ceil(nodes / 2)) level += 1;
    const at = this.#offsetOf(level, 0);
    return Buffer.from(this.#lanes.memory.subarray(at, at + HASH_BYTES));
  }

  /** Where in the memory to write the hash of a leaf; for many, use the spread `spreads.pairs`. */
  leafAt(leaf: number): number {
    return this.#offsetOf(0, leaf);
  }

  /** A copy of the hash of a leaf. */
  leaf(leaf: number): Buffer {
    const at = this.leafAt(leaf);
    return Buffer.from(this.#lanes.memory.subarray(at, at + HASH_BYTES));
  }

  /**
   * Writes the hashes of a leaf's path (section 2.1.1: from the leaf's level up, each the sibling of the node known so far) at
   * the levels from `from` to below `to`. Offsets are in words of four bytes; returns the offset behind the last hash.
   */
  writePath(leaf: number, from: number, to: number, target: Int32Array, offset: number): number {
    const words = this.#words;
    let end = offset;
    let nodes = widthAt(this.#count, from);
    for (let level = from; level < to && nodes > 1; level++, nodes = (nodes + 1) >> 1) {
      const neighbour = (leaf >> level) ^ 1;
      if (neighbour >= nodes) continue;
      const at = this.#offsetOf(level, neighbour) >> 2;
      for (let word = 0; word < HASH_WORDS; word++) target[end + word] = words[at + word] ?? 0;
      end += HASH_WORDS;
    }
    return end;
  }

  /** A copy of the path of a leaf. */
  path(leaf: number): Buffer {
    const path = new Int32Array(HASH_WORDS * this.#levels.length);
    const end = this.writePath(leaf, 0, this.#levels.length, path, 0);
    return Buffer.from(path.buffer, 0, 4 * end);
  }

  #offsetOf(level: number, index: number): number {
    return (this.#levels[level] ?? 0) + NODE_BYTES * (index >> 1) + 1 + HASH_BYTES * (index & 1);
  }

  #reserveLevel(nodes: number): number {
    const bytes = slotBytes(nodes);
    const { memory } = this.#lanes;
    // With the prefix in the last byte of a word, the hashes start at a word boundary and can be copied by words.
    const at = this.#lanes.reserve(bytes) + 3;
    for (let slot = at; slot + NODE_BYTES <= at + bytes - 3; slot += NODE_BYTES) {
      memory[slot] = NODE_PREFIX;
      memory[slot + NODE_MESSAGE_BYTES] = 0x80;
      memory.writeUInt32BE(NODE_MESSAGE_BYTES * 8, slot + NODE_BYTES - 4);
    }
    return at;
  }
}

function widthAt(count: number, level: number): number {
  return Math.ceil(count / 2 ** level);
}

/**
 * Whether `path` leads from the leaf with this hash, the `leaf`-th (from 0) of `count`, to the root (RFC 9162, section 2.1.3.2,
 * whose algorithm also holds for the trees of RFC 6962).
 */
export function isIncluded(
  hash: Uint8Array,
  { leaf, count }: { readonly leaf: number; readonly count: number },
  path: Uint8Array,
  root: Uint8Array,
): boolean {
  if (!Number.isInteger(leaf) || leaf < 0 || leaf >= count) return false;
  let known: Uint8Array = hash;
  let at = 0;
  let index = leaf;
  for (let nodes = count; nodes > 1; nodes = Math.ceil(nodes / 2), index = Math.floor(index / 2)) {
    const isLeft = index % 2 === 0;
    if (isLeft && index + 1 >= nodes) continue;
    const neighbour = path.subarray(at, at + HASH_BYTES);
    if (neighbour.length < HASH_BYTES) return false;
    known = createHash('sha256')
      .update(Uint8Array.of(NODE_PREFIX))
      .update(isLeft ? known : neighbour)
      .update(isLeft ? neighbour : known)
      .digest();
    at += HASH_BYTES;
  }
  return at === path.length && Buffer.compare(known, root) === 0;
}
