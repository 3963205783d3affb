/**
 * The pool of a raffle: at the freeze, every entry that was not withdrawn, in stamp order. Its root is that of the Merkle
 * tree (RFC 6962, section 2.1) over the entries' leaves, which are those of the slices' trees (see ../contract/leaf.ts),
 * so whoever has a receipt can check that they are in it.
 *
 * Entries go through in batches, and what is kept of one is its root: a whole batch is a whole subtree, because BATCH is
 * a power of two.
 */
import { createHash } from 'node:crypto';
import { LeafHasher, leavesBytes } from '../contract/leaf.ts';
import { HASH_WORDS, MerkleTree, treeBytes } from '../contract/merkle.ts';
import { ITEM_ENTRY, type ItemSource, RecordEncoder } from '../contract/record.ts';
import { Sha256Lanes } from '../contract/sha256-lanes.ts';

/** Entries hashed together. A power of two; with many more, their memory no longer fits into a core's cache. */
export const BATCH = 1_024;

export interface PoolEntry {
  /** At most MAX_USER_ID_BYTES long in UTF-8. */
  readonly userId: string;
  readonly stamp: number;
  /** Where its instant comes from; absent: the gateway's own clock. */
  readonly source?: ItemSource;
}

export class Pool {
  readonly #campaignId: number;
  readonly #encoder = new RecordEncoder();
  readonly #lanes = new Sha256Lanes(treeBytes(BATCH) + leavesBytes(BATCH));
  readonly #words = new Int32Array(this.#lanes.memory.buffer);
  readonly #tree = new MerkleTree(this.#lanes, BATCH);
  readonly #hasher: LeafHasher;
  readonly #hashes = new Int32Array(BATCH * HASH_WORDS);
  readonly #roots: Buffer[] = [];
  #count = 0;

  /** `saltSecret`: RECEIPT_SALT_SECRET. */
  constructor(campaignId: number, saltSecret: string) {
    this.#campaignId = campaignId;
    this.#hasher = new LeafHasher(this.#lanes, this.#tree, saltSecret);
  }

  /** How many entries were added. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds the next entries: BATCH of them, unless they are the last. Answers the hashes of their leaves, HASH_WORDS words
   * each, as they lie in memory, which the next call uses again. Throws RangeError for more than BATCH, or where those
   * before were fewer.
   */
  add(entries: readonly PoolEntry[]): Int32Array {
    const { length } = entries;
    if (length > BATCH) throw new RangeError(`${length} entries; a batch has at most ${BATCH}`);
    if (this.#count % BATCH !== 0) throw new RangeError('a batch that is not full has to be the last');
    if (length === 0) return this.#hashes.subarray(0, 0);
    this.#encoder.begin(true);
    for (const { userId, stamp, source } of entries) {
      this.#encoder.add(ITEM_ENTRY, this.#campaignId, stamp, userId, source);
    }
    this.#hasher.hash(this.#encoder.items, 0, length);
    this.#tree.build(length);
    this.#roots.push(this.#tree.root());
    this.#count += length;
    for (let leaf = 0; leaf < length; leaf++) {
      const at = this.#tree.leafAt(leaf) >> 2;
      for (let word = 0; word < HASH_WORDS; word++) {
        this.#hashes[leaf * HASH_WORDS + word] = this.#words[at + word] ?? 0;
      }
    }
    return this.#hashes.subarray(0, length * HASH_WORDS);
  }

  /** The root of the tree over all that was added, 32 bytes; of nothing, the hash of nothing. Nothing can be added after. */
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
