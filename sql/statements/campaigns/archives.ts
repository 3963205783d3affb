/**
 * Statements on archives: which campaigns may be archived, the rows that stand in a file of one, and letting them go and come
 * back. Rows are JSON as PostgreSQL writes it and reads it again, so that nothing is lost on the way through here.
 */
import type { Queryable } from '../../database.ts';
import { bigintArray } from '../arrays.ts';
import { BASKET_TABLES, type BasketTable } from './archived-baskets.ts';
import type { CampaignKind } from './campaigns.ts';

/** Only of rooms. Each refers to the one before it, and the first to entries. */
export const ROOM_TABLES = ['grants', 'room_people', 'room_moves'] as const;
export type RoomTable = (typeof ROOM_TABLES)[number];

/** What a file has rows of, in the order in which they stand in it. */
export const ARCHIVED_TABLES = ['entries', 'slices', ...BASKET_TABLES, ...ROOM_TABLES] as const;
export type ArchivedTable = (typeof ARCHIVED_TABLES)[number];

export function isBasketTable(name: ArchivedTable): name is BasketTable {
  return BASKET_TABLES.some(table => table === name);
}

export function isArchivedTable(name: unknown): name is ArchivedTable {
  return ARCHIVED_TABLES.some(table => table === name);
}

/** A campaign as it stands before it is archived. */
export interface Archivable {
  readonly campaignId: number;
  readonly kind: CampaignKind;
  readonly title: string;
  readonly isFinished: boolean;
  readonly isShelved: boolean;
  /** A book is due, and not there. */
  readonly lacksBook: boolean;
  readonly hasBook: boolean;
  /** Something of it is offered, or claimed and not decided. */
  readonly hasOpenClaims: boolean;
  /** What it granted may still be redeemed, or is held in a basket. */
  readonly hasOpenCoupons: boolean;
  /** A pass can still be used, or a visit with an end has not ended. */
  readonly hasOpenVisits: boolean;
  /** From the opening to the end, microseconds since the epoch: every item of it lies in between. */
  readonly fromUs: number;
  readonly toUs: number;
}

export async function readArchivable(db: Queryable, campaignId: number): Promise<Archivable | undefined> {
  const { rows } = await db.query<Archivable>(
    `select c.campaign_id as "campaignId", c.kind, c.title, c.finished_at is not null as "isFinished",
            c.shelved_at is not null as "isShelved",
            c.rules is not null and c.cancelled_stamp is null and b.campaign_id is null as "lacksBook",
            b.bytes is not null as "hasBook",
            exists (select from claimants k where k.campaign_id = c.campaign_id and k.state = 'offered')
              or exists (select from claims k where k.campaign_id = c.campaign_id and not k.decided
                           and c.finished_at is null) as "hasOpenClaims",
            exists (select from coupons k where k.campaign_id = c.campaign_id
                       and (k.valid_until is null or k.valid_until > now()
                            or exists (select from redemption_uses u where u.coupon_id = k.coupon_id and u.held_until > now()))
                   ) as "hasOpenCoupons",
            exists (select from room_people p where p.campaign_id = c.campaign_id
                       and p.state in ('admitted', 'inside') and p.due_ms is not null) as "hasOpenVisits",
            (extract(epoch from c.opens_at) * 1000000)::bigint as "fromUs",
            (extract(epoch from coalesce(c.finished_at, now())) * 1000000)::bigint as "toUs"
       from campaigns c left join books b using (campaign_id) where c.campaign_id = $1`,
    [campaignId],
  );
  return rows[0];
}

/** Campaigns that came to their end before `before` and are not in a file, or have slices here that were needed. */
export async function listForArchive(db: Queryable, before: Date): Promise<readonly number[]> {
  const { rows } = await db.query<{ campaignId: number }>(
    `select c.campaign_id as "campaignId" from campaigns c left join archives a using (campaign_id)
      where c.finished_at < $1 and (a.campaign_id is null or a.emptied_at is null or a.slices_kept > 0)
      order by c.campaign_id`,
    [before],
  );
  return rows.map(({ campaignId }) => campaignId);
}

