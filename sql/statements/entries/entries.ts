/**
 * Statements on entries: ingesting them from the log, and reading them back in stamp order. There is one row per user and
 * campaign; in whatever order items arrive, the earliest stamp stays.
 */
import pg from 'pg';
import type { Queryable } from '../../database.ts';
import { bigintArray, textArray } from '../arrays.ts';

/** Items as columns: the n-th elements of all arrays belong together. `userIds` never contain U+0000. */
export interface EntryColumns {
  readonly campaignIds: readonly number[];
  readonly userIds: readonly string[];
  readonly stamps: readonly number[];
}

export interface Entry {
  readonly userId: string;
  readonly stamp: number;
}

// Campaigns in which a stamp can still be ingested: not finished, nothing at or after the stamp is settled, and the stamp is
// within the window. Stamps count from the opening, 1024 a microsecond.
const OPEN_CAMPAIGNS = `open_campaigns as materialized (
  select campaign_id, settled_stamp,
         (extract(epoch from closes_at - opens_at) * 1000000)::bigint * 1024 as end_stamp
    from campaigns
   where finished_at is null and frozen_at is null
)`;

/** The columns sent by `columnsOf`, as a table. */
export const SENT = 'unnest($1::bigint[], $2::text[], $3::bigint[])';

/**
 * How an insert handles existing rows. Looking for them costs more than half as much again as the insert itself, and in a
 * burst of new users there are none. Measured as CPU of the server, us a row, in statements of 10,000: optimistic 5.6, per
 * user 8.1, all 9.2. The same rows from a bare `unnest`, neither joined nor sorted: 5.6.
 */
export const CONFLICT_POLICIES = ['optimistic', 'per-user', 'all'] as const;
/**
 * optimistic: assumes that there are none. per-user: skips items whose user has a row. all: also skips items whose stamp
 * belongs to another user, which no correct gateway sends. Anything else raises a clash; see isClash.
 */
export type ConflictPolicy = (typeof CONFLICT_POLICIES)[number];

const ON_CONFLICT: Readonly<Record<ConflictPolicy, string>> = {
  optimistic: '',
  'per-user': 'on conflict (campaign_id, user_id) do nothing',
  all: 'on conflict do nothing',
};

const UNIQUE_VIOLATION = '23505';

/** Whether an insert of entries failed because its policy did not allow for an existing row. Its transaction has failed too. */
export function isClash(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION && error.table === 'entries';
}

/**
 * Inserts items that are new and can be ingested; returns the number of rows. Rows are inserted in the order of the primary
 * key, so that two partitions with the same users cannot deadlock. The sort costs nothing measurable beside the insert,
 * because neighbours in the index are inserted together.
 */
export async function insertEntries(
  db: Queryable,
  sent: EntryColumns,
  policy: ConflictPolicy,
): Promise<number> {
  const { rowCount } = await db.query(
    `with ${OPEN_CAMPAIGNS}
     insert into entries (campaign_id, user_id, stamp)
     select c.campaign_id, sent.user_id, sent.stamp
       from ${SENT} as sent (campaign_id, user_id, stamp)
       join open_campaigns c
         on c.campaign_id = sent.campaign_id and sent.stamp > c.settled_stamp and sent.stamp < c.end_stamp
      order by c.campaign_id, sent.user_id collate "C", sent.stamp
     ${ON_CONFLICT[policy]}`,
    columnsOf(sent),
  );
  return rowCount ?? 0;
}

/** Replaces a user's stamp with the sent one if that is earlier. Returns how many were replaced. */
export async function keepEarliest(db: Queryable, sent: EntryColumns): Promise<number> {
  const { rowCount } = await db.query(
    `with ${OPEN_CAMPAIGNS},
     earliest as (
       select c.campaign_id, sent.user_id, min(sent.stamp) as stamp
         from ${SENT} as sent (campaign_id, user_id, stamp)
         join open_campaigns c
           on c.campaign_id = sent.campaign_id and sent.stamp > c.settled_stamp and sent.stamp < c.end_stamp
        group by c.campaign_id, sent.user_id
     ),
     locked as (
       select e.campaign_id, e.user_id, earliest.stamp
         from earliest
         join entries e on e.campaign_id = earliest.campaign_id and e.user_id = earliest.user_id collate "C"
        where earliest.stamp < e.stamp
          and not exists (
            select from entries other where other.campaign_id = e.campaign_id and other.stamp = earliest.stamp)
        order by e.campaign_id, e.user_id
          for update of e
     )
     update entries e set stamp = locked.stamp
       from locked
      where e.campaign_id = locked.campaign_id and e.user_id = locked.user_id and locked.stamp < e.stamp`,
    columnsOf(sent),
  );
  return rowCount ?? 0;
}

