/**
 * An entrant's terms, fixed at the freeze, and how the pool binds them. The leaf of an entrant in the pool's tree:
 *
 * | bytes   | field |
 * |---------|-------|
 * | 32      | hash of the entry's leaf in its slice (see ../contract/record/leaf.ts) |
 * | 2       | tickets, u16 big-endian |
 * | 1 or 33 | group: 0 for none; else 1 and HMAC-SHA-256(RECEIPT_SALT_SECRET, "fairline group 1" \|\| campaign u32 \|\| group) |
 * | 1 or 33 | exclusion: 0 for none; else 1 and H(its reason in UTF-8) |
 *
 * The bytes 0 and 1 say what follows, so two entrants have the same bytes only if they agree in all of it. Books show groups
 * as these hashes: they show who belongs together, and guessing a group's name requires the secret.
 */
import { createHmac, hash } from 'node:crypto';
import { HASH_BYTES } from '../contract/hashing/merkle.ts';

export interface Terms {
  /** 1 to MOST_TICKETS. */
  readonly tickets: number;
  readonly group: string | null;
  /** Why it is excluded from the draw; null: it is not. */
  readonly excluded: string | null;
}

/** The leaf data of an entrant without a group or an exclusion. */
export const PLAIN_LEAF_BYTES = HASH_BYTES + 4;
export const TICKETS_AT = HASH_BYTES;
const MOST_LEAF_BYTES = PLAIN_LEAF_BYTES + 2 * HASH_BYTES;

const GROUP_LABEL = 'fairline group 1';
/** Of a leaf in a Merkle tree (RFC 6962, section 2.1). */
const LEAF_PREFIX_BYTES = 1;
/** Entrants of a group are not adjacent; with more groups than this, hashes are computed repeatedly. */
const MOST_KEPT = 10_000;

/** A leaf's fields as they are in pools and books. */
export interface PoolLeaf {
  readonly tickets: number;
  /** The hash that stands for the group, 32 bytes. */
  readonly group?: Uint8Array | undefined;
  /** Why the entrant is excluded from the draw. */
  readonly reason?: string | undefined;
}

/**
 * Writes the data of an entrant's leaf to `target`, from `at` on, and returns the offset behind it: at most 100 bytes further.
 * `leafHash` is that of the entry in its slice.
 */
export function writePoolLeaf(
  target: Buffer,
  at: number,
  leafHash: Uint8Array,
  { tickets, group, reason }: PoolLeaf,
): number {
  target.set(leafHash, at);
  target.writeUInt16BE(tickets, at + TICKETS_AT);
  const afterGroup = writeOption(target, at + TICKETS_AT + 2, group);
  return writeOption(target, afterGroup, reason === undefined ? undefined : hash('sha256', reason, 'buffer'));
}

function writeOption(target: Buffer, at: number, bytes: Uint8Array | undefined): number {
  target[at] = bytes === undefined ? 0 : 1;
  if (bytes === undefined) return at + 1;
  target.set(bytes, at + 1);
  return at + 1 + bytes.length;
}

/** Makes the leaves of one campaign's pool, and the hashes of its groups. */
export class TermsHasher {
  readonly #campaign = Buffer.alloc(4);
  readonly #secret: string;
  readonly #groups = new Map<string, Buffer>();

  /** `saltSecret`: RECEIPT_SALT_SECRET. */
  constructor(campaignId: number, saltSecret: string) {
    this.#campaign.writeUInt32BE(campaignId);
    this.#secret = saltSecret;
  }

  /** The hash that stands for a group in pools and books, 32 bytes. */
  groupHash(group: string): Buffer {
    const kept = this.#groups.get(group);
    if (kept !== undefined) return kept;
    const made = createHmac('sha256', this.#secret)
      .update(GROUP_LABEL)
      .update(this.#campaign)
      .update(group, 'utf8')
      .digest();
    if (this.#groups.size === MOST_KEPT) this.#groups.clear();
    this.#groups.set(group, made);
    return made;
  }

  /** The hash of an entrant's leaf in the pool's tree; `leafHash` is that of its entry. 32 bytes. */
  poolLeafHash(leafHash: Uint8Array, { tickets, group, excluded }: Terms): Buffer {
    const message = Buffer.alloc(LEAF_PREFIX_BYTES + MOST_LEAF_BYTES);
    const leaf = {
      tickets,
      group: group === null ? undefined : this.groupHash(group),
      reason: excluded ?? undefined,
    };
    const end = writePoolLeaf(message, LEAF_PREFIX_BYTES, leafHash, leaf);
    return hash('sha256', message.subarray(0, end), 'buffer');
  }
}
