/** Statements on single offers, as operators ask for them: how one stands, and moving its deadline. See claims.ts. */
import { type Pool, type Queryable, transaction } from '../../database.ts';
import type { ClaimantState } from './claims.ts';

/** How it stands with the offer of a serial: of who holds it, or held it last. */
export interface OfferState {
  readonly userId: string;
  readonly state: ClaimantState;
  /** Among those who waited; null for who was granted it, or drawn for it. */
  readonly place: number | null;
  readonly tier: number | null;
  /** The deadline, with what outages have added to it. */
  readonly claimByUs: number;
}

export async function readOffer(
  db: Queryable,
  campaignId: number,
  serial: number,
): Promise<OfferState | undefined> {
  const { rows } = await db.query<OfferState>(
    `select k.user_id as "userId", k.state, k.place, g.tier,
            k.claim_by_us + case k.state when 'offered' then c.unheard_us else 0 end as "claimByUs"
       from claimants k join campaigns c using (campaign_id) join grants g using (campaign_id, serial)
      where k.campaign_id = $1 and k.serial = $2
      order by k.offered_us desc, k.move_number desc limit 1`,
    [campaignId, serial],
  );
  return rows[0];
}

/** Who is next for what becomes free; undefined when nobody waits any more. */
export async function readNextWaiting(
  db: Queryable,
  campaignId: number,
): Promise<{ readonly userId: string; readonly place: number } | undefined> {
  const { rows } = await db.query<{ userId: string; place: number }>(
    `select user_id as "userId", place from claimants
      where campaign_id = $1 and state = 'waitlisted' order by place limit 1`,
    [campaignId],
  );
  return rows[0];
}

/**
 * Moves the deadline of an open offer to an instant: forward, with the reason why it ends early, or back. Answers whether
 * `holder` had it open.
 */
export async function moveDeadline(
  pool: Pool,
  campaignId: number,
  to: {
    readonly serial: number;
    readonly holder: string;
    readonly claimByUs: number;
    readonly endedEarly: string | null;
  },
): Promise<boolean> {
  return await transaction(pool, async client => {
    // The campaign first, as settling does: a step that lets the offer lapse is over by then, or comes behind this.
    await client.query('select from campaigns where campaign_id = $1 for no key update', [campaignId]);
    const { rowCount } = await client.query(
      `with moved as (
         update claimants k
            set claim_by_us = $4::bigint - c.unheard_us, deadline_moved = true, ended_early = $5,
                move_number = c.move_count + 1
           from campaigns c
          where c.campaign_id = $1 and k.campaign_id = $1 and k.serial = $2 and k.user_id = $3 and k.state = 'offered'
         returning k.number, k.serial, k.move_number
       ), noted as (
         insert into claimant_moves (campaign_id, move_number, number, state, serial, at_us)
         select $1, move_number, number, 'deadline', serial, $4 from moved
       )
       update campaigns c set move_count = moved.move_number from moved where c.campaign_id = $1`,
      [campaignId, to.serial, to.holder, to.claimByUs, to.endedEarly],
    );
    return rowCount === 1;
  });
}
