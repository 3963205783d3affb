/**
 * Turns of a coupon: the next entries are granted, in stamp order, until the stock is gone; after that they are only counted. When the
 * stock was raised, a turn decides entries that had lost. Each is a part of a campaign's step (see settling.ts), in its transaction.
 */
import type { Queryable } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import {
  countTurn,
  readTurn,
  saveRaised,
  type TakenCampaign,
} from '../../sql/statements/campaigns/settling.ts';
import { insertWaiting } from '../../sql/statements/claims/claims.ts';
import type { StampRange } from '../../sql/statements/entries/entries.ts';
import { insertGrants } from '../../sql/statements/entries/grants.ts';
import { isSoldOut } from '../contract/redis/board/board-campaign.ts';
import { offerOf } from './claims-settling.ts';
import { makeCode } from './judges/codes.ts';
import { judgeCoupons } from './judges/coupon.ts';
import { COUNT_LIMIT, DONE, type Instants, type StepResult } from './settling-step.ts';

/** Entries decided in one transaction. More would lock the campaign's row for longer; fewer cost more commits. */
const TURN_LIMIT = 5_000;

export interface Turn extends StepResult {
  readonly granted: number;
  readonly waitlisted: number;
  readonly lastStamp: number;
}

/** No entry is due. */
export const NOBODY_DECIDED = { decided: 0, granted: 0, waitlisted: 0, more: false };

export function decideTurn(
  db: Queryable,
  campaign: Campaign,
  through: number,
  instants: Instants,
): Promise<Turn> {
  return isSoldOut(campaign)
    ? countTurnOut(db, campaign, through)
    : grantTurn(db, campaign, { after: campaign.settledStamp, through }, instants);
}

async function grantTurn(
  db: Queryable,
  campaign: Campaign,
  range: Pick<StampRange, 'after' | 'through'>,
  instants: Instants,
): Promise<Turn> {
  const { campaignId, stock } = campaign;
  const entries = await readTurn(db, { campaignId, ...range, limit: TURN_LIMIT });
  const { granted, waitlisted, decided, lastStamp } = judgeCoupons(campaign, entries);
  await insertGrants(
    db,
    campaignId,
    granted.map(grant => ({ ...grant, code: makeCode() })),
  );
  const offer = offerOf(campaign, instants);
  if (campaign.claimWithinS !== null && offer !== undefined) {
    const claimants = [
      ...granted.map(({ serial, userId }) => ({ number: serial, serial, userId })),
      ...waitlisted.map(({ waitlistPosition, userId }) => ({
        number: stock + waitlistPosition,
        waitlistPosition,
        userId,
      })),
    ];
    await insertWaiting(db, campaignId, claimants, offer);
  }
  return {
    decided,
    granted: granted.length,
    waitlisted: waitlisted.length,
    lastStamp: lastStamp ?? range.after,
    more: decided === TURN_LIMIT,
  };
}

/** Nothing is left to grant: all due entries have lost, and it suffices to count them. */
async function countTurnOut(db: Queryable, campaign: Campaign, through: number): Promise<Turn> {
  const { campaignId, settledStamp } = campaign;
  const { count, lastStamp } = await countTurn(db, {
    campaignId,
    after: settledStamp,
    through,
    limit: COUNT_LIMIT,
  });
  return {
    decided: count,
    granted: 0,
    waitlisted: 0,
    lastStamp: lastStamp ?? settledStamp,
    more: count === COUNT_LIMIT,
  };
}

export function isRaised(
  campaign: TakenCampaign,
): campaign is TakenCampaign & { readonly raisedStamp: number } {
  return campaign.raisedStamp !== null && campaign.cancelledStamp === null;
}

/**
 * The stock was raised: entries that had lost are decided anew, in stamp order, and before all later ones. No entry is
 * counted again. Their withdrawals were refused, because they had an outcome. Nothing is decided before every gateway knows of the raise: one
 * that does not would tell who is granted one that all are gone.
 */
export async function stepRaised(
  db: Queryable,
  campaign: TakenCampaign,
  raisedStamp: number,
  instants: Instants,
): Promise<StepResult> {
  if (campaign.raisedKnownUs === null || instants.watermarkUs < campaign.raisedKnownUs) return DONE;
  const range = { after: raisedStamp, through: campaign.settledStamp };
  const turn = await grantTurn(db, campaign, range, instants);
  const counts = {
    grantedCount: campaign.grantedCount + turn.granted,
    waitlistedCount: campaign.waitlistedCount + turn.waitlisted,
  };
  const isOver = !turn.more || isSoldOut({ ...campaign, ...counts });
  await saveRaised(db, campaign.campaignId, { ...counts, raisedStamp: isOver ? null : turn.lastStamp });
  return { decided: 0, more: true };
}
