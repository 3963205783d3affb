/**
 * Receipts and slices, for those who help people: whose receipt it is, and where the receipt of an entry leads. A receipt names no user:
 * its head names the slice, and the slice has the user at the receipt's leaf. The salt, which only that user has, then shows
 * whether the whole receipt is theirs. RECEIPT_SALT_SECRET is not needed, and engines do not have it.
 */
import type { Queryable } from '../../sql/database.ts';
import {
  findSlice,
  findSlicesOf,
  MOST_OVERLAPPING,
  type SliceRow,
} from '../../sql/statements/books/slices.ts';
import { readArchiveFile } from '../../sql/statements/campaigns/archives.ts';
import { findUserByStamp } from '../../sql/statements/people/find-people.ts';
import { isIncluded, leafHash } from '../contract/hashing/merkle.ts';
import { leafData, whoOf } from '../contract/record/leaf.ts';
import type { Receipt } from '../contract/record/receipt.ts';
import {
  decodeItems,
  ITEM_ENTRY,
  ITEM_HEAD_BYTES,
  KIND_BITS,
  type LogItem,
  SOURCE_ARRIVAL,
  SOURCE_BIT,
} from '../contract/record/record.ts';
import { decodeSignedHead, type SliceHead } from '../contract/record/slice-head.ts';
import { gatewayOf, instantOf } from '../contract/record/stamp.ts';

/**
 * - proven: the gateway signed this slice, and the receipt leads from the user to its root.
 * - forged: the ledger has another slice with this number, or the receipt does not lead from its user to the root.
 * - unknown: the ledger has no such slice; one of the last few seconds may still be on its way.
 * - archived: the slice, and the entry with it, are in a file.
 */
export const RECEIPT_STATES = ['proven', 'forged', 'unknown', 'archived'] as const;
export type ReceiptState = (typeof RECEIPT_STATES)[number];

export type ReceiptOwner =
  | { readonly state: 'proven'; readonly userId: string }
  | { readonly state: 'archived'; readonly file: string | undefined }
  | { readonly state: 'forged' | 'unknown' };

/** Finds whose receipt it is. Throws WrongSliceHead if its head is none. */
export async function findReceiptOwner(db: Queryable, receipt: Receipt): Promise<ReceiptOwner> {
  const signedHead = Buffer.from(receipt.head, 'base64url');
  const head = decodeSignedHead(signedHead);
  const slice = await findSlice(db, head);
  if (slice === undefined) return { state: 'unknown' };
  if (!slice.signedHead.equals(signedHead)) return { state: 'forged' };
  const userId =
    slice.items === null
      ? await userInLedger(db, receipt)
      : userAt(decodeItems(slice.items, 0, head.count, SOURCE_BIT), receipt);
  if (userId === undefined) {
    if (slice.items !== null) return { state: 'forged' };
    return { state: 'archived', file: await readArchiveFile(db, receipt.campaign) };
  }
  return isTheirs(receipt, head, userId) ? { state: 'proven', userId } : { state: 'forged' };
}

/** Without the slice's items: the entry, if it stayed. Withdrawals and claims are found by their user alone. */
async function userInLedger(db: Queryable, { kind, campaign, stamp }: Receipt): Promise<string | undefined> {
  return kind === ITEM_ENTRY ? await findUserByStamp(db, campaign, stamp) : undefined;
}

function userAt(
  items: readonly LogItem[],
  { kind, campaign, stamp, source, leaf }: Receipt,
): string | undefined {
  const item = items[leaf];
  const isIt =
    item !== undefined &&
    item.kind === kind &&
    item.campaignId === campaign &&
    item.stamp === stamp &&
    (item.source ?? SOURCE_ARRIVAL) === source;
  return isIt ? item.userId : undefined;
}

function isTheirs(receipt: Receipt, { count, root }: SliceHead, userId: string): boolean {
  const { kind, source, campaign: campaignId, stamp, leaf } = receipt;
  const who = whoOf(Buffer.from(receipt.salt, 'base64url'), userId);
  const hash = leafHash(leafData({ kind, source, campaignId, stamp }, who));
  return isIncluded(hash, { leaf, count }, Buffer.from(receipt.path, 'base64url'), root);
}

/** Where the receipt of an entry leads. */
export interface ReceiptPlace {
  readonly gateway: number;
  readonly incarnation: number;
  readonly sliceNumber: number;
  /** The index of the entry in its slice, from 0. */
  readonly leaf: number;
  /** The id of the key that signed the slice, in hex: as in GET /v1/keys. */
  readonly keyId: string;
}

export interface StampedEntry {
  readonly campaignId: number;
  /** Microseconds since the epoch. */
  readonly opensAtUs: number;
  readonly stamp: number;
}

/** Without trusted proxies, slices of a gateway do not overlap, and the first one is it. Reading 500 for each entry costs 1 ms. */
const FEW_SLICES = 4;

/**
 * Where the receipt of each entry leads, by campaign. None of an entry whose slice is not in the ledger (yet), was not signed, or
 * is in an archive.
 */
export async function findReceiptPlaces(
  db: Queryable,
  entries: readonly StampedEntry[],
): Promise<ReadonlyMap<number, ReceiptPlace>> {
  const places = new Map<number, ReceiptPlace>();
  for (const most of [FEW_SLICES, MOST_OVERLAPPING]) {
    const asked = entries.filter(({ campaignId }) => !places.has(campaignId));
    if (asked.length === 0) break;
    const instants = asked.map(({ stamp, opensAtUs }) => ({
      gateway: gatewayOf(stamp),
      instantUs: instantOf(stamp, opensAtUs),
    }));
    for (const { index, ...slice } of await findSlicesOf(db, instants, most)) {
      const entry = asked[index];
      const leaf = entry && leafOf(slice, entry);
      if (entry === undefined || leaf === undefined) continue;
      const { gateway, incarnation, sliceNumber } = slice;
      const keyId = decodeSignedHead(slice.signedHead).keyId.toString('hex');
      places.set(entry.campaignId, { gateway, incarnation, sliceNumber, leaf, keyId });
    }
  }
  return places;
}

/** Looks at the heads of the items alone: a slice of thousands is not decoded for one of them, on the loop that settles. */
function leafOf({ items }: SliceRow, { campaignId, stamp }: StampedEntry): number | undefined {
  let leaf = 0;
  for (let at = 0; at + ITEM_HEAD_BYTES <= items.length; leaf++) {
    const kind = items.readUInt8(at) & KIND_BITS;
    const isIt =
      kind === ITEM_ENTRY &&
      items.readUInt32LE(at + 2) === campaignId &&
      items.readDoubleLE(at + 6) === stamp;
    if (isIt) return leaf;
    at += ITEM_HEAD_BYTES + items.readUInt8(at + 1);
  }
  return undefined;
}