/**
 * The sent items whose user has no entry although everything possible was inserted: with the reason, and the index into the
 * arrays (from 0).
 */
export async function findRefused(
  db: Queryable,
  sent: EntryColumns,
): Promise<readonly { readonly index: number; readonly reason: string }[]> {
  const { rows } = await db.query<{ index: number; reason: string }>(
    `with ${OPEN_CAMPAIGNS}
     select (sent.number - 1)::integer as index,
            case
              when c.campaign_id is null then 'no such campaign'
              when open.campaign_id is null then 'the campaign is at its end'
              when sent.stamp <= open.settled_stamp then 'entries with later stamps are settled'
              when sent.stamp >= open.end_stamp then 'stamped at or after the close'
              else 'the stamp belongs to another user'
            end as reason
       from ${SENT} with ordinality as sent (campaign_id, user_id, stamp, number)
       left join campaigns c on c.campaign_id = sent.campaign_id
       left join open_campaigns open on open.campaign_id = sent.campaign_id
       left join entries e on e.campaign_id = sent.campaign_id and e.user_id = sent.user_id collate "C"
      where e.user_id is null
      order by sent.number`,
    columnsOf(sent),
  );
  return rows;
}

/** Entries of a campaign with `after` < stamp <= `through` in stamp order, at most `limit`. */
export interface StampRange {
  readonly campaignId: number;
  readonly after: number;
  readonly through: number;
  readonly limit: number;
}

/** The entries of a range; if a gateway is given, only its entries. */
export async function readEntries(
  db: Queryable,
  page: StampRange & { readonly gateway?: number },
): Promise<readonly Entry[]> {
  const { rows } = await db.query<{ userId: string; stamp: number }>(
    `select user_id as "userId", stamp
       from entries
      where campaign_id = $1 and stamp > $2 and stamp <= $3 and ($5::integer is null or stamp % 1024 = $5)
      order by stamp limit $4`,
    [page.campaignId, page.after, page.through, page.limit, page.gateway ?? null],
  );
  return rows;
}

/** An entry as stored in the ledger. */
export interface HeldEntry {
  readonly userId: string;
  readonly stamp: number;
  /** Its user has left; that is final. */
  readonly hasLeft: boolean;
}

/** The entries of these users in a campaign. */
export async function readHeldEntries(
  db: Queryable,
  campaignId: number,
  userIds: readonly string[],
): Promise<readonly HeldEntry[]> {
  const { rows } = await db.query<HeldEntry>(
    `select e.user_id as "userId", e.stamp,
            coalesce(w.honoured, false) or coalesce(k.state in ('left', 'declined'), false) as "hasLeft"
       from entries e
       left join withdrawals w on w.campaign_id = e.campaign_id and w.user_id = e.user_id
       left join claimants k on k.campaign_id = e.campaign_id and k.user_id = e.user_id
      where e.campaign_id = $1 and e.user_id = any ($2::text[])`,
    [campaignId, textArray(userIds)],
  );
  return rows;
}

/** The latest stamp of a campaign; undefined while it has no entries. */
export async function latestStamp(db: Queryable, campaignId: number): Promise<number | undefined> {
  const { rows } = await db.query<{ stamp: number }>(
    'select stamp from entries where campaign_id = $1 order by stamp desc limit 1',
    [campaignId],
  );
  return rows[0]?.stamp;
}

/** As the first three parameters of a statement. */
export function columnsOf(sent: EntryColumns): Buffer[] {
  return [bigintArray(sent.campaignIds), textArray(sent.userIds), bigintArray(sent.stamps)];
}
