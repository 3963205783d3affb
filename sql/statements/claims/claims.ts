/**
 * Statements on claimants: users with an offer or on the waitlist of a campaign with claims. entries/user-requests.ts stores
 * claims from the log. engine/settling/judges/CLAIMS.md has the states of a claimant, which the table itself enforces.
 *
 * A deadline is stored without outages; campaigns.outage_us is the time by which outages have extended those that are still
 * open. Instants are microseconds since the epoch.
 */
import type { Queryable } from '../../database.ts';
import { bigintArray, textArray } from '../arrays.ts';
import type { Campaign } from '../campaigns/campaigns.ts';
import type { FreedSerial } from '../draws/alternates.ts';
import type { Behind } from '../pages.ts';

export type ClaimantState = 'waitlisted' | 'offered' | 'claimed' | 'lapsed' | 'declined' | 'left';

export interface Offer {
  readonly offeredUs: number;
  /** Without extensions by future outages. */
  readonly claimByUs: number;
}

/** Represents null in an array that cannot contain null. */
const NONE = 0;
const NO_CODE = '';

/** A new claimant: a user with a grant (`serial`), or on the waitlist behind the grants (`waitlistPosition`). */
export interface NewClaimant {
  readonly number: number;
  readonly userId: string;
  readonly serial?: number;
  readonly waitlistPosition?: number;
}

const INSERT_CLAIMANTS = `insert into claimants
       (campaign_id, number, user_id, serial, waitlist_position, state, offered_us, claim_by_us)
     select $1, number, user_id, nullif(serial, ${NONE}), nullif(waitlist_position, ${NONE}),
            case when serial = ${NONE} then 'waitlisted' else 'offered' end,
            case when serial <> ${NONE} then $6::bigint end, case when serial <> ${NONE} then $7::bigint end
       from unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[])
            as sent (number, user_id, serial, waitlist_position)`;

function claimantValues(campaignId: number, claimants: readonly NewClaimant[], offer: Offer): unknown[] {
  return [
    campaignId,
    bigintArray(claimants.map(({ number }) => number)),
    textArray(claimants.map(({ userId }) => userId)),
    bigintArray(claimants.map(({ serial = NONE }) => serial)),
    bigintArray(claimants.map(({ waitlistPosition = NONE }) => waitlistPosition)),
    offer.offeredUs,
    offer.claimByUs,
  ];
}

/** Stores claimants: users with grants, and users on the waitlist behind them. */
export async function insertClaimants(
  db: Queryable,
  campaignId: number,
  claimants: readonly NewClaimant[],
  offer: Offer,
): Promise<void> {
  if (claimants.length === 0) return;
  await db.query({
    name: 'insert_claimants',
    text: INSERT_CLAIMANTS,
    values: claimantValues(campaignId, claimants, offer),
  });
}

/** Likewise, and the users on the waitlist become alternates. */
export async function insertWaiting(
  db: Queryable,
  campaignId: number,
  claimants: readonly NewClaimant[],
  offer: Offer,
): Promise<void> {
  if (claimants.length === 0) return;
  const waiting = claimants.flatMap(({ waitlistPosition, userId }) =>
    waitlistPosition === undefined ? [] : [{ waitlistPosition, userId }],
  );
  await db.query({
    name: 'insert_waiting',
    text: `with waiting as (
       insert into alternates (campaign_id, waitlist_position, user_id)
       select $1, waitlist_position, user_id from unnest($8::bigint[], $9::text[]) as sent (waitlist_position, user_id)
     ) ${INSERT_CLAIMANTS}`,
    values: [
      ...claimantValues(campaignId, claimants, offer),
      bigintArray(waiting.map(({ waitlistPosition }) => waitlistPosition)),
      textArray(waiting.map(({ userId }) => userId)),
    ],
  });
}

/** A claimant with something that may be due. */
export interface DueClaimant {
  readonly number: number;
  readonly state: ClaimantState;
  readonly serial: number | null;
  /** For an offer: including extensions by outages. */
  readonly claimByUs: number | null;
  /** The stamps of their due requests. */
  readonly claimStamp: number | null;
  readonly leaveStamp: number | null;
}

/**
 * Claimants with a claim or withdrawal up to the stamp `through`, and those whose offers were to be claimed by `lapseUs`; of
 * the latter the first `limit` by deadline.
 */
