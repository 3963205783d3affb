/** Creating a campaign: from a body, from another campaign, or from a template. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Campaign, readDraftTerms } from '../../../sql/statements/campaigns/campaigns.ts';
import { NEW_ROW } from '../../../sql/statements/campaigns/new-row.ts';
import { getCouponOf } from '../../../sql/statements/coupons/coupons.ts';
import { getRoom } from '../../../sql/statements/rooms/rooms.ts';
import { claimsOf, type WantedDraw, type WantedRules } from '../../campaigns/announce.ts';
import { readTermsOf } from '../../campaigns/coupons/coupon-terms.ts';
import { createWanted, type WantedCampaign } from '../../campaigns/create-campaign.ts';
import { actingMs } from '../../campaigns/deps.ts';
import { termsJson } from '../../contract/coupons/terms-json.ts';
import type { NewCampaignBody } from '../contract/campaign-schemas.ts';
import type { AgainBody, DryRunJson, TemplateCampaign } from '../contract/schedule-schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { addToLine } from '../http/acts.ts';
import { actorOf } from '../http/authentication.ts';
import { isDryRun, withEtag } from '../http/preconditions.ts';
import { campaignJson } from './campaign-json.ts';
import { readNewCampaign } from './new-campaign.ts';

/**
 * Creates what the body describes, or reports what that would be. `from`: what its rules were taken from, for the operator log.
 * Throws Problem invalid-request.
 */
export async function makeCampaign(
  deps: ApiDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  body: NewCampaignBody,
  from?: string,
): Promise<object> {
  const actor = actorOf(request);
  const nowMs = await actingMs(deps);
  const wanted = readNewCampaign(body, nowMs);
  const terms = body.terms && readTermsOf(body.terms, 'grants', 'terms');
  if (isDryRun(request)) return wouldBe(wanted, actor.name, nowMs);
  const { campaign, coupon, published } = await createWanted(deps, { ...wanted, from }, actor, terms);
  addToLine(request, { campaignId: campaign.campaignId });
  reply.code(201).header('location', `/v1/campaigns/${campaign.campaignId}`);
  withEtag(reply, campaign);
  return { ...campaignJson(campaign, nowMs), ...coupon, published };
}

function wouldBe(
  { campaign, draw, claims, monitors }: WantedCampaign,
  madeBy: string,
  nowMs: number,
): DryRunJson {
  const {
    stage = 'scheduled',
    timeZone = 'UTC',
    drawsAt = null,
    opensAt,
    closesAt,
    kind,
    title,
    stock,
    shop = null,
    twoPerson = false,
  } = campaign;
  const {
    id: _id,
    created_at: _at,
    rules_hash: _hash,
    ...shown
  } = campaignJson(
    {
      ...NEW_ROW,
      ...{
        campaignId: 0,
        kind,
        title,
        stock,
        opensAt,
        closesAt,
        drawsAt,
        stage,
        timeZone,
        madeBy,
        shop,
        twoPerson,
      },
      createdAt: new Date(nowMs),
      claimWithinS: claims?.withinS ?? null,
      waitlist: claims?.waitlist ?? 0,
      monitors: monitors ?? null,
    },
    nowMs,
  );
  const terms =
    draw === undefined
      ? {}
      : { tiers: draw.tiers, alternates: draw.alternates, group_limit: draw.group_limit };
  return {
    dry_run: true,
    action: 'make',
    gateways_confirm: false,
    effective_before: null,
    campaign: { ...shown, ...terms },
  };
}

/** The body of a campaign with the rules of `terms` and new times. */
export function bodyAgain(terms: TemplateCampaign, again: AgainBody): NewCampaignBody {
  return { ...terms, ...again };
}

/** The rules that a campaign was created with, without its times. */
export async function termsOf(deps: Pick<ApiDeps, 'pool'>, campaign: Campaign): Promise<TemplateCampaign> {
  const { kind, title, stock, timeZone: time_zone } = campaign;
  const draft = (await readDraftTerms(deps.pool, campaign.campaignId)) as WantedRules | undefined;
  const claims = claimsOf(campaign) ?? draft?.claims;
  const monitors = campaign.monitors ?? draft?.monitors;
  const rest = {
    ...(claims === undefined ? {} : { claim_within_s: claims.withinS }),
    ...(monitors === undefined ? {} : { monitors: [...monitors] }),
    ...(campaign.shop === null ? {} : { shop: campaign.shop }),
    ...(campaign.twoPerson ? { two_person: true } : {}),
  };
  if (kind === 'room') {
    const room = await getRoom(deps.pool, campaign.campaignId);
    if (room === undefined) throw new Error(`campaign ${campaign.campaignId} has no room`);
    const { perSecond: per_second, capacity, graceMs, passMs, visitMs, singleUse: single_use } = room;
    return {
      ...{ kind, title, time_zone, per_second, single_use },
      ...{ grace_seconds: graceMs / 1_000, pass_seconds: passMs / 1_000 },
      ...(capacity === null ? {} : { capacity }),
      ...(visitMs === null ? {} : { visit_seconds: visitMs / 1_000 }),
      ...(campaign.shop === null ? {} : { shop: campaign.shop }),
      ...(campaign.twoPerson ? { two_person: true } : {}),
    };
  }
  if (kind === 'coupon') {
    const waitlist = claims === undefined ? {} : { waitlist: claims.waitlist };
    const coupon = await getCouponOf(deps.pool, campaign.campaignId);
    const terms = coupon === undefined ? {} : { terms: termsJson(coupon.terms) };
    return { kind, title, stock, time_zone, ...rest, ...waitlist, ...terms };
  }
  const draw = draftOf(campaign) ?? draft?.draw;
  if (draw === undefined) return { kind, title, winners: stock, time_zone, ...rest };
  const { tiers, alternates, group_limit, randomness } = draw;
  return {
    ...{ kind, title, time_zone, alternates, randomness, tiers: [...tiers] },
    ...(group_limit === null ? {} : { group_limit }),
    ...rest,
  };
}

function draftOf({ draw }: Campaign): WantedDraw | undefined {
  return draw === null ? undefined : { ...draw, randomness: draw.randomness.source };
}
