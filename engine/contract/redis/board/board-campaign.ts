import {
  admissionEndsAtUs,
  type Campaign,
  opensAtUs,
} from '../../../../sql/statements/campaigns/campaigns.ts';
import type { BoardCampaign } from './board.ts';

export interface CouponStock {
  readonly stock: number;
  readonly grantedCount: number;
  readonly waitlist: number;
  readonly waitlistedCount: number;
}

/** Whether all coupons are granted and the waitlist is full: every later entry has lost. */
export function isSoldOut({ stock, grantedCount, waitlist, waitlistedCount }: CouponStock): boolean {
  return grantedCount >= stock && waitlistedCount >= waitlist;
}

/** A campaign of the ledger as gateways see it on the board. A close in progress shows at once. */
export function toBoard(campaign: Campaign): BoardCampaign {
  return {
    campaignId: campaign.campaignId,
    revision: campaign.revision,
    kind: campaign.kind,
    title: campaign.title,
    stock: campaign.stock,
    opensAtUs: opensAtUs(campaign),
    closesAtUs: admissionEndsAtUs(campaign),
    settledStamp: campaign.settledStamp,
    settledCount: campaign.settledCount,
    granted: campaign.grantedCount,
    gone: campaign.goneRanked,
    soldOut: campaign.kind === 'coupon' && isSoldOut(campaign),
    ...claimsOf(campaign),
    finished: campaign.finishedAt !== null,
    ...scheduleOf(campaign),
    ...(campaign.rulesHash === null ? {} : { rulesHash: campaign.rulesHash.toString('base64url') }),
    ...(campaign.poolRoot === null ? {} : { poolRoot: campaign.poolRoot.toString('base64url') }),
    ...(campaign.shop === null ? {} : { shop: campaign.shop }),
    ...(campaign.twoPerson ? { twoPerson: true } : {}),
    ...(campaign.room === null ? {} : { room: campaign.room }),
    ...(campaign.draw === null ? {} : { randomness: campaign.draw.randomness }),
    ...(campaign.monitors === null ? {} : { monitors: [...campaign.monitors] }),
    ...(campaign.shelvedAt === null ? {} : { shelved: true }),
  };
}

/** Members that only a campaign with more than a simple window has: the board stays small for all others. */
function scheduleOf(campaign: Campaign): Partial<BoardCampaign> {
  const { drawsAt, timeZone, pausedAt, notice, cancelledStamp, stage, pending } = campaign;
  return {
    ...(drawsAt === null ? {} : { drawsAtUs: drawsAt.getTime() * 1000 }),
    ...(timeZone === 'UTC' ? {} : { timeZone }),
    ...(pausedAt === null ? {} : { paused: true }),
    ...(notice === null ? {} : { notice }),
    ...(cancelledStamp === null ? {} : { cancelledStamp }),
    ...(stage === 'archived' ? { archived: true } : {}),
    ...(pending === null ? {} : { pending }),
  };
}

function claimsOf(campaign: Campaign): Pick<BoardCampaign, 'claims'> {
  const {
    claimWithinS: withinS,
    waitlist,
    waitlistedCount: waitlisted,
    moveCount: moves,
    outageUs,
  } = campaign;
  return withinS === null ? {} : { claims: { withinS, waitlist, waitlisted, moves, outageUs } };
}
