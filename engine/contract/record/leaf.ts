/**
 * The leaves of a slice's tree: one an item, 46 bytes, big-endian, so that its hash is one block of SHA-256.
 *
 * | at | type | field |
 * |----|------|-------|
 * | 0  | u8   | kind: 1 entry, 2 withdrawal, 3 claim |
 * | 1  | u8   | source of the instant: 0 the gateway's clock on arrival, 1 the X-Request-Start of a trusted proxy |
 * | 2  | u32  | campaign |
 * | 6  | u64  | stamp |
 * | 14 | 32   | who |
 *
 * who = H(salt || user id in UTF-8), and salt = the first 16 bytes of HMAC-SHA-256(RECEIPT_SALT_SECRET,
 * "fairline salt 1" || campaign u32 || user id). Only that user gets the salt: nobody else can find the user of a leaf
 * by trying out user ids. It is derived from the secret, so nothing has to be stored per user.
 */
import { createHash, createHmac } from 'node:crypto';
import type { MerkleTree } from '../hashing/merkle.ts';
import { LANES, type Sha256Lanes, type Start, spreads } from '../hashing/sha256-lanes.ts';
import { ITEM_HEAD_BYTES, type ItemSource, KIND_BITS, type LogItem, SOURCE_BIT } from './record.ts';

export const LEAF_BYTES = 46;
export const SALT_BYTES = 16;
export const SALT_WORDS = SALT_BYTES / 4;
export const WHO_BYTES = 32;

const SALT_LABEL = Buffer.from('fairline salt 1', 'latin1');
const SALT_HEAD_BYTES = SALT_LABEL.length + 4;
const BLOCK_BYTES = 64;

/** The user's salt in a campaign, 16 bytes. */
export function saltOf(secret: string, campaignId: number, userId: string): Buffer {
  const campaign = Buffer.alloc(4);
  campaign.writeUInt32BE(campaignId);
  return createHmac('sha256', secret)
    .update(SALT_LABEL)
    .update(campaign)
    .update(userId, 'utf8')
    .digest()
    .subarray(0, SALT_BYTES);
}

/** What books show instead of the user id. */
export function whoOf(salt: Uint8Array, userId: string): Buffer {
  return createHash('sha256').update(salt).update(userId, 'utf8').digest();
}

/** What a leaf has of its item, besides `who`. */
export interface LeafItem extends Pick<LogItem, 'kind' | 'campaignId' | 'stamp'> {
  /** Absent: SOURCE_ARRIVAL. */
  readonly source?: ItemSource;
}

/** The data of an item's leaf; `who` as returned by `whoOf`. */
export function leafData(item: LeafItem, who: Uint8Array): Buffer {
  const data = Buffer.alloc(LEAF_BYTES);
  writeLeafData(data, 0, item, who);
  return data;
}

/** Writes the LEAF_BYTES bytes of `leafData` to `target`, from `at` on. */
export function writeLeafData(
  target: Buffer,
  at: number,
  { kind, source, campaignId, stamp }: LeafItem,
  who: Uint8Array,
): void {
  target[at] = kind;
  target[at + 1] = source ?? 0;
  target.writeUInt32BE(campaignId, at + 2);
  target.writeUInt32BE(Math.floor(stamp / 0x1_0000_0000), at + 6);
  target.writeUInt32BE(stamp >>> 0, at + 10);
  target.set(who, at + 14);
}

/** Items processed at once: the results of one step are still in the cache for the next. */
const BATCH = 64;
/** Longer ids need a second block for a salt. A UUID has 36 characters. */
const SHORT_ID_BYTES = BLOCK_BYTES - 9 - SALT_HEAD_BYTES;
const WHO_IN_LEAF = 15;

/** The memory for hashing up to `most` items, besides the tree. */
export function leavesBytes(most: number): number {
  return BLOCK_BYTES * (3 * (BATCH + LANES) + most + BATCH + LANES);
}

/**
 * Hashes the items of a record into the leaves of a tree: three blocks for a salt and a `who`, one for the leaf, each step for
 * many items at once. Tests compare it with the plain functions above.
 */
export class LeafHasher {
  readonly #lanes: Sha256Lanes;
  readonly #tree: MerkleTree;
  readonly #secret: string;
  readonly #afterInnerKey: Start;
  readonly #afterOuterKey: Start;
  /** The memory, as words and as fields at any offset. */
  readonly #words: Int32Array;
  readonly #view: DataView;
  /** HMAC's inner message, its outer one, and the leaf: one block per item of the batch. */
  readonly #inner: number;
  readonly #outer: number;
  readonly #leaves: number;
  /** Salt and user id: one block per item of the slice, because the salts are read again. */
  readonly #whos: number;

