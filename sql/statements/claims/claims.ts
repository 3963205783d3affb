/**
 * Statements on claimants: users with an offer or a place in a campaign with claims. entries/asked.ts stores claims from the
 * log. engine/settling/judges/CLAIMS.md has the states of a claimant, which the table itself enforces.
 *
 * A deadline is stored without outages; campaigns.unheard_us is the time by which outages have extended those that are still
 * open. Instants are microseconds since the epoch.
 */
import type { Queryable } from '../../database.ts';
import { bigintArray, textArray } from '../arrays.ts';
import type { Campaign } from '../campaigns/campaigns.ts';

export type ClaimantState = 'waitlisted' | 'offered' | 'claimed' | 'lapsed' | 'declined' | 'left';

export interface Offer {
  readonly offeredUs: number;
  /** Without extensions by future outages. */
  readonly claimByUs: number;
}

/** Represents null in an array that cannot contain null. */
const NONE = 0;

/** Inserts claimants: users with a grant (`serial`), and users who wait behind them (`place`). */
export async function insertClaimants(
  db: Queryable,
  campaignId: number,
  claimants: readonly {
    readonly number: number;
    readonly userId: string;
    readonly serial?: number;
    readonly place?: number;
  }[],
  offer: Offer,
): Promise<void> {
  if (claimants.length === 0) return;
  await db.query({
    name: 'insert_claimants',
    text: `insert into claimants (campaign_id, number, user_id, serial, place, state, offered_us, claim_by_us)
     select $1, number, user_id, nullif(serial, ${NONE}), nullif(place, ${NONE}),
            case when serial = ${NONE} then 'waitlisted' else 'offered' end,
            case when serial <> ${NONE} then $6::bigint end, case when serial <> ${NONE} then $7::bigint end
       from unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) as sent (number, user_id, serial, place)`,
    values: [
      campaignId,
      bigintArray(claimants.map(({ number }) => number)),
      textArray(claimants.map(({ userId }) => userId)),
      bigintArray(claimants.map(({ serial = NONE }) => serial)),
      bigintArray(claimants.map(({ place = NONE }) => place)),
      offer.offeredUs,
      offer.claimByUs,
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
  { campaignId, unheardUs }: Campaign,
  due: { readonly through: number; readonly lapseUs: number; readonly limit: number },
): Promise<readonly DueClaimant[]> {
  const { rows } = await db.query<DueClaimant>(
    // Composed without joins of due rows: without statistics, such joins would be nested loops.
    `with asked as (
       select user_id, stamp as claim_stamp, null::bigint as leave_stamp
         from claims where campaign_id = $1 and not decided and stamp <= $2
       union all
       select user_id, null, stamp from withdrawals where campaign_id = $1 and honoured is null and stamp <= $2
       union all
       (select user_id, null, null from claimants
         where campaign_id = $1 and state = 'offered' and claim_by_us <= $3::bigint - $4::bigint
         order by claim_by_us, number limit $5)
     ), due as (
       select user_id, max(claim_stamp) as claim_stamp, max(leave_stamp) as leave_stamp from asked group by user_id
     )
     select k.number, k.state, k.serial, k.claim_by_us + $4::bigint as "claimByUs",
            due.claim_stamp as "claimStamp", due.leave_stamp as "leaveStamp"
       from due join claimants k on k.campaign_id = $1 and k.user_id = due.user_id
      order by k.number`,
    [campaignId, due.through, due.lapseUs, unheardUs, due.limit],
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

/** The end of an offer, or of a place on the waitlist. */
export interface Move {
  readonly number: number;
  readonly state: 'claimed' | 'lapsed' | 'declined' | 'left';
  readonly serial: number | null;
  readonly atUs: number;
}

/** Records how offers and waitlist places have ended, in this order; the last move had the number `after`. */
export async function saveMoves(
  db: Queryable,
  { campaignId, unheardUs }: Campaign,
  after: number,
  moves: readonly Move[],
): Promise<void> {
  if (moves.length === 0) return;
  await db.query(
    `with sent as (
       select number, state, at_us, $2::integer + ordinality::integer as move_number
         from unnest($3::bigint[], $4::text[], $5::bigint[]) with ordinality as sent (number, state, at_us)
     ), moved as (
       update claimants k
          set state = sent.state, ended_us = sent.at_us, move_number = sent.move_number,
              claim_by_us = k.claim_by_us + $6::bigint
         from sent where k.campaign_id = $1 and k.number = sent.number
       returning k.number, k.serial
     )
     insert into claimant_moves (campaign_id, move_number, number, state, serial, at_us)
     select $1, sent.move_number, number, sent.state, moved.serial, sent.at_us
       from sent join moved using (number)`,
    [
      campaignId,
      after,
      bigintArray(moves.map(({ number }) => number)),
      textArray(moves.map(({ state }) => state)),
      bigintArray(moves.map(({ atUs }) => atUs)),
      unheardUs,
    ],
  );
}

/** Lapsed or declined serials that were not passed on yet, in the order in which they became free, at most `limit`. */
export async function readFreed(
  db: Queryable,
  campaignId: number,
  limit: number,
): Promise<readonly { readonly serial: number; readonly holder: string; readonly reason: string }[]> {
  const { rows } = await db.query<{ serial: number; holder: string; reason: string }>({
    name: 'read_freed',
    text: `select serial, user_id as holder, coalesce(ended_early, state) as reason from claimants
      where campaign_id = $1 and state in ('lapsed', 'declined') and not is_passed_on
      order by move_number limit $2`,
    values: [campaignId, limit],
  });
  return rows;
}

/** Offers passed-on serials to their new holders, in this order; the last move had the number `after`. */
export async function saveOffers(
  db: Queryable,
  campaignId: number,
  after: number,
  passed: readonly { readonly serial: number; readonly userId: string; readonly passedFrom: string }[],
  offer: Offer,
): Promise<void> {
  if (passed.length === 0) return;
  await db.query(
    `with sent as (
       select serial, user_id, passed_from, $4::integer + ordinality::integer as move_number
         from unnest($2::bigint[], $3::text[], $7::text[]) with ordinality as sent (serial, user_id, passed_from)
     ), passed as (
       -- Whose offers have ended: nobody among those who wait.
       update claimants k set is_passed_on = true
         from sent where k.campaign_id = $1 and k.user_id = sent.passed_from collate "C"
     ), offered as (
       update claimants k
          set state = 'offered', serial = sent.serial, offered_us = $5, claim_by_us = $6, move_number = sent.move_number
         from sent where k.campaign_id = $1 and k.user_id = sent.user_id collate "C"
       returning k.move_number, k.number, k.serial
     )
     insert into claimant_moves (campaign_id, move_number, number, state, serial, at_us)
     select $1, move_number, number, 'offered', serial, $5 from offered`,
    [
      campaignId,
      bigintArray(passed.map(({ serial }) => serial)),
      textArray(passed.map(({ userId }) => userId)),
      after,
      offer.offeredUs,
      offer.claimByUs,
      textArray(passed.map(({ passedFrom }) => passedFrom)),
    ],
  );
}

/** Whether nothing can change any more: no offer is open. By then, freed serials were passed on as long as somebody waited. */
export async function areAllDecided(db: Queryable, campaignId: number): Promise<boolean> {
  const { rows } = await db.query<{ over: boolean }>({
    name: 'are_all_decided',
    text: `select not exists (select from claimants where campaign_id = $1 and state = 'offered') as over`,
    values: [campaignId],
  });
  return rows[0]?.over === true;
}

const EXTENDED =
  'unheard_us = unheard_us + $1::bigint - coalesce(unheard_seen_us, $1::bigint), unheard_seen_us = $1';
const LACKS_UNHEARD =
  'claim_within_s is not null and finished_at is null and (unheard_seen_us is null or unheard_seen_us < $1)';

/**
 * Extends the open deadlines of a campaign by the unheard time that is new to it. `unheardUs` is the total so far, from
 * whenever counting began. A campaign that sees it for the first time counts from there. Returns the total extension of its
 * deadlines; undefined if nothing was new.
 */
export async function extendDeadlines(
  db: Queryable,
  unheardUs: number,
  campaignId: number,
): Promise<number | undefined> {
  const { rows } = await db.query<{ unheardUs: number }>(
    `update campaigns set ${EXTENDED} where ${LACKS_UNHEARD} and campaign_id = $2 returning unheard_us as "unheardUs"`,
    [unheardUs, campaignId],
  );
  return rows[0]?.unheardUs;
}

/**
 * Likewise for all campaigns that are not locked: waiting for a slow one would delay all others, and its own next step
 * extends its deadlines before any of them lapses. Returns whether none is left.
 */
export async function extendFreeDeadlines(db: Queryable, unheardUs: number): Promise<boolean> {
  const { rows } = await db.query<{ left: number }>(
    `with due as (
       select campaign_id from campaigns where ${LACKS_UNHEARD}
     ), free as (
       select campaign_id from campaigns where campaign_id in (table due) for no key update skip locked
     ), extended as (
       update campaigns set ${EXTENDED} where ${LACKS_UNHEARD} and campaign_id in (table free))
     select (select count(*) from due) - (select count(*) from free) as "left"`,
    [unheardUs],
  );
  return rows[0]?.left === 0;
}

/** A claimant as gateways see them. */
export interface ShownClaimant {
  readonly number: number;
  readonly userId: string;
  readonly state: ClaimantState;
  readonly place: number | null;
  readonly serial: number | null;
  readonly code: string | null;
  /** If the operator ends the offer: the end that gateways show, which the ledger adopts later. */
  readonly claimByUs: number | null;
  /** Whether the operator has moved the deadline away from the rules. */
  readonly deadlineMoved: boolean;
  readonly endedUs: number | null;
  readonly moveNumber: number;
}

/** The columns of claimants `k` and grants `g` as members of ShownClaimant. */
export const SHOWN_CLAIMANT = `k.number, k.user_id as "userId", k.state, k.place, k.serial,
  case when k.state in ('offered', 'claimed') then g.code end as code, least(k.claim_by_us, k.ending_us) as "claimByUs",
  k.deadline_moved as "deadlineMoved", k.ended_us as "endedUs", k.move_number as "moveNumber"`;

/** Claimants with a greater number than `after`, in their current state, in that order, at most `limit`. */
export async function readClaimants(
  db: Queryable,
  campaignId: number,
  after: number,
  limit: number,
): Promise<readonly ShownClaimant[]> {
  const { rows } = await db.query<ShownClaimant>(
    `select ${SHOWN_CLAIMANT} from claimants k left join grants g using (campaign_id, serial)
      where k.campaign_id = $1 and k.number > $2 order by k.number limit $3`,
    [campaignId, after, limit],
  );
  return rows;
}

/** Moves with a greater number than `after`, in that order, at most `limit`, with the current state of their claimants. */
export async function readMoves(
  db: Queryable,
  campaignId: number,
  after: number,
  limit: number,
): Promise<readonly (ShownClaimant & { readonly listNumber: number; readonly leftPlace: number | null })[]> {
  const { rows } = await db.query<
    ShownClaimant & { readonly listNumber: number; readonly leftPlace: number | null }
  >(
    `select m.move_number as "listNumber", case when m.state in ('offered', 'left') then k.place end as "leftPlace", ${SHOWN_CLAIMANT}
       from claimant_moves m
       join claimants k using (campaign_id, number)
       left join grants g on g.campaign_id = k.campaign_id and g.serial = k.serial
      where m.campaign_id = $1 and m.move_number > $2 order by m.move_number limit $3`,
    [campaignId, after, limit],
  );
  return rows;
}
