/** Statements of settling on campaigns: finding work, taking a campaign's turn, and recording decisions. */
import { type Queryable, queryRepeated } from '../../database.ts';
import { bigintArray } from '../arrays.ts';
import type { Entry, StampRange } from '../entries/entries.ts';
import { CAMPAIGN_COLUMNS, type Campaign, type CampaignKind } from './campaigns.ts';

/** A campaign in which something is due. */
export interface FoundWork {
  readonly campaignId: number;
  /** Grows with each step that does something, whichever engine takes it. */
  readonly progress: number;
}

/**
 * The campaigns with something to decide at this watermark: coupons with unsettled entries up to it; any with a withdrawal
 * whose entry is due or whose campaign has finished; those to be finished; those whose stock was raised; and those with a due claim, or a deadline at or
 * before `lapseUs`. findRooms finds the other work of rooms.
 */
export async function findWork(
  db: Queryable,
  watermarkUs: number,
  lapseUs: number,
): Promise<readonly (FoundWork & { readonly kind: CampaignKind })[]> {
  const { rows } = await queryRepeated<FoundWork & { kind: CampaignKind }>(db, {
    name: 'find_work',
    text: `select c.campaign_id as "campaignId", c.kind, c.revision as progress
       from campaigns c
      cross join lateral (
        select (extract(epoch from c.opens_at) * 1000000)::bigint as opens_us,
               (extract(epoch from c.closes_at) * 1000000)::bigint as closes_us) as instant
      cross join lateral (
        select least($1::bigint - opens_us, closes_us - opens_us - 1) * 1024 + 1023 as through) as due
      where (c.finished_at is null and c.stage <> 'draft' and (
              (c.raised_known_us <= $1 and c.cancelled_stamp is null) or
              -- A frozen raffle waits for its drawing, and a room for those in its line (rooms/rooms.ts).
              (closes_us <= $1 and c.decided_at is null and (c.kind <> 'room' or c.cancelled_stamp is not null)
                                   and (c.pool_root is null or c.cancelled_stamp is not null or c.draws_at is null
                                    or extract(epoch from c.draws_at) * 1000000 <= $1))
              or (c.kind = 'coupon' and exists (
                    select from entries e
                     where e.campaign_id = c.campaign_id and e.stamp > c.settled_stamp and e.stamp <= due.through))
              or exists (
                    select from withdrawals w join entries e using (campaign_id, user_id)
                     where w.campaign_id = c.campaign_id and w.honoured is null and e.stamp <= due.through)
              or (c.claim_within_s is not null and (
                    exists (select from claims
                             where campaign_id = c.campaign_id and not decided
                               and stamp <= ($1::bigint - opens_us) * 1024 + 1023)
                    or exists (select from claimants
                                where campaign_id = c.campaign_id and state = 'offered'
                                  and claim_by_us <= least($1::bigint, $2::bigint) - c.outage_us)
                    -- What a turn of claims left to the next one, which may have been another engine's.
                    or (c.decided_at is not null
                        and not exists (select from claimants where campaign_id = c.campaign_id and state = 'offered'))
                    or ((c.decided_at is not null or (c.kind = 'coupon' and c.cancelled_stamp is null))
                        and exists (select from claimants
                                     where campaign_id = c.campaign_id and state in ('lapsed', 'declined') and not is_passed_on)
                        and exists (select from alternates a left join claimants k using (campaign_id, user_id)
                                     where a.campaign_id = c.campaign_id and coalesce(k.state, 'waitlisted') = 'waitlisted'
                                       and a.waitlist_position > coalesce((select max(p.waitlist_position) from passed_on p
                                                                where p.campaign_id = c.campaign_id), 0)))))))
         or (c.finished_at is not null
             and c.campaign_id in (select w.campaign_id from withdrawals w where w.honoured is null))
      order by c.campaign_id`,
    values: [watermarkUs, lapseUs],
  });
  return rows;
}

/**
 * A campaign as a step sees it. Everything due at a watermark was in the ledger before that watermark, so it is visible here;
 * these flags save a step the statements for which there is nothing to do.
 */
export interface TakenCampaign extends Campaign {
  /** A claim is undecided. */
  readonly hasOpenClaims: boolean;
  /** A withdrawal is undecided. */
  readonly hasOpenWithdrawals: boolean;
}

const TAKEN = `select ${CAMPAIGN_COLUMNS},
            exists (select from claims k where k.campaign_id = $1 and not k.decided) as "hasOpenClaims",
            exists (select from withdrawals w where w.campaign_id = $1 and w.honoured is null) as "hasOpenWithdrawals"
       from campaigns where campaign_id = $1 for no key update`;

/**
 * Locks a campaign for the rest of the transaction: one engine decides a campaign at a time. Undefined if another one has it.
 * The lock permits inserts of rows that refer to the campaign.
 */
export async function takeCampaign(db: Queryable, campaignId: number): Promise<TakenCampaign | undefined> {
  const { rows } = await db.query<TakenCampaign>({
    name: 'take_campaign',
    text: `${TAKEN} skip locked`,
    values: [campaignId],
  });
  return rows[0];
}

/** Likewise, but waits for the engine that has it. */
export async function waitForCampaign(db: Queryable, campaignId: number): Promise<TakenCampaign | undefined> {
  const { rows } = await db.query<TakenCampaign>(TAKEN, [campaignId]);
  return rows[0];
}

/** A room has no rules that would show that it was announced. */
const WAS_ROOM = `(kind = 'room' and stage in ('cancelled', 'archived') and exists (
  select from campaign_versions v
   where v.campaign_id = campaigns.campaign_id and v.stage = 'scheduled' and v.state = 'effective'))`;

