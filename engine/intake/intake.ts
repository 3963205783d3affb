/**
 * Intake: ingests the log into the ledger, exactly once. A batch of one partition is one transaction: it moves the
 * partition's position by compare-and-set, records the promises of gateways, writes entries and withdrawals as rows, and
 * stores signed slices. A consumer that was delayed and replaced finds the position moved, and its transaction writes
 * nothing.
 *
 * An incarnation of a gateway is `live` from its first record and `ended` from its `leave` or `fence`. Records after that
 * were never acknowledged; intake drops them. It also drops a slice with a lower number than an ingested one: to the
 * gateway its append had failed, so the requests were answered with 503, and the slice landed late, behind a promise that
 * everything before it was in the log.
 *
 * It also drops records of older epochs behind a marker of their partition, whether or not the ledger knew the
 * incarnation: when the lease reaper (watermark/lease-reaper.ts) appended the marker, the log already refused all of them. An
 * incarnation that had logged nothing by then has no fence; without this rule, its records in a restored log would come
 * alive behind the watermark.
 */
import type { Logger } from 'pino';
import { type Pool, type Queryable, transaction } from '../../sql/database.ts';
import { insertSlices, type SliceRow } from '../../sql/statements/books/slices.ts';
import {
  type ConflictPolicy,
  findRefused,
  insertEntries,
  keepEarliest,
} from '../../sql/statements/entries/entries.ts';
import { insertUserRequests } from '../../sql/statements/entries/user-requests.ts';
import { type DeadLetter, insertDeadLetters } from '../../sql/statements/progress/dead-letters.ts';
import { type GatewayRow, readProgress, saveProgress } from '../../sql/statements/progress/gateways.ts';
import { moveOn, nextPosition } from '../../sql/statements/progress/log-partitions.ts';
import type { LogBatch, LogHandler } from '../contract/log/log.ts';
import {
  decodeRecord,
  ITEM_CLAIM,
  ITEM_ENTRY,
  type LogItem,
  type LogRecord,
  RecordEncoder,
  UnreadableRecord,
} from '../contract/record/record.ts';
import { decodeSignedHead, WrongSliceHead } from '../contract/record/slice-head.ts';
import { AdaptiveConflictPolicy } from './conflict-policy.ts';
import { ItemColumns } from './item-columns.ts';
import { Progress } from './progress.ts';

/** The result of one batch. */
export interface IntakeCounts {
  readonly records: number;
  /** New rows in the ledger. */
  readonly entries: number;
  readonly withdrawals: number;
  readonly claims: number;
  /** Entry items of users who already had an entry: retried, or sent to several gateways. */
  readonly repeated: number;
  /** Dropped records: behind their gateway's end or a later epoch's marker, or late. */
  readonly dropped: number;
  readonly deadLetters: number;
}

export interface IntakeOptions {
  readonly pool: Pool;
  /** The name of the log; see LogConsumer. */
  readonly logName: string;
  readonly log: Logger;
  /** Called after each committed batch. */
  readonly onBatch: (counts: IntakeCounts) => void;
}

/** The ledger has moved on without this consumer: another one now has the partition. */
export class StaleConsumer extends Error {}

export function makeIntake(options: IntakeOptions): LogHandler {
  const { pool, logName, log, onBatch } = options;
  const conflictPolicy = new AdaptiveConflictPolicy();
  return {
    start: partition => nextPosition(pool, logName, partition),
    batch: async batch => {
      const counts = await conflictPolicy.insert(policy =>
        transaction(pool, client => takeIn(client, logName, batch, policy)),
      );
      const { dropped, deadLetters } = counts;
      if (dropped > 0 || deadLetters > 0) {
        log.warn(
          { partition: batch.partition, dropped, deadLetters },
          'records were dropped or became dead letters',
        );
      }
      onBatch(counts);
    },
  };
}