  /** `lanes` has room for `leavesBytes(tree.most)`. */
  constructor(lanes: Sha256Lanes, tree: MerkleTree, secret: string) {
    this.#lanes = lanes;
    this.#tree = tree;
    this.#secret = secret;
    const { inner, outer } = lanes.startsOfHmac(secret);
    this.#afterInnerKey = inner;
    this.#afterOuterKey = outer;
    this.#words = new Int32Array(lanes.memory.buffer);
    this.#view = new DataView(lanes.memory.buffer);
    this.#inner = lanes.reserve(BLOCK_BYTES * (BATCH + LANES));
    this.#outer = lanes.reserve(BLOCK_BYTES * (BATCH + LANES));
    this.#leaves = lanes.reserve(BLOCK_BYTES * (BATCH + LANES));
    this.#whos = lanes.reserve(BLOCK_BYTES * (tree.most + BATCH + LANES));
    const { memory } = lanes;
    for (let index = 0; index < BATCH; index++) {
      memory.set(SALT_LABEL, this.#inner + BLOCK_BYTES * index);
      pad(memory, this.#outer + BLOCK_BYTES * index, WHO_BYTES, BLOCK_BYTES);
      pad(memory, this.#leaves + BLOCK_BYTES * index, 1 + LEAF_BYTES, 0);
    }
  }

  /**
   * Hashes `count` items in the format of a record (see record.ts), the first at `start`, into the first leaves of the tree.
   */
  hash(items: Buffer, start: number, count: number): void {
    const numbers = new DataView(items.buffer, items.byteOffset, items.length);
    let at = start;
    for (let first = 0; first < count; first += BATCH) {
      at = this.#hashBatch(items, numbers, at, first, Math.min(BATCH, count - first));
    }
  }

  /** The offset of the salt of the `leaf`-th item that was hashed last. */
  saltAt(leaf: number): number {
    return this.#whos + BLOCK_BYTES * leaf;
  }

  #hashBatch(items: Buffer, numbers: DataView, start: number, first: number, count: number): number {
    const { memory } = this.#lanes;
    const words = this.#words;
    const view = this.#view;
    const whos = this.saltAt(first);
    let hasLong = false;
    let at = start;
    for (let index = 0; index < count; index++) {
      const length = items[at + 1] ?? 0;
      const inner = this.#inner + BLOCK_BYTES * index;
      writeLeafHead(view, this.#leaves + BLOCK_BYTES * index + 1, numbers, at);
      if (length <= SHORT_ID_BYTES) {
        clearFrom16(words, inner);
        view.setUint32(inner + SALT_LABEL.length, numbers.getUint32(at + 2, true));
        writeId(memory, inner + SALT_HEAD_BYTES, items, at + ITEM_HEAD_BYTES, length);
        writeLength(memory, inner, SALT_HEAD_BYTES + length, BLOCK_BYTES);
      } else hasLong = true;
      at += ITEM_HEAD_BYTES + length;
    }
    this.#step(this.#afterInnerKey, this.#inner, count, this.#outer);
    this.#step(this.#afterOuterKey, this.#outer, count, whos);
    at = start;
    for (let index = 0; index < count; index++) {
      const length = items[at + 1] ?? 0;
      if (length <= SHORT_ID_BYTES) {
        const who = whos + BLOCK_BYTES * index;
        clearFrom16(words, who);
        writeId(memory, who + SALT_BYTES, items, at + ITEM_HEAD_BYTES, length);
        writeLength(memory, who, SALT_BYTES + length, 0);
      }
      at += ITEM_HEAD_BYTES + length;
    }
    this.#step(this.#lanes.initial, whos, count, this.#leaves + WHO_IN_LEAF);
    if (hasLong) this.#hashLong(items, start, first, count);
    const leaves = { at: this.#leaves, stride: BLOCK_BYTES, blocks: 1, count };
    this.#lanes.hash(this.#lanes.initial, leaves, this.#tree.leafAt(first), spreads.pairs);
    return at;
  }

  #step(from: Start, at: number, count: number, out: number): void {
    this.#lanes.hash(from, { at, stride: BLOCK_BYTES, blocks: 1, count }, out, spreads.blocks);
  }

  /** Hashes the items with long user ids again, one by one. */
  #hashLong(items: Buffer, start: number, first: number, count: number): void {
    const { memory } = this.#lanes;
    let at = start;
    for (let index = 0; index < count; index++) {
      const length = items[at + 1] ?? 0;
      const end = at + ITEM_HEAD_BYTES + length;
      if (length > SHORT_ID_BYTES) {
        const userId = items.toString('utf8', at + ITEM_HEAD_BYTES, end);
        const salt = saltOf(this.#secret, items.readUInt32LE(at + 2), userId);
        memory.set(salt, this.saltAt(first + index));
        memory.set(whoOf(salt, userId), this.#leaves + BLOCK_BYTES * index + WHO_IN_LEAF);
      }
      at = end;
    }
  }
}

/** The padding (FIPS 180-4, section 5.1.1) of a one-block message of this length that follows `before` bytes. */
function pad(memory: Buffer, at: number, length: number, before: number): void {
  memory[at + length] = 0x80;
  writeLength(memory, at, length, before);
}

function writeLength(memory: Buffer, at: number, length: number, before: number): void {
  const bits = (before + length) * 8;
  memory[at + BLOCK_BYTES - 2] = bits >> 8;
  memory[at + BLOCK_BYTES - 1] = bits;
}

function clearFrom16(words: Int32Array, block: number): void {
  const first = block >> 2;
  for (let word = 4; word < 16; word++) words[first + word] = 0;
}

/** Writes a user id and the padding's one that ends a message. */
function writeId(memory: Buffer, to: number, items: Buffer, from: number, length: number): void {
  for (let byte = 0; byte < length; byte++) memory[to + byte] = items[from + byte] ?? 0;
  memory[to + length] = 0x80;
}

/** Kind, source, campaign and stamp of the item at `from`: little-endian there, big-endian here. */
function writeLeafHead(to: DataView, at: number, items: DataView, from: number): void {
  const kind = items.getUint8(from);
  to.setUint8(at, kind & KIND_BITS);
  to.setUint8(at + 1, kind & SOURCE_BIT ? 1 : 0);
  to.setUint32(at + 2, items.getUint32(from + 2, true));
  const stamp = items.getFloat64(from + 6, true);
  to.setUint32(at + 6, Math.floor(stamp / 0x1_0000_0000));
  // Modulo 2^32, like any number written into 32 bits.
  to.setUint32(at + 10, stamp);
}
