/** Statements on dead letters (dead_letters): records of the log, and items of records, that could not be ingested. */
import type { Queryable } from '../../database.ts';

export interface DeadLetter {
  readonly logName: string;
  readonly partition: number;
  readonly position: string;
  /** The item's number within its record, from 0; undefined for a whole record. */
  readonly item: number | undefined;
  readonly reason: string;
  /** The record as logged; for an item, a record with its head and that item alone. */
  readonly record: Buffer;
}

/** Stores dead letters. One that was stored before, from the same place, stays unchanged. */
export async function insertDeadLetters(db: Queryable, letters: readonly DeadLetter[]): Promise<void> {
  for (const thing of letters) {
    await db.query(
      `insert into dead_letters (log_name, partition, position, item, reason, record)
       values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
      [thing.logName, thing.partition, thing.position, thing.item ?? null, thing.reason, thing.record],
    );
  }
}
