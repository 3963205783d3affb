/** Creates a validated campaign, with its room or its coupon, and its rules. */
import { type Queryable, transaction } from '../../sql/database.ts';
import {
  type Campaign,
  createCampaign,
  getCampaign,
  type NewCampaign,
} from '../../sql/statements/campaigns/campaigns.ts';
import { createRoom, type NewRoom } from '../../sql/statements/rooms/rooms.ts';
import type { Terms } from '../contract/coupons/terms.ts';
import type { ClaimRules, NamedMonitor } from '../draw/rules.ts';
import { announcementOf, type WantedDraw } from './announce.ts';
import { addCoupon } from './coupon-terms.ts';
import type { CampaignDeps } from './deps.ts';

export interface WantedCampaign {
  readonly campaign: NewCampaign;
  /** For a raffle. */
  readonly draw: WantedDraw | undefined;
  /** If grants or wins must be claimed. */
  readonly claims: ClaimRules | undefined;
  readonly room: NewRoom | undefined;
  readonly monitors: readonly NamedMonitor[] | undefined;
}

/** Creates the campaign with its room or its coupon in one transaction, and publishes it unless it is a draft. */
export async function createWanted(
  deps: Pick<CampaignDeps, 'pool' | 'publish' | 'randomness' | 'log'>,
  wanted: WantedCampaign,
  madeBy: string,
  terms?: Terms,
): Promise<{
  readonly campaign: Campaign;
  readonly coupon: { coupon?: number };
  readonly published: boolean;
}> {
  const isDraft = wanted.campaign.stage === 'draft';
  const create = (db: Queryable): Promise<Campaign> =>
    createCampaign(db, { ...wanted.campaign, madeBy }, id =>
      isDraft || wanted.room !== undefined
        ? undefined
        : announcementOf(deps.randomness, id, wanted.campaign, wanted.draw, wanted.claims, wanted.monitors),
    );
  const { campaign, coupon } = await transaction(deps.pool, async db => {
    const made = await create(db);
    if (wanted.room !== undefined) {
      await createRoom(db, made.campaignId, wanted.room);
      return { campaign: (await getCampaign(db, made.campaignId)) ?? made, coupon: {} };
    }
    if (terms === undefined) return { campaign: made, coupon: {} };
    const { couponId } = await addCoupon(db, { campaignId: made.campaignId }, terms, 'terms');
    return { campaign: made, coupon: { coupon: couponId } };
  });
  const published = !isDraft && (await publish(deps, campaign));
  return { campaign, coupon, published };
}

/** The campaign exists even if Redis is away; the engine publishes what is missing on the board when it can. */
async function publish(deps: Pick<CampaignDeps, 'publish' | 'log'>, campaign: Campaign): Promise<boolean> {
  try {
    await deps.publish([campaign]);
    return true;
  } catch (error) {
    deps.log.warn({ err: error, campaignId: campaign.campaignId }, 'cannot publish a new campaign yet');
    return false;
  }
}