export async function readDueClaimants(
  db: Queryable,
  { campaignId, outageUs }: Campaign,
  due: { readonly through: number; readonly lapseUs: number; readonly limit: number },
): Promise<readonly DueClaimant[]> {
  const { rows } = await db.query<DueClaimant>(
    // Composed without joins of due rows: without statistics, such joins would be nested loops.
    `with candidates as (
       select user_id, stamp as claim_stamp, null::bigint as leave_stamp
         from claims where campaign_id = $1 and not decided and stamp <= $2
       union all
       select user_id, null, stamp from withdrawals where campaign_id = $1 and honoured is null and stamp <= $2
       union all
       (select user_id, null, null from claimants
         where campaign_id = $1 and state = 'offered' and claim_by_us <= $3::bigint - $4::bigint
         order by claim_by_us, number limit $5)
     ), due as (
       select user_id, max(claim_stamp) as claim_stamp, max(leave_stamp) as leave_stamp from candidates group by user_id
     )
     select k.number, k.state, k.serial, k.claim_by_us + $4::bigint as "claimByUs",
            due.claim_stamp as "claimStamp", due.leave_stamp as "leaveStamp"
       from due join claimants k on k.campaign_id = $1 and k.user_id = due.user_id
      order by k.number`,
    [campaignId, due.through, due.lapseUs, outageUs, due.limit],
  );
  return rows;
}

/**
 * Marks claims up to the stamp `through` as decided, except those of users whose offer is still open: these came after its
 * deadline, which an outage not known yet may extend.
 */
export async function markClaims(db: Queryable, campaignId: number, through: number): Promise<void> {
  await db.query(
    `update claims c set decided = true
      where c.campaign_id = $1 and not c.decided and c.stamp <= $2
        and (select k.state from claimants k where k.campaign_id = c.campaign_id and k.user_id = c.user_id)
            is distinct from 'offered'`,
    [campaignId, through],
  );
}

/**
 * Likewise for withdrawals of claimants. A claimant's withdrawal is honoured as a move: they do not leave the queue, because
 * others would move up in it.
 */
export async function markLeaving(db: Queryable, campaignId: number, through: number): Promise<void> {
  await db.query(
    `update withdrawals w set honoured = false
       from claimants k
      where w.campaign_id = $1 and w.honoured is null and w.stamp <= $2
        and k.campaign_id = w.campaign_id and k.user_id = w.user_id and k.state <> 'offered'`,
    [campaignId, through],
  );
}

/** The end of an offer, or of the wait for one. */
export interface Move {
  readonly number: number;
  readonly state: 'claimed' | 'lapsed' | 'declined' | 'left';
  readonly serial: number | null;
  readonly atUs: number;
}

/**
 * Records the ends of offers and of waits, in this order; the last move had the number `after`. A `code` replaces that of the
 * serial, which has no holder any more: the code shown before is then worthless. Returns the freed serials, as readFreed does.
 */
export async function saveMoves(
  db: Queryable,
  { campaignId, outageUs }: Campaign,
  after: number,
  moves: readonly (Move & { readonly code?: string })[],
): Promise<readonly FreedSerial[]> {
  if (moves.length === 0) return [];
  const { rows } = await db.query<FreedSerial>(
    `with sent as (
       select number, state, at_us, code, $2::integer + ordinality::integer as move_number
         from unnest($3::bigint[], $4::text[], $5::bigint[], $7::text[]) with ordinality
           as sent (number, state, at_us, code)
     ), moved as (
       update claimants k
          set state = sent.state, ended_us = sent.at_us, move_number = sent.move_number,
              claim_by_us = k.claim_by_us + $6::bigint
         from sent where k.campaign_id = $1 and k.number = sent.number
       returning k.number, k.serial, k.user_id, k.state, k.ended_early, k.move_number
     ), replaced as (
       update grants g set code = sent.code
         from sent join moved using (number)
        where sent.code <> '${NO_CODE}' and g.campaign_id = $1 and g.serial = moved.serial
     ), noted as (
       insert into claimant_moves (campaign_id, move_number, number, state, serial, at_us)
       select $1, sent.move_number, number, sent.state, moved.serial, sent.at_us
         from sent join moved using (number)
     )
     select serial, user_id as holder, coalesce(ended_early, state) as reason
       from moved where state in ('lapsed', 'declined') order by move_number`,
    [
      campaignId,
      after,
      bigintArray(moves.map(({ number }) => number)),
      textArray(moves.map(({ state }) => state)),
      bigintArray(moves.map(({ atUs }) => atUs)),
      outageUs,
      textArray(moves.map(({ code = NO_CODE }) => code)),
    ],
  );
  return rows;
}

/** Whether nothing can change any more: no offer is open. Freed serials have been passed on to waiting users by then. */
export async function areAllDecided(db: Queryable, campaignId: number): Promise<boolean> {
  const { rows } = await db.query<{ over: boolean }>({
    name: 'are_all_decided',
    text: `select not exists (select from claimants where campaign_id = $1 and state = 'offered') as over`,
    values: [campaignId],
  });
  return rows[0]?.over === true;
}

const EXTENDED =
  'outage_us = outage_us + $1::bigint - coalesce(outage_seen_us, $1::bigint), outage_seen_us = $1';
const LACKS_OUTAGE =
  'claim_within_s is not null and finished_at is null and (outage_seen_us is null or outage_seen_us < $1)';

