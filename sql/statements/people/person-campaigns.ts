/** Statements on what one person did in each campaign, a page at a time. */
import type { Queryable } from '../../database.ts';
import { bigintArray } from '../arrays.ts';
import type { CampaignKind } from '../campaigns/campaigns.ts';
import type { ClaimantState } from '../claims/claims.ts';
import { IS_SHOWN, type Outcome } from '../entries/outcomes.ts';

/**
 * For a campaign `c`: a row if it has anything of the user $1. One probe of a primary key each, and none of a table that has
 * no rows of such a campaign. `limit` keeps the planner from reading all entries for the user instead: with 2,000 campaigns
 * that took 120 ms.
 */
export const IS_IN = `
  select 1 from entries e where e.campaign_id = c.campaign_id and e.user_id = $1 collate "C"
  union all
  select 1 from withdrawals w where w.campaign_id = c.campaign_id and w.user_id = $1 collate "C"
  union all
  select 1 from claims k where c.claim_within_s is not null and k.campaign_id = c.campaign_id and k.user_id = $1 collate "C"
  union all
  select 1 from entrant_terms t where c.kind = 'raffle' and t.campaign_id = c.campaign_id and t.user_id = $1 collate "C"
  union all
  select 1 from room_people p where c.kind = 'room' and p.campaign_id = c.campaign_id and p.user_id = $1 collate "C"
  limit 1`;

/** Campaigns that a statement looks through at most. 0040_people.sql has the measurement. */
const CAMPAIGNS_A_LOOK = 2_000;

export interface PersonLook {
  /** Campaigns with greater numbers. */
  readonly after: number;
  /** The most campaigns that are found; the look ends with the last of them. */
  readonly limit: number;
  /** Also finds archived campaigns that have nothing of the user here: the file may. */
  readonly archived: boolean;
}

export interface PersonLooked {
  /** In order. */
  readonly campaignIds: readonly number[];
  /** Archived campaigns among those looked through that were not found. */
  readonly elsewhere: number;
  /** The last campaign looked through, if there may be more; null if there are none. */
  readonly next: number | null;
}

/** Looks for a user's campaigns, from the lowest number on. */
export async function lookForCampaigns(
  db: Queryable,
  userId: string,
  { after, limit, archived }: PersonLook,
): Promise<PersonLooked> {
  const { rows } = await db.query<LookedRow>(
    `with looked as materialized (
       select campaign_id, kind, claim_within_s from campaigns
        where campaign_id > $2 and stage <> 'draft' order by campaign_id limit ${CAMPAIGNS_A_LOOK}
     ), last as (
       select case when count(*) = ${CAMPAIGNS_A_LOOK} then max(campaign_id) end as campaign_id from looked
     )
     select c.campaign_id as "campaignId", found.here is not null as "isFound", a.campaign_id is not null as "isArchived",
            last.campaign_id as "lookedThrough"
       from looked c cross join last
       left join lateral (select 1 as here from (${IS_IN}) as any_row) as found on true
       left join archives a on a.campaign_id = c.campaign_id
      where found.here is not null or a.campaign_id is not null or c.campaign_id = last.campaign_id
      order by c.campaign_id`,
    [userId, after],
  );
  const campaignIds: number[] = [];
  let elsewhere = 0;
  for (const { campaignId, isFound, isArchived } of rows) {
    const isWanted = isFound || (archived && isArchived);
    // Behind all that was counted: the next look begins with this one.
    if (isWanted && campaignIds.length === limit) return { campaignIds, elsewhere, next: campaignId - 1 };
    if (isWanted) campaignIds.push(campaignId);
    else if (isArchived) elsewhere += 1;
  }
  return { campaignIds, elsewhere, next: rows[0]?.lookedThrough ?? null };
}

interface LookedRow {
  readonly campaignId: number;
  readonly isFound: boolean;
  readonly isArchived: boolean;
  /** The same in all rows: the last campaign of the look, if there may be more behind it. */
  readonly lookedThrough: number | null;
}

/** Of a person in a room. */
export type VisitState = 'waiting' | 'skipped' | 'withdrawn' | 'admitted' | 'inside' | 'left' | 'expired';

