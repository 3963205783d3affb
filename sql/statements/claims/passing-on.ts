/** Statements on serials that lapsed or were declined: they are passed on to waiting users. */
import type { Queryable } from '../../database.ts';
import { type Freed, type FreedSerial, freedValues, PASSED_ON } from '../draws/alternates.ts';
import type { Offer } from './claims.ts';

/** Serials that lapsed or were declined and have not been passed on, in the order in which they became free, at most `limit`. */
export async function readFreed(
  db: Queryable,
  campaignId: number,
  limit: number,
): Promise<readonly FreedSerial[]> {
  const { rows } = await db.query<FreedSerial>({
    name: 'read_freed',
    text: `select serial, user_id as holder, coalesce(ended_early, state) as reason from claimants
      where campaign_id = $1 and state in ('lapsed', 'declined') and not is_passed_on
      order by move_number limit $2`,
    values: [campaignId, limit],
  });
  return rows;
}

/**
 * Passes serials on as passOn of draws/alternates.ts does, and offers them to those who have them now, in this order; the last
 * move had the number `after`. Answers how many were offered.
 */
export async function offerToNext(
  db: Queryable,
  campaignId: number,
  after: number,
  freed: readonly Freed[],
  offer: Offer,
): Promise<number> {
  if (freed.length === 0) return 0;
  const { rowCount } = await db.query(
    `${PASSED_ON}, ended as (
       -- Whose offers have ended: nobody among those who wait.
       update claimants k set is_passed_on = true
         from granted where k.campaign_id = $1 and k.user_id = granted.holder collate "C"
     ), offered as (
       update claimants k
          set state = 'offered', serial = granted.serial, offered_us = $8, claim_by_us = $9,
              move_number = $7::integer + granted.turn::integer
         from granted where k.campaign_id = $1 and k.user_id = granted.user_id
       returning k.move_number, k.number, k.serial
     )
     insert into claimant_moves (campaign_id, move_number, number, state, serial, at_us)
     select $1, move_number, number, 'offered', serial, $8 from offered`,
    [...freedValues(campaignId, freed), after, offer.offeredUs, offer.claimByUs],
  );
  return rowCount ?? 0;
}