export interface ArchiveRow {
  readonly campaignId: number;
  readonly file: string;
  readonly sha256: Buffer;
  readonly counts: Readonly<Record<string, number>>;
  readonly totals: unknown;
  readonly emptiedAt: Date | null;
}

export async function readArchive(db: Queryable, campaignId: number): Promise<ArchiveRow | undefined> {
  const { rows } = await db.query<ArchiveRow>(
    `select campaign_id as "campaignId", file, sha256, counts, totals, emptied_at as "emptiedAt"
       from archives where campaign_id = $1`,
    [campaignId],
  );
  return rows[0];
}

/** The name of the file that a campaign's rows are in; undefined where they are here. */
export async function readArchiveFile(db: Queryable, campaignId: number): Promise<string | undefined> {
  const { rows } = await db.query<{ file: string }>('select file from archives where campaign_id = $1', [
    campaignId,
  ]);
  return rows[0]?.file;
}

/** Notes a file that is whole, before anything in it leaves. */
export async function insertArchive(db: Queryable, row: Omit<ArchiveRow, 'emptiedAt'>): Promise<void> {
  await db.query(
    'insert into archives (campaign_id, file, sha256, counts, totals) values ($1, $2, $3, $4, $5)',
    [row.campaignId, row.file, row.sha256, JSON.stringify(row.counts), JSON.stringify(row.totals)],
  );
}

/** Everything that may leave has left. */
export async function closeArchive(db: Queryable, campaignId: number, slicesKept: number): Promise<void> {
  await db.query('update archives set emptied_at = now(), slices_kept = $2 where campaign_id = $1', [
    campaignId,
    slicesKept,
  ]);
}

/** Everything is back: what was left behind for those who stayed goes. */
export async function deleteArchive(db: Queryable, campaignId: number): Promise<void> {
  await db.query(
    `delete from rank_marks m using (
       select stamp, row_number() over (order by stamp) - 1 as rank from entries where campaign_id = $1) as ranked
      where m.campaign_id = $1 and m.stamp = ranked.stamp and ranked.rank % 1024 <> 0`,
    [campaignId],
  );
  await db.query('delete from archives where campaign_id = $1', [campaignId]);
}

/**
 * Who holds or held a place of their own in the campaign stays, as grants, alternates and claims refer to them. A room admits
 * everybody: its grants leave too, and nobody stays.
 */
const STAYS = `(
  (select kind from campaigns where campaign_id = $1) <> 'room' and (
    exists (select from grants g where g.campaign_id = e.campaign_id and g.user_id = e.user_id)
    or exists (select from alternates a where a.campaign_id = e.campaign_id and a.user_id = e.user_id)
    or exists (select from claimants k where k.campaign_id = e.campaign_id and k.user_id = e.user_id)))`;

/** Baskets all of whose coupons are of this campaign or of others that are archived. */
const LEAVING_REDEMPTIONS = `
  select u.redemption_id from redemption_uses u join coupons k using (coupon_id) where k.campaign_id = $1
  except
  select u.redemption_id from redemption_uses u join coupons k using (coupon_id)
   where k.campaign_id is distinct from $1
     and not exists (select from archives a where a.campaign_id = k.campaign_id)`;

