/**
 * The pool of a raffle: at the freeze, every entry that was not withdrawn, in stamp order, each with its terms at that time.
 * Its root is that of the Merkle tree (RFC 6962, section 2.1) over the leaves that terms.ts describes. They hold the hash of
 * the entry's leaf in its slice, so everyone with a receipt can check that their entry is in the pool.
 *
 * Entries are hashed in batches, and only the root of each batch is kept: a whole batch is a whole subtree, because BATCH is a
 * power of two.
 */
import { createHash } from 'node:crypto';
import { HASH_BYTES, HASH_WORDS, MerkleTree, treeBytes } from '../contract/hashing/merkle.ts';
import { LANES, Sha256Lanes, spreads } from '../contract/hashing/sha256-lanes.ts';
import { LeafHasher, leavesBytes } from '../contract/record/leaf.ts';
import { ITEM_ENTRY, type ItemSource, RecordEncoder } from '../contract/record/record.ts';
import { PLAIN_LEAF_BYTES, type Terms, TermsHasher, TICKETS_AT } from './terms.ts';

/** Entries hashed together. A power of two; a much larger batch no longer fits into a core's cache. */
export const BATCH = 1_024;

const BLOCK_BYTES = 64;
/** Room for the leaves of a batch, one block each, and for the excess of a group of four. */
const BOUND_BYTES = (BATCH + LANES + 1) * BLOCK_BYTES;
/** With the prefix in the last byte of a word, the hash in a leaf starts at a word boundary and can be copied by words. */
const PREFIX_AT = 3;
const DATA_AT = PREFIX_AT + 1;

export interface PoolEntry {
  /** At most MAX_USER_ID_BYTES long in UTF-8. */
  readonly userId: string;
  readonly stamp: number;
  /** The source of its instant; absent: the gateway's own clock. */
  readonly source?: ItemSource;
}

/** An entry of the pool with its terms at the freeze. */
export interface Entrant extends PoolEntry, Terms {}

/** The Merkle tree over a pool, a batch at a time. */
export class PoolTree {
  readonly #campaignId: number;
  readonly #encoder = new RecordEncoder();
  readonly #lanes = new Sha256Lanes(treeBytes(BATCH) + leavesBytes(BATCH) + BOUND_BYTES);
  readonly #words = new Int32Array(this.#lanes.memory.buffer);
  readonly #tree = new MerkleTree(this.#lanes, BATCH);
  readonly #hasher: LeafHasher;
  readonly #termsHasher: TermsHasher;
  readonly #bound = this.#lanes.reserve(BOUND_BYTES);
  readonly #hashes = new Int32Array(BATCH * HASH_WORDS);
  readonly #roots: Buffer[] = [];
  #count = 0;

  /** `saltSecret`: RECEIPT_SALT_SECRET. */
  constructor(campaignId: number, saltSecret: string) {
    this.#campaignId = campaignId;
    this.#hasher = new LeafHasher(this.#lanes, this.#tree, saltSecret);
    this.#termsHasher = new TermsHasher(campaignId, saltSecret);
    const { memory } = this.#lanes;
    for (let slot = this.#bound; slot < this.#bound + BATCH * BLOCK_BYTES; slot += BLOCK_BYTES) {
      // Group and exclusion are the zeros in between; the padding follows FIPS 180-4, section 5.1.1.
      memory[slot + DATA_AT + PLAIN_LEAF_BYTES] = 0x80;
      memory.writeUInt32BE((1 + PLAIN_LEAF_BYTES) * 8, slot + PREFIX_AT + BLOCK_BYTES - 4);
    }
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Adds the next entrants: BATCH of them, unless they are the last. Returns the hashes of their entries' leaves, HASH_WORDS
   * words each, as a view of memory that the next call overwrites. Throws RangeError for more than BATCH, or if an earlier call
   * had fewer.
   */
  add(entries: readonly Entrant[]): Int32Array {
    const { length } = entries;
    if (length > BATCH) throw new RangeError(`a batch has ${length} entries; expected at most ${BATCH}`);
    if (this.#count % BATCH !== 0) throw new RangeError('only the last batch may be partly filled');
    if (length === 0) return this.#hashes.subarray(0, 0);
    this.#encoder.begin(true);
    for (const { userId, stamp, source } of entries) {
      this.#encoder.add(ITEM_ENTRY, this.#campaignId, stamp, userId, source);
    }
    this.#hasher.hash(this.#encoder.items, 0, length);
    this.#bindTerms(entries);
    this.#tree.build(length);
    this.#roots.push(this.#tree.root());
    this.#count += length;
    return this.#hashes.subarray(0, length * HASH_WORDS);
  }

  /** Replaces the hashes of the entries' leaves in the tree by those of the pool's leaves; the former are kept separately. */
  #bindTerms(entries: readonly Entrant[]): void {
    const { memory } = this.#lanes;
    const words = this.#words;
    for (const [index, { tickets }] of entries.entries()) {
      const from = this.#tree.leafAt(index) >> 2;
      const slot = this.#bound + DATA_AT + index * BLOCK_BYTES;
      for (let word = 0; word < HASH_WORDS; word++) {
        const value = words[from + word] ?? 0;
        this.#hashes[index * HASH_WORDS + word] = value;
        words[(slot >> 2) + word] = value;
      }
      memory[slot + TICKETS_AT] = tickets >>> 8;
      memory[slot + TICKETS_AT + 1] = tickets;
    }
    const messages = { at: this.#bound + PREFIX_AT, stride: BLOCK_BYTES, blocks: 1, count: entries.length };
    this.#lanes.hash(this.#lanes.initial, messages, this.#tree.leafAt(0), spreads.pairs);
    for (const [index, entrant] of entries.entries()) {
      if (entrant.group === null && entrant.excluded === null) continue;
      const leaf = Buffer.from(this.#hashes.buffer, index * HASH_BYTES, HASH_BYTES);
      memory.set(this.#termsHasher.poolLeafHash(leaf, entrant), this.#tree.leafAt(index));
    }
  }

  /**
   * The root of the tree over everything added, 32 bytes; without entries, the hash of nothing. Nothing can be added
   * afterwards.
   */
  root(): Buffer {
    let nodes = this.#roots;
    while (nodes.length > 1) {
      const above: Buffer[] = [];
      for (let from = 0; from < nodes.length; from += BATCH) {
        above.push(this.#rootOf(nodes.slice(from, from + BATCH)));
      }
      nodes = above;
    }
    return nodes[0] ?? createHash('sha256').digest();
  }

  #rootOf(nodes: readonly Buffer[]): Buffer {
    for (const [index, node] of nodes.entries()) this.#lanes.memory.set(node, this.#tree.leafAt(index));
    this.#tree.build(nodes.length);
    return this.#tree.root();
  }
}
