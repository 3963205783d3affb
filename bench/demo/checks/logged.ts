import { decodeRecord, ITEM_ENTRY, UnreadableRecord } from '../../../engine/contract/record/record.ts';
import { INCARNATIONS_PER_EPOCH } from '../../../sql/statements/progress/watermarks.ts';
import type { Entry } from './evidence.ts';
import type { Faults } from './faults.ts';
import type { LogRecords } from './log-reader.ts';

/**
 * The entries of each campaign in the log, in log order, repeated ones included. Records that an incarnation of a gateway
 * wrote behind its fence or its leave, or behind the marker of a later epoch, were never acknowledged and are left out. An
 * unreadable record and a gap in the numbers of an incarnation's records are faults: part of the log was not seen then.
 */
export function entriesInLog(records: LogRecords, faults: Faults): ReadonlyMap<number, readonly Entry[]> {
  const campaigns = new Map<number, Entry[]>();
  for (const [partition, all] of records) {
    const lastNumbers = new Map<number, number>();
    const ended = new Set<number>();
    let marker = 0;
    for (const bytes of all) {
      const record = readable(bytes, partition, faults);
      if (record === undefined) continue;
      const { kind, incarnation, sliceNumber, items } = record;
      if (ended.has(incarnation) || (kind !== 'fence' && incarnation < marker)) continue;
      if (kind === 'fence' && incarnation % INCARNATIONS_PER_EPOCH === 0)
        marker = Math.max(marker, incarnation);
      if (kind === 'fence' || kind === 'leave') ended.add(incarnation);
      if (kind !== 'fence') {
        const expected = (lastNumbers.get(incarnation) ?? 0) + 1;
        if (sliceNumber !== expected) {
          const example = `partition ${partition}, incarnation ${incarnation}: ${sliceNumber} after ${expected - 1}`;
          faults.add('other', 'records are missing in the log', example, Math.max(1, sliceNumber - expected));
        }
        lastNumbers.set(incarnation, sliceNumber);
      }
      for (const { kind: what, campaignId, userId, stamp } of items) {
        if (what !== ITEM_ENTRY) continue;
        const own = campaigns.get(campaignId) ?? [];
        campaigns.set(campaignId, own);
        own.push({ user: userId, stamp });
      }
    }
  }
  return campaigns;
}

function readable(
  bytes: Buffer,
  partition: number,
  faults: Faults,
): ReturnType<typeof decodeRecord> | undefined {
  try {
    return decodeRecord(bytes);
  } catch (error) {
    if (!(error instanceof UnreadableRecord)) throw error;
    faults.add('other', 'a record of the log cannot be read', `partition ${partition}: ${error.message}`);
    return undefined;
  }
}
