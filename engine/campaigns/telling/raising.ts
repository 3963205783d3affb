/**
 * Until when the stock of a campaign can be raised, and telling gateways of it; ../settling/judges/RAISING.md gives the reasons. In the states of
 * tell-then-act.ts: `noted` with the raise itself, `told` by the board with the new stock, `due` once every gateway knows: only then
 * settling hands out what was added. Meanwhile gateways that know accept entries, which wait, and the others refuse.
 */
import { type Campaign, noteRaiseKnown } from '../../../sql/statements/campaigns/campaigns.ts';
import { defaultLimits } from '../../verify/limits.ts';
import { type Notice, type TellDeps, tellThenAct } from './tell-then-act.ts';

export const RAISES: Notice<void> = {
  name: 'raise',
  makeDue: (pool, { campaignId, stock }, knownUs) => noteRaiseKnown(pool, campaignId, stock, knownUs),
};

/** Tells gateways of a raise that was just made. Never rejects: `resumeUntold` (untold.ts) goes on. */
export async function tellRaise(deps: TellDeps, campaign: Campaign): Promise<void> {
  try {
    await tellThenAct(deps, RAISES, campaign);
  } catch (err) {
    const { campaignId } = campaign;
    deps.log.warn(
      { err, campaignId },
      'cannot tell the gateways of a raise yet; it is handed out once they can be told',
    );
  }
}

/** A book states each raise, and no more than a verifier reads unless told otherwise. */
const MOST_RAISES = defaultLimits.raises;

/**
 * Why a campaign's stock cannot be raised, and what to do instead, besides what its state allows; undefined if it can. `raises`: how
 * often it was raised.
 */
export function raiseFault(
  campaign: Campaign,
  { nowMs, raises }: { readonly nowMs: number; readonly raises: number },
): string | undefined {
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
      if (raises >= MOST_RAISES)
        return `The stock of campaign ${campaignId} was raised ${raises} times, and its book can state ${MOST_RAISES} raises: hand further coupons out in a campaign of their own, and raise by more at a time.`;
      return undefined;
  }
}
