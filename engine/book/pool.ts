/**
 * The Merkle root over the pool, one entry at a time (of a raffle, with each entry's terms): an RFC 6962 tree (section 2.1).
 * Only the roots of the complete subtrees so far are kept, at most one for each power of two.
 */
import { createHash } from 'node:crypto';
import { SHA256_BYTES, Sha256 } from '../contract/hashing/sha256.ts';

const ENTRY = 1;
const LEAF_PREFIX_BYTES = 1;
/** 0x00, and the leaf data: kind u8, source u8, campaign u32, stamp u64, who 32 bytes. */
const LEAF_MESSAGE_BYTES = LEAF_PREFIX_BYTES + 46;
const NODE_MESSAGE_BYTES = 1 + 2 * SHA256_BYTES;
/** Where a raffle's leaf has the tickets: after 0x00 and the hash of the entry's leaf. */
const TICKETS_AT = LEAF_PREFIX_BYTES + SHA256_BYTES;
const OPTIONS_AT = TICKETS_AT + 2;

/** What a raffle's leaf contains besides the hash of the entry's leaf. */
export interface EntrantPoolTerms {
  readonly tickets: number;
  /** 32 bytes. */
  readonly group?: Uint8Array | undefined;
  /** The reason of its exclusion. */
  readonly reason?: string | undefined;
}

export class EntrantPool {
  readonly #campaign: number;
  readonly #sha256 = new Sha256();
  /** The roots of complete subtrees, largest first, each with the number of its leaves. */
  readonly #roots: { readonly leaves: number; readonly root: Buffer }[] = [];
  #count = 0;

  constructor(campaign: number) {
    this.#campaign = campaign;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds the next entry in stamp order; for a coupon without terms. `who` has 32 bytes. */
  add(
    entry: { readonly stamp: number; readonly source: number; readonly who: Uint8Array },
    terms: EntrantPoolTerms | undefined,
  ): void {
    const leaf = this.#leafOf(entry);
    this.#push(terms === undefined ? leaf : this.#bound(leaf, terms));
  }

  #leafOf(entry: { readonly stamp: number; readonly source: number; readonly who: Uint8Array }): Buffer {
    const { message } = this.#sha256;
    message[0] = 0;
    message[1] = ENTRY;
    message[2] = entry.source;
    message.writeUInt32BE(this.#campaign, 3);
    message.writeUInt32BE(Math.floor(entry.stamp / 0x1_0000_0000), 7);
    message.writeUInt32BE(entry.stamp >>> 0, 11);
    message.set(entry.who, 15);
    return this.#digest(LEAF_MESSAGE_BYTES);
  }

  /** The leaf of an entrant: see "The draw" in ../verify/README.md. */
  #bound(leaf: Buffer, { tickets, group, reason }: EntrantPoolTerms): Buffer {
    const { message } = this.#sha256;
    const reasonHash =
      reason === undefined ? undefined : createHash('sha256').update(reason, 'utf8').digest();
    message[0] = 0;
    message.set(leaf, LEAF_PREFIX_BYTES);
    message.writeUInt16BE(tickets, TICKETS_AT);
    let at = OPTIONS_AT;
    for (const option of [group, reasonHash]) {
      message[at++] = option === undefined ? 0 : 1;
      if (option === undefined) continue;
      message.set(option, at);
      at += SHA256_BYTES;
    }
    return this.#digest(at);
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
