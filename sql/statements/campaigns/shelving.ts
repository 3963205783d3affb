/** Statements on campaigns that leave Redis: which are due for shelving, shelving them, and what is shown of users afterwards. */
import type { Queryable } from '../../database.ts';
import { bigintArray, textArray } from '../arrays.ts';
import { SHOWN_CLAIMANT, type ShownClaimant } from '../claims/claims.ts';
import { CAMPAIGN_COLUMNS, type Campaign } from './campaigns.ts';

/**
 * At most this many entries are counted for a rank, some 0.2 ms; with a smaller number, marks would be a larger part of the
 * ledger.
 */
const ENTRIES_A_MARK = 1_024;

/**
 * Finished for `afterMs`, with everything about it decided, and its book made, or none to be made. If a book is missing for a
 * day, for lack of a key to sign it with, the campaign leaves Redis anyway: making the book does not need Redis.
 */
const IS_DUE = `
  finished_at < now() - make_interval(secs => $1::double precision / 1000) and shelved_at is null and pending is null
  and not exists (select from withdrawals w where w.campaign_id = campaigns.campaign_id and w.honoured is null)
  and (rules is null or cancelled_stamp is not null or finished_at < now() - interval '24 hours'
       or exists (select from books b where b.campaign_id = campaigns.campaign_id))`;

/** Campaigns that can be shelved, in the order in which they finished. */
export async function listForShelf(
  db: Queryable,
  afterMs: number,
  limit: number,
): Promise<readonly number[]> {
  const { rows } = await db.query<{ campaignId: number }>(
    `select campaign_id as "campaignId" from campaigns where ${IS_DUE} order by finished_at, campaign_id limit $2`,
    [afterMs, limit],
  );
  return rows.map(({ campaignId }) => campaignId);
}

/**
 * Marks ranks of a finished campaign, whose entries no longer change: from the last mark on, at most `limit` marks. Returns
 * whether there may be more to mark.
 */
export async function markRanks(db: Queryable, campaignId: number, limit: number): Promise<boolean> {
  const { rows } = await db.query<{ marked: number }>(
    `with last as (
       select max(stamp) as stamp, max(rank) as rank from rank_marks where campaign_id = $1
     ), page as (
       select e.stamp, coalesce(last.rank, 0) + row_number() over (order by e.stamp) - 1 as rank
         from last join entries e on e.campaign_id = $1 and e.stamp >= coalesce(last.stamp, 0)
        order by e.stamp limit $2 * ${ENTRIES_A_MARK} + 1
     ), marked as (
       insert into rank_marks (campaign_id, stamp, rank)
       select $1, stamp, rank from page where rank % ${ENTRIES_A_MARK} = 0 on conflict do nothing returning stamp)
     select count(*) as marked from marked`,
    [campaignId, limit],
  );
  return (rows[0]?.marked ?? 0) >= limit;
}

/** Shelves a campaign whose ranks are marked. False if it is shelved already, or cannot be shelved any more. */
export async function shelveCampaign(db: Queryable, campaignId: number, afterMs: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `update campaigns set shelved_at = now() where ${IS_DUE} and campaign_id = $2`,
    [afterMs, campaignId],
  );
  return rowCount === 1;
}

/** Campaigns shelved within the last `withinMs`. */
export async function readShelvedSince(db: Queryable, withinMs: number): Promise<readonly Campaign[]> {
  const { rows } = await db.query<Campaign>(
    `select ${CAMPAIGN_COLUMNS} from campaigns
      where shelved_at > now() - make_interval(secs => $1::double precision / 1000) order by campaign_id`,
    [withinMs],
  );
  return rows;
}

/** Those of these campaigns that are shelved. */
export async function readShelved(
  db: Queryable,
  campaignIds: readonly number[],
): Promise<readonly Campaign[]> {
  const { rows } = await db.query<Campaign>(
    `select ${CAMPAIGN_COLUMNS} from campaigns
      where campaign_id = any ($1::bigint[]) and shelved_at is not null order by campaign_id`,
    [bigintArray(campaignIds)],
  );
  return rows;
}

/** Those of these campaigns that are not shelved. */
export async function readUnshelved(
  db: Queryable,
  campaignIds: readonly number[],
): Promise<readonly Campaign[]> {
  const { rows } = await db.query<Campaign>(
    `select ${CAMPAIGN_COLUMNS} from campaigns
      where campaign_id = any ($1::bigint[]) and shelved_at is null order by campaign_id`,
    [bigintArray(campaignIds)],
  );
  return rows;
}

/** The greatest number of a shelved campaign; 0 if there is none. */
export async function greatestShelved(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ greatest: number }>(
    'select coalesce(max(campaign_id), 0) as greatest from campaigns where shelved_at is not null',
  );
  return rows[0]?.greatest ?? 0;
}

/** Shelved campaigns that are listed, with numbers above `after`, at most `limit`. */
export async function listShelved(
  db: Queryable,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly Campaign[]> {
  const { rows } = await db.query<Campaign>(
    `select ${CAMPAIGN_COLUMNS} from campaigns
      where campaign_id > $1 and shelved_at is not null and stage <> 'archived' order by campaign_id limit $2`,
    [page.after, page.limit],
  );
  return rows;
}

/** What the ledger has about a user in a shelved campaign. */
export interface ShelvedStanding {
  readonly userId: string;
  readonly stamp: number;
  /** From 0. */
  readonly rank: number;
  /** For users who have a grant. */
  readonly serial: number | null;
  readonly code: string | null;
  readonly isWithdrawn: boolean;
  /** For claimants. */
  readonly claimant: ShownClaimant | null;
}

/** The standings of those of these users whom the ledger knows. */
export async function readShelvedStandings(
  db: Queryable,
  campaignId: number,
  userIds: readonly string[],
): Promise<readonly ShelvedStanding[]> {
  const standings = await readStandings(db, campaignId, userIds);
  const claimants = await readClaimantsOf(db, campaignId, userIds);
  const byUser = new Map(claimants.map(claimant => [claimant.userId, claimant]));
  return standings.map(standing => ({ ...standing, claimant: byUser.get(standing.userId) ?? null }));
}

async function readStandings(
  db: Queryable,
  campaignId: number,
  userIds: readonly string[],
): Promise<readonly Omit<ShelvedStanding, 'claimant'>[]> {
  const { rows } = await db.query<Omit<ShelvedStanding, 'claimant'>>(
    `select e.user_id as "userId", e.stamp, g.serial, g.code, coalesce(w.honoured, false) as "isWithdrawn",
            mark.rank + (select count(*) from entries b
                          where b.campaign_id = $1 and b.stamp >= mark.stamp and b.stamp < e.stamp) as rank
       from entries e
      cross join lateral (select stamp, rank from rank_marks m
                           where m.campaign_id = $1 and m.stamp <= e.stamp order by m.stamp desc limit 1) as mark
       left join grants g on g.campaign_id = e.campaign_id and g.user_id = e.user_id
       left join withdrawals w on w.campaign_id = e.campaign_id and w.user_id = e.user_id
      where e.campaign_id = $1 and e.user_id = any ($2::text[])`,
    [campaignId, textArray(userIds)],
  );
  return rows;
}

async function readClaimantsOf(
  db: Queryable,
  campaignId: number,
  userIds: readonly string[],
): Promise<readonly ShownClaimant[]> {
  const { rows } = await db.query<ShownClaimant>(
    `select ${SHOWN_CLAIMANT} from claimants k left join grants g using (campaign_id, serial)
      where k.campaign_id = $1 and k.user_id = any ($2::text[])`,
    [campaignId, textArray(userIds)],
  );
  return rows;
}
