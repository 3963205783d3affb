/** Statements on slices: what gateways signed, stored for receipts and books. */
import type { Queryable } from '../../database.ts';
import { bigintArray, byteaArray } from '../arrays.ts';
import { readWatermark } from '../progress/watermarks.ts';

export interface SliceRow {
  readonly gateway: number;
  readonly incarnation: number;
  readonly sliceNumber: number;
  /** The least and the greatest instant of the items, microseconds since the epoch. */
  readonly firstUs: number;
  readonly lastUs: number;
  readonly signedHead: Buffer;
  /** The record's items, unchanged. */
  readonly items: Buffer;
}

/** Stores slices. A slice that is stored already stays unchanged. */
export async function insertSlices(db: Queryable, slices: readonly SliceRow[]): Promise<void> {
  await db.query(
    `insert into slices (gateway, incarnation, slice_number, first_us, last_us, signed_head, items)
     select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[])
     on conflict do nothing`,
    [
      bigintArray(slices.map(slice => slice.gateway)),
      bigintArray(slices.map(slice => slice.incarnation)),
      bigintArray(slices.map(slice => slice.sliceNumber)),
      bigintArray(slices.map(slice => slice.firstUs)),
      bigintArray(slices.map(slice => slice.lastUs)),
      byteaArray(slices.map(slice => slice.signedHead)),
      byteaArray(slices.map(slice => slice.items)),
    ],
  );
}

/** If proxies are trusted, slices of one gateway overlap: as many as are made within REQUEST_START_WAIT_MS. */
export const MOST_OVERLAPPING = 500;

/**
 * The slices of the gateway whose first and last instant enclose this instant; an item stamped at it is in one of them. None
 * if it is not there (yet), or its items are in an archive.
 */
export async function findSlices(
  db: Queryable,
  gateway: number,
  instantUs: number,
): Promise<readonly SliceRow[]> {
  const { rows } = await db.query<SliceRow>(
    `select gateway, incarnation, slice_number as "sliceNumber", first_us as "firstUs", last_us as "lastUs",
            signed_head as "signedHead", items
       from (select * from slices where gateway = $1 and last_us >= $2 order by last_us limit ${MOST_OVERLAPPING}) as near
      where first_us <= $2 and items is not null order by last_us`,
    [gateway, instantUs],
  );
  return rows;
}

/**
 * What `findSlices` finds for each of several instants, among the first `most` slices that end at it or later; `index` is that of the
 * instant.
 */
export async function findSlicesOf(
  db: Queryable,
  instants: readonly { readonly gateway: number; readonly instantUs: number }[],
  most: number,
): Promise<readonly (SliceRow & { readonly index: number })[]> {
  const { rows } = await db.query<SliceRow & { readonly index: number }>(
    `select asked.number::integer - 1 as index, near.gateway, near.incarnation, near.slice_number as "sliceNumber",
            near.first_us as "firstUs", near.last_us as "lastUs", near.signed_head as "signedHead", near.items
       from unnest($1::bigint[], $2::bigint[]) with ordinality as asked (gateway, instant_us, number)
      cross join lateral (select * from slices s where s.gateway = asked.gateway and s.last_us >= asked.instant_us
                           order by s.last_us limit $3) as near
      where near.first_us <= asked.instant_us and near.items is not null`,
    [
      bigintArray(instants.map(({ gateway }) => gateway)),
      bigintArray(instants.map(({ instantUs }) => instantUs)),
      most,
    ],
  );
  return rows;
}

/** The number of a slice; unique to each. */
export type SliceNumber = Pick<SliceRow, 'gateway' | 'incarnation' | 'sliceNumber'>;

/** One slice; undefined if it is not there (yet). Its items are null if they are in an archive. */
export async function findSlice(
  db: Queryable,
  { gateway, incarnation, sliceNumber }: SliceNumber,
): Promise<{ readonly signedHead: Buffer; readonly items: Buffer | null } | undefined> {
  const { rows } = await db.query<{ signedHead: Buffer; items: Buffer | null }>(
    `select signed_head as "signedHead", items from slices where gateway = $1 and incarnation = $2 and slice_number = $3`,
    [gateway, incarnation, sliceNumber],
  );
  return rows[0];
}

/** A position in the order of all signed heads, unique to each; zeros before the first. */
export interface HeadPosition {
  readonly firstUs: number;
  readonly gateway: number;
  readonly incarnation: number;
  readonly sliceNumber: number;
}

export interface ShownHeads {
  readonly heads: readonly (HeadPosition & { readonly signedHead: Buffer })[];
  /** Every slice with an item up to this instant is in the ledger: no slice that begins before it can be added. */
  readonly throughUs: number;
}

/**
 * Signed heads after a position, in the order of their first instant, gateway, incarnation and slice number. Only up to the
 * watermark: below it nothing can be added any more, so a reader who continues behind the last head received misses none.
 */
export async function readHeads(db: Queryable, after: HeadPosition, limit: number): Promise<ShownHeads> {
  // Read first, so the statement that follows sees everything up to this watermark.
  const throughUs = await readWatermark(db);
  const { rows } = await db.query<HeadPosition & { readonly signedHead: Buffer }>(
    `select first_us as "firstUs", gateway, incarnation, slice_number as "sliceNumber", signed_head as "signedHead"
       from slices
      where (first_us, gateway, incarnation, slice_number) > ($1, $2, $3, $4) and first_us <= $5
      order by first_us, gateway, incarnation, slice_number limit $6`,
    [after.firstUs, after.gateway, after.incarnation, after.sliceNumber, throughUs, limit],
  );
  return { heads: rows, throughUs };
}
