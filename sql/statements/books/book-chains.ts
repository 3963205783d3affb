/** Statements on what a book shows of gateways: epochs, incarnations, and the slices of each within the time of the book. */
import type { Queryable } from '../../database.ts';
import { bigintArray } from '../arrays.ts';
import { INCARNATIONS_PER_EPOCH } from '../progress/watermarks.ts';
import type { DecidedEntry } from './books.ts';
import { readDecided } from './books.ts';

/** The time of a book, microseconds since the epoch: from `fromUs` to before `toUs`. */
export interface BookWindow {
  readonly fromUs: number;
  readonly toUs: number;
}

/** The instant of the last honoured withdrawal, as its stamp; undefined if there was none. */
export async function readLastWithdrawal(db: Queryable, campaignId: number): Promise<number | undefined> {
  const { rows } = await db.query<{ stamp: number | null }>(
    'select max(stamp) as stamp from withdrawals where campaign_id = $1 and honoured',
    [campaignId],
  );
  return rows[0]?.stamp ?? undefined;
}

/** An epoch of the registry, as far as the log has shown it. */
export interface EpochOfBook {
  readonly epoch: number;
  /** Before this instant, no incarnation of it has stamped. Null if that was not recorded yet. */
  readonly beganUs: number | null;
  /** The greatest number of its incarnations; 0 for none. */
  readonly last: number;
}

export async function readEpochs(db: Queryable): Promise<readonly EpochOfBook[]> {
  const { rows } = await db.query<EpochOfBook>(
    `select incarnation / $1::bigint as epoch, max(incarnation % $1::bigint) as last,
            min(through_us) filter (where incarnation % $1::bigint = 0) as "beganUs"
       from gateways group by 1 order by 1`,
    [INCARNATIONS_PER_EPOCH],
  );
  return rows;
}

/** The part of an incarnation's chain that a book shows, by slice numbers. */
export interface ChainOfBook {
  readonly gateway: number;
  readonly incarnation: number;
  readonly first: number;
  readonly last: number;
  /** Whether the last slice is after the time of the book; else it is the last of the chain. */
  readonly isBehind: boolean;
}

/**
 * The chains of all incarnations that have signed since the opening, by gateway and incarnation: from the head before the
 * first one within the time of the book, or from the incarnation's first head, to the one after the last within that time.
 */
export async function readChains(
  db: Queryable,
  { fromUs, toUs }: BookWindow,
): Promise<readonly ChainOfBook[]> {
  const { rows } = await db.query<ChainOfBook>(
    `with since as (
       select gateway, incarnation, min(slice_number) as first,
              max(slice_number) filter (where first_us < $2) as last
         from slices where last_us >= $1 group by gateway, incarnation
     )
     select gateway, incarnation, coalesce(before.slice_number, since.first) as first,
            case when since.last is null then since.first else coalesce(behind.slice_number, since.last) end as last,
            since.last is null or behind.slice_number is not null as "isBehind"
       from since
       left join lateral (
         select slice_number from slices s
          where s.gateway = since.gateway and s.incarnation = since.incarnation and s.slice_number < since.first
          order by slice_number desc limit 1) as before on true
       left join lateral (
         select slice_number from slices s
          where s.gateway = since.gateway and s.incarnation = since.incarnation and s.slice_number > since.last
          order by slice_number limit 1) as behind on true
      order by gateway, incarnation`,
    [fromUs, toUs],
  );
  return rows;
}

export interface SliceOfBook {
  readonly sliceNumber: number;
  readonly signedHead: Buffer;
  /** Whether it is within the time of the book. */
  readonly isShown: boolean;
  /** Null outside of the time of the book. */
  readonly items: Buffer | null;
}

/** Slices of a chain after the number `after`, in order, at most `limit`. */
export async function readChainPage(
  db: Queryable,
  { gateway, incarnation, first, last }: ChainOfBook,
  { fromUs, toUs }: BookWindow,
  after: number,
  limit: number,
): Promise<readonly SliceOfBook[]> {
  const { rows } = await db.query<SliceOfBook>(
    `select slice_number as "sliceNumber", signed_head as "signedHead",
            last_us >= $5 and first_us < $6 as "isShown",
            case when last_us >= $5 and first_us < $6 then items end as items
       from slices
      where gateway = $1 and incarnation = $2 and slice_number > $3 and slice_number between $4 and $7
      order by slice_number limit $8`,
    [gateway, incarnation, after, first, fromUs, toUs, last, limit],
  );
  return rows;
}

/** Locations of entries: the slice of the book, and the leaf in it. */
export interface EntryLocations {
  readonly stamps: readonly number[];
  readonly slices: readonly number[];
  readonly leaves: readonly number[];
  readonly sources: readonly number[];
}

/** Creates, until the end of the transaction, storage for each entry's location: Postgres keeps it, on disk if it is large. */
export async function makeLocations(db: Queryable): Promise<void> {
  await db.query(
    `create temporary table book_locations (
       stamp bigint primary key, slice bigint not null, leaf bigint not null, source smallint not null
     ) on commit drop`,
  );
}

export async function saveLocations(db: Queryable, locations: EntryLocations): Promise<void> {
  await db.query(
    'insert into book_locations select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])',
    [
      bigintArray(locations.stamps),
      bigintArray(locations.slices),
      bigintArray(locations.leaves),
      bigintArray(locations.sources),
    ],
  );
}

/** Call this once all locations are saved, before reading them. */
export async function closeLocations(db: Queryable): Promise<void> {
  await db.query('analyze book_locations');
}

export interface LocatedEntry extends DecidedEntry {
  /** Null if no signed slice has it. */
  readonly slice: number | null;
  readonly leaf: number;
  readonly source: 0 | 1;
}

/** Entries after the stamp `after`, in stamp order, at most `limit`, with their locations. */
export async function readLocated(
  db: Queryable,
  campaignId: number,
  after: number,
  limit: number,
): Promise<readonly LocatedEntry[]> {
  const entries = await readDecided(db, campaignId, after, limit);
  const { rows } = await db.query<Pick<LocatedEntry, 'stamp' | 'slice' | 'leaf' | 'source'>>(
    'select stamp, slice, leaf, source from book_locations where stamp > $1 and stamp <= $2 order by stamp',
    [after, entries.at(-1)?.stamp ?? after],
  );
  const locations = new Map(rows.map(row => [row.stamp, row]));
  return entries.map(entry => ({
    ...entry,
    ...(locations.get(entry.stamp) ?? { slice: null, leaf: 0, source: 0 }),
  }));
}
