/** Statements on dead letters (set_aside): records of the log, and items of records, that could not be ingested. */
import type { Queryable } from '../../database.ts';

export interface SetAside {
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
export async function setAside(db: Queryable, things: readonly SetAside[]): Promise<void> {
  for (const thing of things) {
    await db.query(
      `insert into set_aside (log_name, partition, position, item, reason, record)
       values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
      [thing.logName, thing.partition, thing.position, thing.item ?? null, thing.reason, thing.record],
    );
  }
}
