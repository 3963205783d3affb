/** Statements on watermarks and on the registry's epochs. */
import type { Queryable } from '../../database.ts';

/**
 * Raises the ledger's watermark (microseconds since the epoch); it never falls. False, with nothing raised, if the registry
 * that it relies on was opened under another epoch than the latest one.
 */
export async function raiseWatermark(db: Queryable, watermarkUs: number, epoch: number): Promise<boolean> {
  const { rowCount } = await db.query(
    'update watermarks set watermark_us = greatest(watermark_us, $1) where epoch = $2',
    [watermarkUs, epoch],
  );
  return rowCount === 1;
}

/** A watermark beyond which no decision was ever made. */
export async function readWatermark(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ watermark_us: number }>('select watermark_us from watermarks');
  return onlyRow(rows).watermark_us;
}

/**
 * Incarnations of an epoch begin above epoch x 2^32; see open.lua. No gateway has that number itself: a fence of it is a
 * marker, behind which its partition has nothing that a gateway of an older epoch was acknowledged for.
 */
export const INCARNATIONS_PER_EPOCH = 2 ** 32;

/**
 * A new epoch for the registry: greater than all before it, and than those of every incarnation in the ledger. After a
 * restore, or behind an old log, the ledger may know of later epochs than its own sequence does.
 */
export async function nextEpoch(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ epoch: number }>(
    `select setval('registry_epoch', greatest(
       nextval('registry_epoch'),
       (select coalesce(max(incarnation) / $1, 0) + 1 from gateways))) as epoch`,
    [INCARNATIONS_PER_EPOCH],
  );
  return onlyRow(rows).epoch;
}

/**
 * Makes it the epoch of the service: from then on nothing relies on a registry of an older one. Does nothing if a later epoch
 * has begun.
 */
export async function beginEpoch(db: Queryable, epoch: number): Promise<void> {
  await db.query('update watermarks set epoch = $1 where epoch < $1', [epoch]);
}

/** The latest epoch; 0 if there never was one. */
export async function readEpoch(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ epoch: number }>('select epoch from watermarks');
  return onlyRow(rows).epoch;
}

/** Makes the next epoch greater than one that Redis knows of: the ledger is older than Redis, as after a restore. */
export async function raiseEpoch(db: Queryable, epoch: number): Promise<void> {
  await db.query("select setval('registry_epoch', greatest(nextval('registry_epoch'), $1::bigint))", [epoch]);
}

function onlyRow<T>([row]: readonly T[]): T {
  if (row === undefined) throw new Error('a table or sequence of one row has none; migration 0001 makes it');
  return row;
}
