import { generateKeyPairSync } from 'node:crypto';
import { ITEM_ENTRY, RecordEncoder } from '../../engine/contract/record/record.ts';
import { NO_PREVIOUS, signSliceHead } from '../../engine/contract/record/slice-head.ts';
import { stampOf } from '../../engine/contract/record/stamp.ts';
import type { EntryColumns } from '../../sql/statements/entries/entries.ts';

/** As a burst of 400 connections makes them. */
export const SLICE_ENTRIES = 400;
/** Each with a partition of its own. */
export const GATEWAYS = 4;
/** The first campaign of an empty ledger. */
export const CAMPAIGN = 1;
/** Time between entries: 40,000 a second. */
const GAP_US = 25;

const KEY_ID = Buffer.alloc(8);

/** A record as it is in the log, with its partition. */
export interface FilledRecord {
  readonly gateway: number;
  readonly incarnation: number;
  readonly bytes: Buffer;
}

/** The same entries twice: as the slices of several gateways, and as columns in the order of their stamps. */
export interface Rows {
  readonly count: number;
  readonly records: readonly FilledRecord[];
  readonly columns: EntryColumns;
}

/**
 * Makes entries that were stamped from `firstUs` on in a campaign that opened at `opensAtUs`; `count` is rounded up to
 * whole slices. User ids come in no order, as in a burst: 9 characters, the number scattered by Knuth's multiplicative hash
 * (The Art of Computer Programming 3, 6.4), which gives no id twice.
 */
export function makeRows(
  count: number,
  { opensAtUs, firstUs }: { opensAtUs: number; firstUs: number },
): Rows {
  const slices = Math.ceil(count / SLICE_ENTRIES);
  const campaignIds: number[] = [];
  const userIds: string[] = [];
  const stamps: number[] = [];
  const records: FilledRecord[] = [];
  const encoder = new RecordEncoder();
  const { privateKey } = generateKeyPairSync('ed25519');
  for (let slice = 0; slice < slices; slice++) {
    const gateway = slice % GATEWAYS;
    encoder.begin(true);
    let instantUs = firstUs;
    for (let entry = 0; entry < SLICE_ENTRIES; entry++) {
      const number = slice * SLICE_ENTRIES + entry;
      instantUs = firstUs + number * GAP_US;
      const stamp = stampOf(instantUs, opensAtUs, gateway);
      const userId = `u${(Math.imul(number, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')}`;
      encoder.add(ITEM_ENTRY, CAMPAIGN, stamp, userId);
      campaignIds.push(CAMPAIGN);
      userIds.push(userId);
      stamps.push(stamp);
    }
    const head = {
      kind: 'slice',
      gateway,
      incarnation: 1 + gateway,
      sliceNumber: 1 + Math.floor(slice / GATEWAYS),
      throughUs: instantUs,
      rankedUs: instantUs,
    } as const;
    const { incarnation, sliceNumber } = head;
    const times = { firstUs: firstUs + slice * SLICE_ENTRIES * GAP_US, lastUs: instantUs };
    const numbers = { gateway, incarnation, sliceNumber, count: SLICE_ENTRIES, ...times };
    // The intake keeps root and chain as they come, so their values do not matter.
    const rest = { root: NO_PREVIOUS, previous: NO_PREVIOUS };
    encoder.sign(signSliceHead({ ...numbers, ...rest }, KEY_ID, privateKey));
    records.push({ gateway, incarnation, bytes: Buffer.from(encoder.finish(head)) });
  }
  return { count: stamps.length, records, columns: { campaignIds, userIds, stamps } };
}