async function takeIn(
  db: Queryable,
  logName: string,
  batch: LogBatch,
  policy: ConflictPolicy,
): Promise<IntakeCounts> {
  const { partition, from, next } = batch;
  if (!(await moveOn(db, { logName, partition, from, next }))) {
    throw new StaleConsumer(`another consumer moved partition ${partition} on from ${JSON.stringify(from)}`);
  }
  const read = readRecords(batch, logName);
  const incarnations = read.records.map(({ record }) => record.incarnation);
  const known = await readProgress(db, { incarnations, logName, partition });
  const sorted = sortOut(read.records, new Progress(known, logName, partition));
  const signed = signedSlices(sorted.taken);
  const deadLetters = [
    ...read.unreadable,
    ...sorted.misplaced.map(indexed => deadRecord(batch, logName, indexed, misplacedReason(indexed))),
    ...signed.wrong.map(({ indexed, reason }) => deadRecord(batch, logName, indexed, reason)),
  ];
  const taken = await takeItems(db, sorted, policy);
  for (const { items, index, reason } of taken.refused) {
    deadLetters.push(deadItem(batch, logName, items, index, reason));
  }
  if (deadLetters.length > 0) await insertDeadLetters(db, deadLetters);
  if (signed.slices.length > 0) await insertSlices(db, signed.slices);
  if (sorted.progress.length > 0) await saveProgress(db, sorted.progress);
  return {
    records: batch.records.length,
    entries: taken.entries,
    withdrawals: taken.withdrawals,
    claims: taken.claims,
    repeated: taken.repeated,
    dropped: sorted.dropped,
    deadLetters: deadLetters.length,
  };
}

interface IndexedRecord {
  readonly record: LogRecord;
  /** The index of the record in the batch. */
  readonly index: number;
}

function readRecords(
  batch: LogBatch,
  logName: string,
): { readonly records: readonly IndexedRecord[]; readonly unreadable: readonly DeadLetter[] } {
  const records: IndexedRecord[] = [];
  const unreadable: DeadLetter[] = [];
  for (const [index, { position, bytes }] of batch.records.entries()) {
    try {
      records.push({ record: decodeRecord(bytes), index });
    } catch (error) {
      if (!(error instanceof UnreadableRecord)) throw error;
      unreadable.push({
        logName,
        partition: batch.partition,
        position,
        item: undefined,
        reason: error.message,
        record: bytes,
      });
    }
  }
  return { records, unreadable };
}

interface SortedOut {
  readonly entries: ItemColumns;
  readonly withdrawals: ItemColumns;
  readonly claims: ItemColumns;
  readonly progress: readonly GatewayRow[];
  /** The records that count. */
  readonly taken: readonly IndexedRecord[];
  readonly misplaced: readonly IndexedRecord[];
  readonly dropped: number;
}

/** Goes through the records in log order and keeps the items of those that count. */
function sortOut(records: readonly IndexedRecord[], progress: Progress): SortedOut {
  const entries = new ItemColumns();
  const withdrawals = new ItemColumns();
  const claims = new ItemColumns();
  const taken: IndexedRecord[] = [];
  const misplaced: IndexedRecord[] = [];
  let dropped = 0;
  for (const indexed of records) {
    const { record } = indexed;
    if (isRetirement(record)) continue;
    if (progress.isMisplaced(record)) {
      misplaced.push(indexed);
      continue;
    }
    const { state, sliceNumber } = progress.of(record);
    const landedLate = record.kind === 'slice' && record.sliceNumber < sliceNumber;
    if (state === 'ended' || progress.isBehindMarker(record) || landedLate) {
      // A second fence contains nothing that could be lost.
      if (record.kind !== 'fence') dropped += 1;
      continue;
    }
    for (const [number, item] of record.items.entries()) {
      if (item.kind === ITEM_ENTRY) entries.add(item, indexed, number);
      else (item.kind === ITEM_CLAIM ? claims : withdrawals).add(item, indexed, number);
    }
    taken.push(indexed);
    progress.move(record);
  }
  return { entries, withdrawals, claims, progress: progress.changed(), taken, misplaced, dropped };
}

/** Where the log starts to refuse an identity (engine/watermark/writers.ts): it belongs to no incarnation and ends none. */
function isRetirement({ kind, incarnation }: LogRecord): boolean {
  return kind === 'fence' && incarnation === 0;
}

interface SignedSlices {
  readonly slices: readonly SliceRow[];
  readonly wrong: readonly { readonly indexed: IndexedRecord; readonly reason: string }[];
}