/** Rows of the campaign, each a JSON object, in the order of `key`, behind the row `after`; '' before the first. */
const PAGES: Readonly<Record<ArchivedTable, string>> = {
  entries: `
    select row_to_json(e)::text as row, e.stamp::text as key from entries e
     where e.campaign_id = $1 and e.stamp > coalesce(nullif($2, '')::bigint, -1) and not ${STAYS}
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

export interface ArchivedRow {
  /** A JSON object. */
  readonly row: string;
  readonly key: string;
}

/** A page of what is written into the file of a campaign. */
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

/** The rank of each entry that stays, so that it is told without counting those that have left. */
export async function markKeptRanks(db: Queryable, campaignId: number): Promise<void> {
  await db.query(
    `insert into rank_marks (campaign_id, stamp, rank)
     select e.campaign_id, e.stamp, ranked.rank
       from (select user_id, row_number() over (order by stamp) - 1 as rank from entries where campaign_id = $1) as ranked
       join entries e on e.campaign_id = $1 and e.user_id = ranked.user_id
      where ${STAYS} on conflict do nothing`,
    [campaignId],
  );
}

const SAME_SLICE = `t.gateway = f.gateway and t.incarnation = f.incarnation and t.slice_number = f.slice_number`;

/** Tables that leave row by row, with the key within a campaign and which rows belong to one of them. */
const LEAVING: Readonly<
  Record<'entries' | RoomTable, { readonly key: string; readonly owned: readonly string[] }>
> = {
  entries: {
    key: 'user_id',
    owned: ['grants r where r.user_id = t.user_id', 'room_people r where r.user_id = t.user_id'],
  },
  grants: { key: 'serial', owned: ['room_people r where r.serial = t.serial'] },
  room_people: { key: 'user_id', owned: ['room_moves r where r.user_id = t.user_id'] },
  room_moves: { key: 'gone_number', owned: [] },
};

/** Rows of a file as rows of the table. */
function fileRows(table: 'entries' | 'slices' | RoomTable): string {
  return `json_populate_recordset(null::${table}, $1::json) as f`;
}

function asJson(rows: readonly string[]): string {
  return `[${rows.join(',')}]`;
}

/** Deletes rows that are identical in the file, unless something that belongs to them changed meanwhile, and stays. */
export async function deleteRows(
  db: Queryable,
  table: 'entries' | RoomTable,
  rows: readonly string[],
): Promise<void> {
  const { key, owned } = LEAVING[table];
  const isFree = owned.map(row => `and not exists (select from ${row} and r.campaign_id = t.campaign_id)`);
  await db.query(
    `delete from ${table} t using ${fileRows(table)}
      where t.campaign_id = f.campaign_id and t.${key} = f.${key} and to_jsonb(t) = to_jsonb(f) ${isFree.join(' ')}`,
    [asJson(rows)],
  );
}

/** Lets the items of slices go that stand in the file as they are here. */
export async function emptySlices(db: Queryable, rows: readonly string[]): Promise<void> {
  await db.query(
    `update slices t set items = null from ${fileRows('slices')} where ${SAME_SLICE} and t.items = f.items`,
    [asJson(rows)],
  );
}

/** Puts rows back that are not here. */
export async function restoreRows(
  db: Queryable,
  table: 'entries' | RoomTable,
  rows: readonly string[],
): Promise<void> {
  await db.query(`insert into ${table} select f.* from ${fileRows(table)} on conflict do nothing`, [
    asJson(rows),
  ]);
}

/** Puts the items of slices back that are not here. */
export async function fillSlices(db: Queryable, rows: readonly string[]): Promise<void> {
  await db.query(
    `update slices t set items = f.items from ${fileRows('slices')}
      where ${SAME_SLICE} and t.items is null and t.signed_head = f.signed_head`,
    [asJson(rows)],
  );
}

/** Of these campaigns those whose rows are in files. */
export async function readArchived(
  db: Queryable,
  campaignIds: readonly number[],
): Promise<ReadonlySet<number>> {
  const { rows } = await db.query<{ campaignId: number }>(
    'select campaign_id as "campaignId" from archives where campaign_id = any ($1::bigint[])',
    [bigintArray(campaignIds)],
  );
  return new Set(rows.map(({ campaignId }) => campaignId));
}

/**
 * The first opening of those campaigns that a book is still to be made of, microseconds since the epoch: slices from there on
 * are shown in it whole. Infinite where there is none.
 */
export async function readFirstNeeded(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ opensAtUs: number | null }>(
    `select (extract(epoch from min(opens_at)) * 1000000)::bigint as "opensAtUs" from campaigns c
      where stage <> 'draft' and kind <> 'room' and cancelled_stamp is null
        and not exists (select from books b where b.campaign_id = c.campaign_id)`,
  );
  return rows[0]?.opensAtUs ?? Number.POSITIVE_INFINITY;
}

/** One archive is made, or let go of, at a time: until the end of the session. False while another one is. */
export async function takeArchiving(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ isTaken: boolean }>(
    `select pg_try_advisory_lock(hashtext('fairline archive'), 0) as "isTaken"`,
  );
  return rows[0]?.isTaken === true;
}

export async function giveArchivingBack(db: Queryable): Promise<void> {
  await db.query(`select pg_advisory_unlock(hashtext('fairline archive'), 0)`);
}