/** What the ledger has about a user in a campaign. Members of what is not there are null. */
export interface PersonInCampaign {
  readonly campaignId: number;
  readonly kind: CampaignKind;
  readonly title: string;
  readonly opensAt: Date;
  readonly isShelved: boolean;
  /** The name of the file with the rows that have left the ledger. */
  readonly archive: string | null;
  readonly stamp: number | null;
  readonly outcome: Outcome | null;
  /** From 0, of a shelved campaign; of others Redis has it. */
  readonly rank: number | null;
  /** The deadline of a present or past offer, outages included; microseconds since the epoch. */
  readonly claimByUs: number | null;
  /** When it was claimed, lapsed or declined, or the waiting user left. */
  readonly endedUs: number | null;
  readonly withdrawnStamp: number | null;
  /** Null while it is not decided. */
  readonly isHonoured: boolean | null;
  readonly claimStamp: number | null;
  readonly isClaimDecided: boolean | null;
  readonly offerState: ClaimantState | null;
  readonly offerSerial: number | null;
  readonly waitlistPosition: number | null;
  readonly offeredUs: number | null;
  /** The operator's reason for an early end. */
  readonly endedEarly: string | null;
  readonly serial: number | null;
  readonly code: string | null;
  readonly tier: number | null;
  readonly grantedAt: Date | null;
  /** What they had before it was passed on. */
  readonly passedOnSerial: number | null;
  readonly passedOnReason: string | null;
  readonly passedOnAt: Date | null;
  readonly tickets: number | null;
  readonly userGroup: string | null;
  readonly excluded: string | null;
  /** Of a room. */
  readonly visitState: VisitState | null;
  readonly admittedUs: number | null;
}

/** The user in these campaigns, in the order of their numbers. Each table is read by a key, once a campaign. */
export async function readPersonInCampaigns(
  db: Queryable,
  userId: string,
  campaignIds: readonly number[],
): Promise<readonly PersonInCampaign[]> {
  if (campaignIds.length === 0) return [];
  const { rows } = await db.query<PersonInCampaign>(
    `select c.campaign_id as "campaignId", c.kind, c.title, c.opens_at as "opensAt", c.shelved_at is not null as "isShelved",
            a.file as archive, o.stamp, o.outcome, o.claim_by_us as "claimByUs", o.ended_us as "endedUs", mark.rank,
            w.stamp as "withdrawnStamp", w.honoured as "isHonoured", cl.stamp as "claimStamp", cl.decided as "isClaimDecided",
            k.state as "offerState", k.serial as "offerSerial", k.waitlist_position as "waitlistPosition",
            k.offered_us as "offeredUs", k.ended_early as "endedEarly",
            g.serial, g.code, g.tier, g.granted_at as "grantedAt",
            p.serial as "passedOnSerial", p.reason as "passedOnReason", p.passed_on_at as "passedOnAt",
            t.tickets, t.user_group as "userGroup", t.excluded, v.state as "visitState", v.admitted_us as "admittedUs"
       from campaigns c
       left join archives a on a.campaign_id = c.campaign_id
       left join lateral (select * from entry_outcomes r where r.campaign_id = c.campaign_id and r.user_id = $1 limit 1) as o on true
       left join lateral (
         select m.rank + (select count(*) from entries b
                           where b.campaign_id = c.campaign_id and b.stamp >= m.stamp and b.stamp < o.stamp) as rank
           from rank_marks m where c.shelved_at is not null and m.campaign_id = c.campaign_id and m.stamp <= o.stamp
          order by m.stamp desc limit 1) as mark on true
       left join lateral (select * from withdrawals r where r.campaign_id = c.campaign_id and r.user_id = $1 limit 1) as w on true
       left join lateral (select * from claims r where r.campaign_id = c.campaign_id and r.user_id = $1 limit 1) as cl on true
       left join lateral (select * from claimants r where r.campaign_id = c.campaign_id and r.user_id = $1 limit 1) as k on true
       left join lateral (select * from grants r where r.campaign_id = c.campaign_id and r.user_id = $1
                             and ${IS_SHOWN} limit 1) as g on true
       left join lateral (select * from passed_on r where r.campaign_id = c.campaign_id and r.user_id = $1
                           order by r.waitlist_position desc limit 1) as p on true
       left join lateral (select * from entrant_terms r where r.campaign_id = c.campaign_id and r.user_id = $1 limit 1) as t on true
       left join lateral (select * from room_people r where r.campaign_id = c.campaign_id and r.user_id = $1 limit 1) as v on true
      where c.campaign_id = any ($2::bigint[]) order by c.campaign_id`,
    [userId, bigintArray(campaignIds)],
  );
  return rows;
}
