/**
 * What is settled about an entrant before the freeze, and how the pool binds it. The leaf of an entrant in the pool's tree:
 *
 * | bytes   | field |
 * |---------|-------|
 * | 32      | hash of the entry's leaf in its slice (see ../contract/record/leaf.ts) |
 * | 2       | tickets, u16 big-endian |
 * | 1 or 33 | group: 0 for none; else 1 and HMAC-SHA-256(RECEIPT_SALT_SECRET, "fairline group 1" \|\| campaign u32 \|\| group) |
 * | 1 or 33 | exclusion: 0 for none; else 1 and H(its reason in UTF-8) |
 *
 * As 0 and 1 say what follows, no two entrants have the same bytes unless they agree in all of it. Books show groups as
 * these hashes: they say who belongs together, and only with the secret can a name be tried out.
 */
import { createHmac, hash } from 'node:crypto';
import { HASH_BYTES } from '../contract/hashing/merkle.ts';

export interface Terms {
  /** 1 to MOST_TICKETS. */
  readonly tickets: number;
  readonly group: string | null;
  /** Why it is not drawn; null: it is. */
  readonly excluded: string | null;
}

/** The leaf data of who is in no group and not excluded. */
export const PLAIN_LEAF_BYTES = HASH_BYTES + 4;
export const TICKETS_AT = HASH_BYTES;

const GROUP_LABEL = 'fairline group 1';
const NONE = Buffer.of(0);
const SOME = Buffer.of(1);
/** Entrants of a group come apart from each other; more groups than this are hashed again and again. */
const MOST_KEPT = 10_000;

/** Makes the leaves of one campaign's pool, and the hashes of its groups. */
export class TermsBinder {
  readonly #campaign = Buffer.alloc(4);
  readonly #secret: string;
  readonly #groups = new Map<string, Buffer>();

  /** `saltSecret`: RECEIPT_SALT_SECRET. */
  constructor(campaignId: number, saltSecret: string) {
    this.#campaign.writeUInt32BE(campaignId);
    this.#secret = saltSecret;
  }

  /** What stands for a group in pools and books, 32 bytes. */
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
    const count = Buffer.alloc(2);
    count.writeUInt16BE(tickets);
    const parts = [NONE, leafHash, count, ...some(group === null ? undefined : this.groupHash(group))];
    parts.push(...some(excluded === null ? undefined : hash('sha256', excluded, 'buffer')));
    return hash('sha256', Buffer.concat(parts), 'buffer');
  }
}

function some(bytes: Buffer | undefined): readonly Buffer[] {
  return bytes === undefined ? [NONE] : [SOME, bytes];
}
