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
import { termsJson } from '../contract/coupons/terms-json.ts';
import type { ClaimRules, NamedMonitor } from '../draw/rules.ts';
import { type Actor, campaignTarget, noteAct } from '../operators/acts.ts';
import { announcementOf, type WantedDraw } from './announce.ts';
import { addCoupon } from './coupons/coupon-terms.ts';
import type { CampaignDeps } from './deps.ts';
import { stockJson } from './stock-json.ts';

export interface WantedCampaign {
  readonly campaign: NewCampaign;
  /** For a raffle. */
  readonly draw: WantedDraw | undefined;
  /** If grants or wins must be claimed. */
  readonly claims: ClaimRules | undefined;
  readonly room: NewRoom | undefined;
  readonly monitors: readonly NamedMonitor[] | undefined;
  /** What its rules were taken from, for the operator log: `template 3`. */
  readonly from?: string | undefined;
}

/** Creates the campaign with its room or its coupon in one transaction, and publishes it unless it is a draft. */
export async function createWanted(
  deps: Pick<CampaignDeps, 'pool' | 'publish' | 'randomness' | 'log'>,
  wanted: WantedCampaign,
  actor: Actor,
  terms?: Terms,
): Promise<{
  readonly campaign: Campaign;
  readonly coupon: { coupon?: number };
  readonly published: boolean;
}> {
  const isDraft = wanted.campaign.stage === 'draft';
  const create = (db: Queryable): Promise<Campaign> =>
    createCampaign(db, { ...wanted.campaign, madeBy: actor.name }, id =>
      isDraft || wanted.room !== undefined
        ? undefined
        : announcementOf(deps.randomness, id, wanted.campaign, wanted.draw, wanted.claims, wanted.monitors),
    );
  const { campaign, coupon } = await transaction(deps.pool, async db => {
    const made = await createWithParts(db, await create(db), wanted, terms);
    const details = { ...detailsOf(made.campaign, wanted), ...made.coupon, terms: terms && termsJson(terms) };
    await noteAct(db, actor, { target: campaignTarget(made.campaign.campaignId), details });
    return made;
  });
  const published = !isDraft && (await publish(deps, campaign));
  return { campaign, coupon, published };
}

/** Adds the room or the coupon of a campaign that was just created. */
async function createWithParts(
  db: Queryable,
  made: Campaign,
  { room }: WantedCampaign,
  terms: Terms | undefined,
): Promise<{ readonly campaign: Campaign; readonly coupon: { coupon?: number } }> {
  if (room !== undefined) {
    await createRoom(db, made.campaignId, room);
    return { campaign: (await getCampaign(db, made.campaignId)) ?? made, coupon: {} };
  }
  if (terms === undefined) return { campaign: made, coupon: {} };
  const { couponId } = await addCoupon(db, { campaignId: made.campaignId }, terms, 'terms');
  return { campaign: made, coupon: { coupon: couponId } };
}

/** For the operator log. */
function detailsOf(
  { kind, title, stock, stage, opensAt, closesAt, drawsAt, timeZone, rulesHash, shop, twoPerson }: Campaign,
  { from, draw, claims, room, monitors }: WantedCampaign,
): Readonly<Record<string, unknown>> {
  return {
    ...{ kind, title, ...stockJson({ kind, stock }), stage, from, draw, monitors, rules_hash: rulesHash },
    ...{ opens_at: opensAt, closes_at: closesAt, draws_at: drawsAt, time_zone: timeZone },
    ...{ shop: shop ?? undefined, two_person: twoPerson || undefined },
    ...(claims && { claim_within_s: claims.withinS, waitlist: claims.waitlist }),
    ...(room && {
      ...{ per_second: room.perSecond, capacity: room.capacity, grace_ms: room.graceMs },
      ...{ pass_ms: room.passMs, visit_ms: room.visitMs, single_use: room.singleUse },
    }),
  };
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
