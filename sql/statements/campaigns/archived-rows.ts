/**
 * Statements on the rows of an archive: which rows of a campaign are in its file, and in which order they are deleted and
 * restored. Rows are JSON as PostgreSQL writes and reads it, so nothing is lost in between.
 */
import type { Queryable } from '../../database.ts';
import { BASKET_TABLES, type BasketTable } from './archived-baskets.ts';
import type { Archivable } from './archives.ts';

/** For rooms only. Each refers to the one before it, and the first to entries. */
export const ROOM_TABLES = ['grants', 'room_people', 'room_moves'] as const;
export type RoomTable = (typeof ROOM_TABLES)[number];

/**
 * A user's requests, and their results: one row per user. An outcome is computed from the entry and these rows, so they are
 * deleted after the entry and restored before it; otherwise a user who withdrew could be shown `lost`.
 */
export const USER_TABLES = ['withdrawals', 'claims', 'entrant_terms'] as const;
export type UserTable = (typeof USER_TABLES)[number];

/** Tables that are deleted and restored row by row. */
type RowTable = UserTable | 'entries' | RoomTable;

/** The tables of a file, in the order of its rows. */
export const ARCHIVED_TABLES = [
  ...USER_TABLES,
  'entries',
  'slices',
  ...BASKET_TABLES,
  ...ROOM_TABLES,
] as const;
export type ArchivedTable = (typeof ARCHIVED_TABLES)[number];

export function isUserTable(name: ArchivedTable): name is UserTable {
  return USER_TABLES.some(table => table === name);
}

export function isBasketTable(name: ArchivedTable): name is BasketTable {
  return BASKET_TABLES.some(table => table === name);
}

export function isArchivedTable(name: unknown): name is ArchivedTable {
  return ARCHIVED_TABLES.some(table => table === name);
}

/**
 * Whether the entry's user stays: users with a grant, alternates and claimants stay, because other rows refer to them. A room
 * admits everybody, so its grants are deleted too, and no user stays.
 */
function stays(row: 'e' | 't'): string {
  return `(
  (select kind from campaigns where campaign_id = $1) <> 'room' and (
    exists (select from grants g where g.campaign_id = ${row}.campaign_id and g.user_id = ${row}.user_id)
    or exists (select from alternates a where a.campaign_id = ${row}.campaign_id and a.user_id = ${row}.user_id)
    or exists (select from claimants k where k.campaign_id = ${row}.campaign_id and k.user_id = ${row}.user_id)))`;
}

/** Baskets whose coupons all belong to this campaign or to other archived ones. */
const LEAVING_REDEMPTIONS = `
  select u.redemption_id from redemption_uses u join coupons k using (coupon_id) where k.campaign_id = $1
  except
  select u.redemption_id from redemption_uses u join coupons k using (coupon_id)
   where k.campaign_id is distinct from $1
     and not exists (select from archives a where a.campaign_id = k.campaign_id)`;

/** Rows of the campaign, each a JSON object, in the order of `key`, after the row `after`; '' before the first. */
const PAGES: Readonly<Record<ArchivedTable, string>> = {
  withdrawals: usersOf('withdrawals'),
  claims: usersOf('claims'),
  entrant_terms: usersOf('entrant_terms'),
  entries: `
    select row_to_json(e)::text as row, e.stamp::text as key from entries e
     where e.campaign_id = $1 and e.stamp > coalesce(nullif($2, '')::bigint, -1) and not ${stays('e')}
     order by e.stamp limit $3`,
  slices: `
    select row_to_json(s)::text as row, s.gateway || '.' || s.incarnation || '.' || s.slice_number as key from slices s
     where $1::integer is not null and s.items is not null and s.last_us >= $4 and s.first_us <= $5
       and (s.gateway, s.incarnation, s.slice_number) > (
         coalesce(nullif(split_part($2, '.', 1), '')::integer, -1),
         coalesce(nullif(split_part($2, '.', 2), '')::bigint, -1),
         coalesce(nullif(split_part($2, '.', 3), '')::bigint, -1))
     order by s.gateway, s.incarnation, s.slice_number limit $3`,
  redemptions: pageOf('redemptions', 'redemption_id'),
  redemption_uses: `
    select row_to_json(t)::text as row, t.redemption_id || '.' || t.coupon_id as key from redemption_uses t
     where t.redemption_id in (${LEAVING_REDEMPTIONS})
       and (t.redemption_id, t.coupon_id) > (
         coalesce(nullif(split_part($2, '.', 1), '')::bigint, -1), coalesce(nullif(split_part($2, '.', 2), '')::bigint, -1))
     order by t.redemption_id, t.coupon_id limit $3`,
  refunds: `
    select row_to_json(t)::text as row, t.redemption_id || '.' || t.refund_number as key from refunds t
     where t.redemption_id in (${LEAVING_REDEMPTIONS})
       and (t.redemption_id, t.refund_number) > (
         coalesce(nullif(split_part($2, '.', 1), '')::bigint, -1), coalesce(nullif(split_part($2, '.', 2), '')::bigint, -1))
     order by t.redemption_id, t.refund_number limit $3`,
  shop_requests: `
    select row_to_json(t)::text as row, t.idempotency_key as key from shop_requests t
     where t.redemption_id in (${LEAVING_REDEMPTIONS}) and t.idempotency_key > $2
     order by t.idempotency_key limit $3`,
  grants: `
    select row_to_json(t)::text as row, t.serial::text as key from grants t
     where t.campaign_id = $1 and t.serial > coalesce(nullif($2, '')::bigint, -1) order by t.serial limit $3`,
  room_people: `
    select row_to_json(t)::text as row, t.user_id as key from room_people t
     where t.campaign_id = $1 and t.user_id > $2 order by t.user_id limit $3`,
  room_moves: `
    select row_to_json(t)::text as row, t.gone_number::text as key from room_moves t
     where t.campaign_id = $1 and t.gone_number > coalesce(nullif($2, '')::bigint, -1)
     order by t.gone_number limit $3`,
};

