/** Creating, reading and changing the terms of coupons. */
import type { FastifyInstance } from 'fastify';
import type { Queryable } from '../../../../sql/database.ts';
import type { Restriction } from '../../../../sql/statements/coupons/coupon-terms.ts';
import { type Coupon, getCoupon, listCoupons } from '../../../../sql/statements/coupons/coupons.ts';
import { restrict } from '../../../campaigns/coupons/coupon-restriction.ts';
import { couponName, makeCoupon, replaceTerms } from '../../../campaigns/coupons/coupon-terms.ts';
import { findCampaign } from '../../../campaigns/find-campaign.ts';
import { type FieldFault, fieldFault, invalidRequest, Problem } from '../../../contract/api/problem.ts';
import type { Actor } from '../../../operators/acts.ts';
import { type Attribution, alone } from '../../../operators/proposals.ts';
import { CouponPath, RestrictionBody } from '../../contract/coupons/coupon-schemas.ts';
import { operations } from '../../contract/operations.ts';
import { PageQuery } from '../../contract/schemas.ts';
import type { ApiDeps } from '../../deps.ts';
import { addToLine } from '../../http/acts.ts';
import { actorOf } from '../../http/authentication.ts';
import { readBody, readParameters } from '../../http/input.ts';
import { readPage } from '../../http/pages.ts';
import { requireMatch, withEtag } from '../../http/preconditions.ts';
import { addRoute } from '../../http/routing.ts';
import { proposeIfNeeded } from '../acts-of-two.ts';
import { readTime } from '../times.ts';
import { couponJson, readNewCoupon, readReplacedTerms, versionOf } from './coupon-json.ts';
import { tellCouponChanged } from './tell-coupon.ts';

export function addCouponRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.createCoupon, async (request, reply) => {
    const { of, terms, reason } = readNewCoupon(request.body);
    const actor = actorOf(request);
    const campaignId = 'campaignId' in of ? of.campaignId : null;
    if (campaignId !== null) {
      const campaign = await findCampaign(deps.pool, campaignId, 'campaign');
      const proposed = await proposeIfNeeded(deps, request, reply, campaign, request.body);
      if (proposed !== undefined) return proposed;
    }
    const coupon = await makeCoupon(deps.pool, of, terms, {
      actor,
      reason,
      ...sanctionFor(campaignId, actor),
    });
    addToLine(request, { couponId: coupon.couponId });
    reply.code(201).header('location', `${operations.createCoupon.path}/${coupon.couponId}`);
    withEtag(reply, versionOf(coupon));
    return couponJson(coupon);
  });

  addRoute(app, operations.listCoupons, async request => {
    const query = readParameters(PageQuery, request.query);
    const { rows, next } = await readPage(
      query,
      limit => listCoupons(deps.pool, { after: query.after ?? 0, limit }),
      ({ couponId }) => couponId,
    );
    return { coupons: rows.map(couponJson), next };
  });

  addRoute(app, operations.getCoupon, async (request, reply) => {
    const { id } = readParameters(CouponPath, request.params);
    const coupon = await findCoupon(deps.pool, id);
    withEtag(reply, versionOf(coupon));
    return couponJson(coupon);
  });

  addRoute(app, operations.replaceTerms, async (request, reply) => {
    const { id } = readParameters(CouponPath, request.params);
    const coupon = await findCoupon(deps.pool, id);
    const { terms, reason } = readReplacedTerms(request.body, coupon);
    const version = requireMatch(request, versionOf(coupon), couponName(id));
    const actor = actorOf(request);
    const { campaignId } = coupon;
    if (campaignId !== null) {
      const campaign = await findCampaign(deps.pool, campaignId);
      const proposed = await proposeIfNeeded(deps, request, reply, campaign, request.body);
      if (proposed !== undefined) return proposed;
    }
    const by = { actor, reason, ...sanctionFor(campaignId, actor) };
    const changed = await replaceTerms(deps.pool, coupon, terms, version, by);
    await tellCouponChanged(deps, id);
    withEtag(reply, versionOf(changed));
    return couponJson(changed);
  });

  addRoute(app, operations.restrictCoupon, async (request, reply) => {
    const { id } = readParameters(CouponPath, request.params);
    const body = readBody(RestrictionBody, request.body);
    const coupon = await findCoupon(deps.pool, id);
    const version = requireMatch(request, versionOf(coupon), couponName(id));
    const changed = await restrict(deps.pool, id, readRestriction(body), version, actorOf(request));
    await tellCouponChanged(deps, id);
    withEtag(reply, versionOf(changed));
    return couponJson(changed);
  });
}

/** A campaign's rule may have come to need a second operator meanwhile. A code for anybody belongs to no campaign. */
function sanctionFor(campaignId: number | null, actor: Actor): Pick<Attribution, 'sanction'> {
  return campaignId === null ? {} : { sanction: alone(campaignId, actor) };
}

/** Throws Problem invalid-request. */
function readRestriction(body: RestrictionBody): Restriction {
  const { disabled = false, ends_at, limit_total, limit_per_user, reason } = body;
  const faults: FieldFault[] = [];
  const endsAt = ends_at === undefined ? undefined : readTime('ends_at', ends_at, 'UTC', faults);
  if (faults.length > 0) throw invalidRequest(faults);
  return {
    disabled,
    endsAtMs: endsAt?.getTime() ?? null,
    limitTotal: limit_total ?? null,
    limitPerUser: limit_per_user ?? null,
    reason,
  };
}

/** Throws Problem unknown-coupon. */
async function findCoupon(db: Queryable, couponId: number): Promise<Coupon> {
  const coupon = await getCoupon(db, couponId);
  if (coupon !== undefined) return coupon;
  throw new Problem('unknown-coupon', `Coupon ${couponId} does not exist.`, {
    errors: [fieldFault('id', couponId, 'the number of an existing coupon')],
  });
}