/**
 * Extends the open deadlines of a campaign by the outage time that is new to it. `outageUs` is the total so far, from
 * whenever counting began. A campaign that sees it for the first time counts from there. Returns the total extension of its
 * deadlines; undefined if nothing was new.
 */
export async function extendDeadlines(
  db: Queryable,
  outageUs: number,
  campaignId: number,
): Promise<number | undefined> {
  const { rows } = await db.query<{ outageUs: number }>(
    `update campaigns set ${EXTENDED} where ${LACKS_OUTAGE} and campaign_id = $2 returning outage_us as "outageUs"`,
    [outageUs, campaignId],
  );
  return rows[0]?.outageUs;
}

/**
 * Likewise for all campaigns that are not locked: waiting for a slow one would delay all others, and its own next step
 * extends its deadlines before any of them lapses. Returns whether none is left.
 */
export async function extendFreeDeadlines(db: Queryable, outageUs: number): Promise<boolean> {
  const { rows } = await db.query<{ left: number }>(
    `with due as (
       select campaign_id from campaigns where ${LACKS_OUTAGE}
     ), free as (
       select campaign_id from campaigns where campaign_id in (table due) for no key update skip locked
     ), extended as (
       update campaigns set ${EXTENDED} where ${LACKS_OUTAGE} and campaign_id in (table free))
     select (select count(*) from due) - (select count(*) from free) as "left"`,
    [outageUs],
  );
  return rows[0]?.left === 0;
}

/** A claimant as gateways see them. */
export interface ShownClaimant {
  readonly number: number;
  readonly userId: string;
  readonly state: ClaimantState;
  readonly waitlistPosition: number | null;
  readonly serial: number | null;
  readonly code: string | null;
  /** If the operator ends the offer: the end that gateways show, which the ledger adopts later. */
  readonly claimByUs: number | null;
  /** What outages have added to every open deadline of the campaign, microseconds. */
  readonly outageUs: number;
  /** Whether the operator has moved the deadline away from the rules. */
  readonly deadlineMoved: boolean;
  readonly endedUs: number | null;
  readonly moveNumber: number;
}

/** The columns of claimants `k` and grants `g` as members of ShownClaimant. */
export const SHOWN_CLAIMANT = `k.number, k.user_id as "userId", k.state, k.waitlist_position as "waitlistPosition", k.serial,
  case when k.state in ('offered', 'claimed') then g.code end as code, least(k.claim_by_us, k.ending_us) as "claimByUs",
  (select c.outage_us from campaigns c where c.campaign_id = k.campaign_id) as "outageUs", k.deadline_moved as "deadlineMoved", k.ended_us as "endedUs", k.move_number as "moveNumber"`;

type OfCampaign<Row> = Row & Pick<Behind, 'campaignId'>;

/** Claimants of each campaign after a number, in their current state, in that order, at most `limit` of each. */
export async function readClaimants(
  db: Queryable,
  campaigns: readonly Behind[],
  limit: number,
): Promise<readonly OfCampaign<ShownClaimant>[]> {
  const { rows } = await db.query<OfCampaign<ShownClaimant>>(
    `select behind.campaign_id as "campaignId", shown.*
       from unnest($1::bigint[], $2::bigint[]) as behind (campaign_id, after)
      cross join lateral (
        select ${SHOWN_CLAIMANT} from claimants k left join grants g using (campaign_id, serial)
         where k.campaign_id = behind.campaign_id and k.number > behind.after order by k.number limit $3) as shown
      order by 1, shown.number`,
    behindValues(campaigns, limit),
  );
  return rows;
}

/** A move, with the current state of its claimant. */
export interface ShownMove extends ShownClaimant {
  readonly listNumber: number;
  readonly leftPosition: number | null;
}

/** Moves of each campaign after a number, in that order, at most `limit` of each. */
export async function readMoves(
  db: Queryable,
  campaigns: readonly Behind[],
  limit: number,
): Promise<readonly OfCampaign<ShownMove>[]> {
  const { rows } = await db.query<OfCampaign<ShownMove>>(
    `select behind.campaign_id as "campaignId", shown.*
       from unnest($1::bigint[], $2::bigint[]) as behind (campaign_id, after)
      cross join lateral (
        select m.move_number as "listNumber", case when m.state in ('offered', 'left') then k.waitlist_position end as "leftPosition",
               ${SHOWN_CLAIMANT}
          from claimant_moves m
          join claimants k using (campaign_id, number)
          left join grants g on g.campaign_id = k.campaign_id and g.serial = k.serial
         where m.campaign_id = behind.campaign_id and m.move_number > behind.after order by m.move_number limit $3) as shown
      order by 1, shown."listNumber"`,
    behindValues(campaigns, limit),
  );
  return rows;
}

function behindValues(campaigns: readonly Behind[], limit: number): unknown[] {
  const campaignIds = campaigns.map(({ campaignId }) => campaignId);
  return [bigintArray(campaignIds), bigintArray(campaigns.map(({ after }) => after)), limit];
}
