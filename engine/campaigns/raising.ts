/** Until when the stock of a campaign can be raised; ../settling/judges/RAISING.md gives the reasons. */
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';

/** Why a campaign's stock cannot be raised, and what would be right, besides what its state allows; undefined if it can. */
export function raiseFault(campaign: Campaign, nowMs: number): string | undefined {
  const { campaignId, kind, stage, opensAt, finishedAt, cancelledStamp, waitlistedCount } = campaign;
  const name = `Campaign ${campaignId}`;
  switch (kind) {
    case 'raffle':
      return `${name} is a raffle: its seed binds the announced winners, and more of them would be another draw. Pass prizes on to its alternates, or announce a raffle of its own for further prizes.`;
    case 'room':
      return `${name} is a room, which has no stock: set its rate or its capacity.`;
    case 'coupon':
      if (finishedAt !== null || cancelledStamp !== null)
        return `${name} is settled, and its outcomes are final: hand further coupons out in a campaign of their own.`;
      if (waitlistedCount > 0)
        return `${name} has ${waitlistedCount} users on its waitlist, to whom what becomes free was promised in that order: hand further coupons out in a campaign of their own.`;
      if (stage === 'scheduled' && opensAt.getTime() > nowMs)
        return `${name} opens at ${opensAt.toISOString()}: until then, edit its stock.`;
      return undefined;
  }
}
