/**
 * The Merkle root over the pool, one entry at a time (of a raffle, with each entry's terms): an RFC 6962 tree (section 2.1).
 * Only the roots of the complete subtrees so far are kept, at most one for each power of two.
 *
 * The leaves are those of slices and of frozen pools, so what writes them is shared. The tree is not: ../draw/pool.ts hashes
 * batches of user ids, and a book has one `who` after another. The root of a raffle's book must be the frozen one, so each
 * book also checks that pool.
 */
import { SHA256_BYTES, Sha256 } from '../contract/hashing/sha256.ts';
import { LEAF_BYTES, writeLeafData } from '../contract/record/leaf.ts';
import { ITEM_ENTRY, type ItemSource } from '../contract/record/record.ts';
import { type PoolLeaf, writePoolLeaf } from '../draw/terms.ts';

const LEAF_PREFIX_BYTES = 1;
const NODE_MESSAGE_BYTES = 1 + 2 * SHA256_BYTES;

interface PoolEntry {
  readonly stamp: number;
  readonly source: ItemSource;
  /** 32 bytes. */
  readonly who: Uint8Array;
}

/** The root over a pool so far, an entry at a time. */
export class RunningPoolRoot {
  readonly #campaignId: number;
  readonly #sha256 = new Sha256();
  /** The roots of complete subtrees, largest first, each with the number of its leaves. */
  readonly #roots: { readonly leaves: number; readonly root: Buffer }[] = [];
  #count = 0;

  constructor(campaignId: number) {
    this.#campaignId = campaignId;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds the next entry in stamp order; for a coupon without terms. */
  add(entry: PoolEntry, terms: PoolLeaf | undefined): void {
    const leaf = this.#leafOf(entry);
    this.#push(terms === undefined ? leaf : this.#bound(leaf, terms));
  }

  #leafOf({ stamp, source, who }: PoolEntry): Buffer {
    const { message } = this.#sha256;
    message[0] = 0;
    const item = { kind: ITEM_ENTRY, campaignId: this.#campaignId, stamp, source } as const;
    writeLeafData(message, LEAF_PREFIX_BYTES, item, who);
    return this.#digest(LEAF_PREFIX_BYTES + LEAF_BYTES);
  }

  /** The leaf of an entrant: see ../draw/terms.ts. */
  #bound(leaf: Buffer, terms: PoolLeaf): Buffer {
    const { message } = this.#sha256;
    message[0] = 0;
    return this.#digest(writePoolLeaf(message, LEAF_PREFIX_BYTES, leaf, terms));
  }

  #push(leaf: Buffer): void {
    let node = { leaves: 1, root: leaf };
    for (;;) {
      const left = this.#roots.at(-1);
      if (left === undefined || left.leaves !== node.leaves) break;
      this.#roots.pop();
      node = { leaves: 2 * node.leaves, root: this.#join(left.root, node.root) };
    }
    this.#roots.push(node);
    this.#count += 1;
  }

  /** The root over everything added so far. */
  root(): Buffer {
    const last = this.#roots.at(-1);
    if (last === undefined) return this.#digest(0);
    return this.#roots.slice(0, -1).reduceRight((right, { root }) => this.#join(root, right), last.root);
  }

  #join(left: Buffer, right: Buffer): Buffer {
    const { message } = this.#sha256;
    message[0] = 1;
    message.set(left, 1);
    message.set(right, 1 + SHA256_BYTES);
    return this.#digest(NODE_MESSAGE_BYTES);
  }

  #digest(length: number): Buffer {
    const digest = Buffer.allocUnsafe(SHA256_BYTES);
    this.#sha256.hash(length);
    this.#sha256.writeDigest(digest, 0);
    return digest;
  }
}