/** The parts of signed slices to store. An invalid head does not keep the entries of its slice out. */
function signedSlices(records: readonly IndexedRecord[]): SignedSlices {
  const slices: SliceRow[] = [];
  const wrong: { indexed: IndexedRecord; reason: string }[] = [];
  for (const indexed of records) {
    const { signed, gateway, incarnation, sliceNumber, items } = indexed.record;
    if (signed === undefined) continue;
    try {
      const head = decodeSignedHead(signed.head);
      const isOfRecord =
        head.gateway === gateway &&
        head.incarnation === incarnation &&
        head.sliceNumber === sliceNumber &&
        head.count === items.length &&
        head.firstUs <= head.lastUs;
      if (!isOfRecord) throw new WrongSliceHead('it belongs to another slice');
      const { firstUs, lastUs } = head;
      const row = { gateway, incarnation, sliceNumber, firstUs, lastUs };
      slices.push({ ...row, signedHead: signed.head, items: signed.items });
    } catch (error) {
      if (!(error instanceof WrongSliceHead)) throw error;
      wrong.push({ indexed, reason: `the items were ingested without the signed head: ${error.message}` });
    }
  }
  return { slices, wrong };
}

interface Refused {
  readonly items: ItemColumns;
  readonly index: number;
  readonly reason: string;
}

interface Taken {
  readonly entries: number;
  readonly withdrawals: number;
  readonly claims: number;
  readonly repeated: number;
  readonly refused: readonly Refused[];
}

async function takeItems(
  db: Queryable,
  { entries, withdrawals, claims }: SortedOut,
  policy: ConflictPolicy,
): Promise<Taken> {
  const refused: Refused[] = [];
  for (const items of [entries, withdrawals, claims]) {
    for (const index of items.unstorable)
      refused.push({ items, index, reason: 'the user id contains U+0000' });
  }
  let inserted = 0;
  let repeated = 0;
  const sent = entries.storable();
  if (sent.userIds.length > 0) inserted = await insertEntries(db, sent, policy);
  // Fewer than were sent: only now is it worth finding out which, and why.
  if (inserted < sent.userIds.length) {
    await keepEarliest(db, sent);
    const missing = await findRefused(db, sent);
    repeated = sent.userIds.length - inserted - missing.length;
    for (const { index, reason } of missing) {
      refused.push({ items: entries, index: entries.indexOfStorable(index), reason });
    }
  }
  const counts: number[] = [];
  for (const [table, items] of [
    ['withdrawals', withdrawals],
    ['claims', claims],
  ] as const) {
    const columns = items.storable();
    counts.push(columns.userIds.length);
    if (columns.userIds.length === 0) continue;
    for (const index of await insertUserRequests(db, table, columns)) {
      refused.push({ items, index: items.indexOfStorable(index), reason: 'no such campaign' });
    }
  }
  const [withdrawn = 0, claimed = 0] = counts;
  return { entries: inserted, withdrawals: withdrawn, claims: claimed, repeated, refused };
}

function misplacedReason({ record }: IndexedRecord): string {
  return `gateway ${record.gateway} is assigned to another partition or log`;
}

function deadRecord(batch: LogBatch, logName: string, { index }: IndexedRecord, reason: string): DeadLetter {
  const { position, bytes } = recordAt(batch, index);
  return {
    logName,
    partition: batch.partition,
    position,
    item: undefined,
    reason,
    record: bytes,
  };
}

function deadItem(
  batch: LogBatch,
  logName: string,
  items: ItemColumns,
  index: number,
  reason: string,
): DeadLetter {
  const { item, record, recordIndex, number } = items.locationOf(index);
  return {
    logName,
    partition: batch.partition,
    position: recordAt(batch, recordIndex).position,
    item: number,
    reason,
    record: recordOf(record, item),
  };
}

function recordAt(batch: LogBatch, index: number): LogBatch['records'][number] {
  const record = batch.records[index];
  if (record === undefined) throw new RangeError(`the batch has no record ${index}`);
  return record;
}

/** A record with the head of `record` and only this item, readable like any other. */
function recordOf(record: LogRecord, item: LogItem): Buffer {
  const encoder = new RecordEncoder();
  encoder.begin();
  encoder.add(item.kind, item.campaignId, item.stamp, item.userId);
  return encoder.finish(record);
}