/**
 * Campaigns that are not shelved: every announced unfinished one, and those that finished, or had a prize passed on, in the
 * last `finishedMs`; all of them if undefined. Leaves out those whose `known` revision is current.
 */
export async function readCampaigns(
  db: Queryable,
  finishedMs: number | undefined,
  known: ReadonlyMap<number, number> = NONE_KNOWN,
): Promise<readonly Campaign[]> {
  const { rows } = await db.query<Campaign>(
    `select ${CAMPAIGN_COLUMNS} from campaigns
      where shelved_at is null and (stage = 'scheduled' or rules is not null or ${WAS_ROOM}) and ($1::double precision is null or finished_at is null
         or greatest(finished_at, redrawn_at) > now() - make_interval(secs => $1))
        and not exists (select from unnest($2::bigint[], $3::bigint[]) as known (id, known_revision)
                         where id = campaign_id and known_revision = revision)
      order by campaign_id`,
    [
      finishedMs === undefined ? null : finishedMs / 1000,
      bigintArray([...known.keys()]),
      bigintArray([...known.values()]),
    ],
  );
  return rows;
}

const NONE_KNOWN: ReadonlyMap<number, number> = new Map();

/** An entry that is due. */
export interface TurnEntry extends Entry {
  /** Its user withdrew in time. */
  readonly isWithdrawn: boolean;
}

/** The entries of a range. */
export async function readTurn(db: Queryable, turn: StampRange): Promise<readonly TurnEntry[]> {
  const { rows } = await db.query<TurnEntry>({
    name: 'read_turn',
    text: `select e.user_id as "userId", e.stamp, w.user_id is not null as "isWithdrawn"
       from entries e
       left join withdrawals w on w.campaign_id = e.campaign_id and w.user_id = e.user_id and w.honoured
      where e.campaign_id = $1 and e.stamp > $2 and e.stamp <= $3
      order by e.stamp limit $4`,
    values: [turn.campaignId, turn.after, turn.through, turn.limit],
  });
  return rows;
}

/** How many entries a range has, and the stamp of the last of them. */
export async function countTurn(
  db: Queryable,
  turn: StampRange,
): Promise<{ readonly count: number; readonly lastStamp: number | null }> {
  const { rows } = await db.query<{ count: number; lastStamp: number | null }>({
    name: 'count_turn',
    text: `select count(*) as count, max(stamp) as "lastStamp"
       from (select stamp from entries
              where campaign_id = $1 and stamp > $2 and stamp <= $3 order by stamp limit $4) as turn`,
    values: [turn.campaignId, turn.after, turn.through, turn.limit],
  });
  return rows[0] ?? { count: 0, lastStamp: null };
}

export interface Settled {
  readonly settledStamp: number;
  readonly settledCount: number;
  readonly grantedCount: number;
  readonly goneCount: number;
}

/** Counts of a campaign with claims. */
export interface ClaimCounts {
  /** Users on the waitlist behind the grants. */
  readonly waitlistedCount: number;
  readonly moveCount: number;
  /** Grants that this step has passed on. */
  readonly passedOn: number;
  /** Every entry has its first outcome. */
  readonly isDecided: boolean;
}

/**
 * Records how far a campaign is decided; `isFinished` when every entry there will ever be has its outcome. Once per step:
 * each update of the row runs its triggers and computes its generated columns, 0.38 ms as measured.
 */
export async function saveSettled(
  db: Queryable,
  campaignId: number,
  settled: Settled,
  isFinished: boolean,
  claims?: ClaimCounts,
): Promise<void> {
  await db.query({
    name: 'save_settled',
    text: `update campaigns
        set settled_stamp = $2, settled_count = $3, granted_count = $4, gone_count = $5,
            waitlisted_count = coalesce($7, waitlisted_count), move_count = coalesce($8, move_count),
            redrawn_count = redrawn_count + $9, redrawn_at = case when $9 > 0 then now() else redrawn_at end,
            frozen_at = case when $6 or $10 then coalesce(frozen_at, now()) else frozen_at end,
            decided_at = case when $10 then coalesce(decided_at, now()) else decided_at end,
            finished_at = case when $6 then now() else finished_at end
      where campaign_id = $1`,
    values: [
      campaignId,
      settled.settledStamp,
      settled.settledCount,
      settled.grantedCount,
      settled.goneCount,
      isFinished,
      claims?.waitlistedCount ?? null,
      claims?.moveCount ?? null,
      claims?.passedOn ?? 0,
      claims?.isDecided ?? false,
    ],
  });
}

/**
 * Records how far a raise has decided entries that had lost: those after `raisedStamp` are next, up to settledStamp; null if
 * none is left, or nothing is left for them.
 */
export async function saveRaised(
  db: Queryable,
  campaignId: number,
  raised: {
    readonly grantedCount: number;
    readonly waitlistedCount: number;
    readonly raisedStamp: number | null;
  },
): Promise<void> {
  await db.query({
    name: 'save_raised',
    text: `update campaigns set granted_count = $2, waitlisted_count = $3, raised_stamp = $4,
                               raised_known_us = case when $4::bigint is null then null else raised_known_us end
            where campaign_id = $1`,
    values: [campaignId, raised.grantedCount, raised.waitlistedCount, raised.raisedStamp],
  });
}

/**
 * Records how many of the honoured withdrawals have their final rank in Redis' list. It skips a campaign that is being
 * settled, so that the publisher of all campaigns waits for none of them.
 */
export async function saveGoneRanked(db: Queryable, campaignId: number, goneRanked: number): Promise<void> {
  await db.query(
    `update campaigns set gone_ranked = $2
      where campaign_id = (select campaign_id from campaigns
                            where campaign_id = $1 and gone_ranked < $2 for no key update skip locked)`,
    [campaignId, goneRanked],
  );
}