function pageOf(table: 'redemptions', key: 'redemption_id'): string {
  return `
    select row_to_json(t)::text as row, t.${key}::text as key from ${table} t
     where t.${key} in (${LEAVING_REDEMPTIONS}) and t.${key} > coalesce(nullif($2, '')::bigint, -1)
     order by t.${key} limit $3`;
}

function usersOf(table: UserTable): string {
  return `
    select row_to_json(t)::text as row, t.user_id as key from ${table} t
     where t.campaign_id = $1 and t.user_id > $2 and not ${stays('t')} order by t.user_id limit $3`;
}

export interface ArchivedRow {
  /** A JSON object. */
  readonly row: string;
  readonly key: string;
}

/** A page of the rows that a campaign's file must contain. */
export async function readArchivePage(
  db: Queryable,
  table: ArchivedTable,
  { campaignId, fromUs, toUs }: Pick<Archivable, 'campaignId' | 'fromUs' | 'toUs'>,
  after: string,
  limit: number,
): Promise<readonly ArchivedRow[]> {
  const span = table === 'slices' ? [fromUs, toUs] : [];
  const { rows } = await db.query<ArchivedRow>(PAGES[table], [campaignId, after, limit, ...span]);
  return rows;
}

/** Stores the rank of each entry that stays, so that it can be shown without counting deleted ones. */
export async function markKeptRanks(db: Queryable, campaignId: number): Promise<void> {
  await db.query(
    `insert into rank_marks (campaign_id, stamp, rank)
     select e.campaign_id, e.stamp, ranked.rank
       from (select user_id, row_number() over (order by stamp) - 1 as rank from entries where campaign_id = $1) as ranked
       join entries e on e.campaign_id = $1 and e.user_id = ranked.user_id
      where ${stays('e')} on conflict do nothing`,
    [campaignId],
  );
}

const SAME_SLICE = `t.gateway = f.gateway and t.incarnation = f.incarnation and t.slice_number = f.slice_number`;

const OF_ENTRANT = { key: 'user_id', keptBy: ['entries r where r.user_id = t.user_id'] };

/** Tables that are deleted row by row, with the key within a campaign and the rows that keep a row here. */
const LEAVING: Readonly<Record<RowTable, { readonly key: string; readonly keptBy: readonly string[] }>> = {
  withdrawals: OF_ENTRANT,
  claims: OF_ENTRANT,
  entrant_terms: OF_ENTRANT,
  entries: {
    key: 'user_id',
    keptBy: ['grants r where r.user_id = t.user_id', 'room_people r where r.user_id = t.user_id'],
  },
  grants: { key: 'serial', keptBy: ['room_people r where r.serial = t.serial'] },
  room_people: { key: 'user_id', keptBy: ['room_moves r where r.user_id = t.user_id'] },
  room_moves: { key: 'gone_number', keptBy: [] },
};

/** The rows of a file as rows of the table. */
function fileRows(table: RowTable | 'slices'): string {
  return `json_populate_recordset(null::${table}, $1::json) as f`;
}

function asJson(rows: readonly string[]): string {
  return `[${rows.join(',')}]`;
}

/** Deletes rows that are identical in the file, unless a related row stays. */
export async function deleteRows(db: Queryable, table: RowTable, rows: readonly string[]): Promise<void> {
  const { key, keptBy } = LEAVING[table];
  const isFree = keptBy.map(row => `and not exists (select from ${row} and r.campaign_id = t.campaign_id)`);
  await db.query(
    `delete from ${table} t using ${fileRows(table)}
      where t.campaign_id = f.campaign_id and t.${key} = f.${key} and to_jsonb(t) = to_jsonb(f) ${isFree.join(' ')}`,
    [asJson(rows)],
  );
}

/** Deletes the items of slices that are identical in the file. */
export async function emptySlices(db: Queryable, rows: readonly string[]): Promise<void> {
  await db.query(
    `update slices t set items = null from ${fileRows('slices')} where ${SAME_SLICE} and t.items = f.items`,
    [asJson(rows)],
  );
}

/** Restores rows that are not here. */
export async function restoreRows(db: Queryable, table: RowTable, rows: readonly string[]): Promise<void> {
  await db.query(`insert into ${table} select f.* from ${fileRows(table)} on conflict do nothing`, [
    asJson(rows),
  ]);
}

/** Restores the items of slices that are not here. */
export async function fillSlices(db: Queryable, rows: readonly string[]): Promise<void> {
  await db.query(
    `update slices t set items = f.items from ${fileRows('slices')}
      where ${SAME_SLICE} and t.items is null and t.signed_head = f.signed_head`,
    [asJson(rows)],
  );
}
