/** Statements on watermarks and on the registry's epochs: how far the ledger has come. */
import type { Queryable } from './database.ts';

/** Raises the ledger's watermark, and answers the greatest there ever was (microseconds since the epoch). */
export async function raiseWatermark(db: Queryable, watermarkUs: number): Promise<number> {
  await db.query('update watermarks set watermark_us = $1 where watermark_us < $1', [watermarkUs]);
  return readWatermark(db);
}

/** The greatest watermark ever used for a decision. */
export async function readWatermark(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ watermark_us: number }>('select watermark_us from watermarks');
  const [row] = rows;
  if (row === undefined)
    throw new Error('the table watermarks is empty; its one row is made by migration 0001');
  return row.watermark_us;
}

/** Whether the registry of leases was ever opened, so that gateways from before may still believe in a lease. */
export async function wasEverOpened(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ is_called: boolean }>('select is_called from registry_epoch');
  return rows[0]?.is_called === true;
}

/** A new epoch for the registry: greater than all before it. */
export async function nextEpoch(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ epoch: number }>(`select nextval('registry_epoch') as epoch`);
  const [row] = rows;
  if (row === undefined) throw new Error('nextval answered no row');
  return row.epoch;
}
