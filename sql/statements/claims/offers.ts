/** Statements on single offers, for operators: reading one, extending its deadline, and ending it. See claims.ts. */
import { type Pool, type Queryable, transaction } from '../../database.ts';
import { CAMPAIGN_COLUMNS, type Campaign } from '../campaigns/campaigns.ts';
import type { ClaimantState } from './claims.ts';

/** The state of a serial's offer: of its holder, or its last holder. */
export interface OfferState {
  readonly userId: string;
  readonly state: ClaimantState;
  /** The holder's position on the waitlist; null if the serial was granted to or drawn for the holder. */
  readonly waitlistPosition: number | null;
  readonly tier: number | null;
  /** The deadline, including extensions by outages. */
  readonly claimByUs: number;
  /** The operator is ending it: it cannot be extended any more. */
  readonly isEnding: boolean;
}

export async function readOffer(
  db: Queryable,
  campaignId: number,
  serial: number,
): Promise<OfferState | undefined> {
  const { rows } = await db.query<OfferState>(
    `select k.user_id as "userId", k.state, k.waitlist_position as "waitlistPosition", g.tier,
            k.claim_by_us + case k.state when 'offered' then c.outage_us else 0 end as "claimByUs",
            k.ending_us is not null as "isEnding"
       from claimants k join campaigns c using (campaign_id) join grants g using (campaign_id, serial)
      where k.campaign_id = $1 and k.serial = $2
      order by k.offered_us desc, k.move_number desc limit 1`,
    [campaignId, serial],
  );
  return rows[0];
}

/** The next user to get a freed serial; undefined if nobody waits any more. */
export async function readNextWaiting(
  db: Queryable,
  campaignId: number,
): Promise<{ readonly userId: string; readonly waitlistPosition: number } | undefined> {
  const { rows } = await db.query<{ userId: string; waitlistPosition: number }>(
    `select user_id as "userId", waitlist_position as "waitlistPosition" from claimants
      where campaign_id = $1 and state = 'waitlisted' order by waitlist_position limit 1`,
    [campaignId],
  );
  return rows[0];
}

/** An open offer, and an instant for it, including extensions by outages so far. */
export interface DeadlineOfOffer {
  readonly serial: number;
  readonly holder: string;
  readonly atUs: number;
}

/** Extends an open offer. Returns whether `holder` had it open with an earlier deadline, and it was not ending. */
export async function extendDeadline(pool: Pool, campaignId: number, to: DeadlineOfOffer): Promise<boolean> {
  return await moveDeadline(
    pool,
    `update claimants k
        set claim_by_us = $4::bigint - c.outage_us, deadline_moved = true, ended_early = null, move_number = c.move_count + 1
       from campaigns c
      where c.campaign_id = $1 and k.campaign_id = $1 and k.serial = $2 and k.user_id = $3 and k.state = 'offered'
        and k.ending_us is null and k.claim_by_us < $4::bigint - c.outage_us
     returning k.number, k.serial, k.move_number, $4::bigint as at_us`,
    [campaignId, to.serial, to.holder, to.atUs],
  );
}

/**
 * The first half of ending an offer: records until when gateways may answer claims as claimed, no later than its deadline.
 * Returns whether `holder` had it open, and its end was not recorded before.
 */
export async function beginEnd(
  pool: Pool,
  campaignId: number,
  ending: DeadlineOfOffer & { readonly reason: string },
): Promise<boolean> {
  return await moveDeadline(
    pool,
    `update claimants k
        set ending_us = least(k.claim_by_us, $4::bigint - c.outage_us), ended_early = $5, move_number = c.move_count + 1
       from campaigns c
      where c.campaign_id = $1 and k.campaign_id = $1 and k.serial = $2 and k.user_id = $3 and k.state = 'offered'
        and k.ending_us is null
     returning k.number, k.serial, k.move_number, k.ending_us + c.outage_us as at_us`,
    [campaignId, ending.serial, ending.holder, ending.atUs, ending.reason],
  );
}

/**
 * The second half, for all ends recorded in the campaign: `knownUs` is an instant at which every gateway must know of them.
 * From then on no gateway answers a claim as claimed, so deadlines move forward to it, but not before ending_us.
 * Returns how many were.
 */
export async function completeEnds(
  pool: Pool,
  { campaignId, moveCount }: Pick<Campaign, 'campaignId' | 'moveCount'>,
  knownUs: number,
): Promise<number> {
  return await transaction(pool, async client => {
    await takeCampaign(client, campaignId);
    // An offer whose end is recorded has no other move until it ends.
    const { rowCount } = await client.query(
      `update claimants k set claim_by_us = greatest(k.ending_us, $3::bigint - c.outage_us)
         from campaigns c
        where c.campaign_id = $1 and k.campaign_id = $1 and k.state = 'offered' and k.ending_us is not null
          and k.move_number <= $2 and greatest(k.ending_us, $3::bigint - c.outage_us) < k.claim_by_us`,
      [campaignId, moveCount, knownUs],
    );
    return rowCount ?? 0;
  });
}

/** Campaigns with offers whose recorded end may not be completed. */
export async function listBegunEnds(db: Queryable): Promise<readonly Campaign[]> {
  const { rows } = await db.query<Campaign>(
    `select ${CAMPAIGN_COLUMNS} from campaigns
      where campaign_id in (select k.campaign_id from claimants k where k.state = 'offered' and k.ending_us < k.claim_by_us)
      order by campaign_id`,
  );
  return rows;
}

/** Runs `update`, which changes at most one deadline that gateways show, and records the move. Returns whether it changed one. */
async function moveDeadline(
  pool: Pool,
  update: string,
  values: readonly [campaignId: number, ...others: unknown[]],
): Promise<boolean> {
  return await transaction(pool, async client => {
    const [campaignId] = values;
    await takeCampaign(client, campaignId);
    const { rowCount } = await client.query(
      `with moved as (
         ${update}
       ), noted as (
         insert into claimant_moves (campaign_id, move_number, number, state, serial, at_us)
         select $1, move_number, number, 'deadline', serial, at_us from moved
       )
       update campaigns c set move_count = moved.move_number from moved where c.campaign_id = $1`,
      [...values],
    );
    return rowCount === 1;
  });
}

/** Locks the campaign first, as settling does: a step that lets an offer lapse has ended by then, or comes after this. */
async function takeCampaign(client: Queryable, campaignId: number): Promise<void> {
  await client.query('select from campaigns where campaign_id = $1 for no key update', [campaignId]);
}
