/** Creating, reading and changing the terms of coupons. */
import type { FastifyInstance } from 'fastify';
import type { Queryable } from '../../../sql/database.ts';
import type { Restriction } from '../../../sql/statements/coupons/coupon-terms.ts';
import {
  type Coupon,
  type CouponOf,
  getCoupon,
  listCoupons,
} from '../../../sql/statements/coupons/coupons.ts';
import { restrict, restrictionJson } from '../../campaigns/coupons/coupon-restriction.ts';
import { couponName, makeCoupon, readTermsOf, replaceTerms } from '../../campaigns/coupons/coupon-terms.ts';
import { findCampaign } from '../../campaigns/find-campaign.ts';
import type { Versioned } from '../../campaigns/precondition.ts';
import { type FieldFault, fieldFault, invalidRequest, Problem } from '../../contract/api/problem.ts';
import { termsJson } from '../../contract/coupons/terms-json.ts';
import {
  type CouponJson,
  CouponPath,
  NewCouponBody,
  ReplacedTermsBody,
  RestrictionBody,
} from '../contract/coupons/coupon-schemas.ts';
import { operations } from '../contract/operations.ts';
import { PageQuery } from '../contract/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { addToLine } from '../http/acts.ts';
import { actorOf } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { readPage } from '../http/pages.ts';
import { requireMatch, withEtag } from '../http/preconditions.ts';
import { addRoute } from '../http/routing.ts';
import { readTime } from './times.ts';

export function addCouponRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.createCoupon, async (request, reply) => {
    const body = readBody(NewCouponBody, request.body);
    const of = readOf(body);
    const terms = readTermsOf(body.terms, 'campaignId' in of ? 'grants' : 'anybody', 'terms');
    if ('campaignId' in of) await findCampaign(deps.pool, of.campaignId, 'campaign');
    const coupon = await makeCoupon(deps.pool, of, terms, {
      actor: actorOf(request),
      reason: body.reason ?? null,
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
    const whose = coupon.campaignId === null ? 'anybody' : 'grants';
    const { reason = null, ...body } = readBody(ReplacedTermsBody, request.body);
    const terms = readTermsOf(body, whose, '');
    const version = requireMatch(request, versionOf(coupon), couponName(id));
    const changed = await replaceTerms(deps.pool, coupon, terms, version, {
      actor: actorOf(request),
      reason,
    });
    await tellChanged(deps, id);
    withEtag(reply, versionOf(changed));
    return couponJson(changed);
  });

  addRoute(app, operations.restrictCoupon, async (request, reply) => {
    const { id } = readParameters(CouponPath, request.params);
    const body = readBody(RestrictionBody, request.body);
    const coupon = await findCoupon(deps.pool, id);
    const version = requireMatch(request, versionOf(coupon), couponName(id));
    const changed = await restrict(deps.pool, id, readRestriction(body), version, actorOf(request));
    await tellChanged(deps, id);
    withEtag(reply, versionOf(changed));
    return couponJson(changed);
  });
}

async function tellChanged(deps: ApiDeps, couponId: number): Promise<void> {
  await deps.couponsChanged([couponId]).catch((error: unknown) => {
    // Copies expire by themselves, a second from now.
    deps.log.warn({ err: error, couponId }, 'cannot tell the gateways about a changed coupon');
  });
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

function readOf({ campaign, code, shop }: NewCouponBody): CouponOf {
  if (campaign !== undefined && code === undefined) {
    if (shop === undefined) return { campaignId: campaign };
    throw invalidRequest([fieldFault('shop', shop, 'no value, as the campaign says whose its codes are')]);
  }
  if (campaign === undefined && code !== undefined) return { code, shop: shop ?? null };
  throw invalidRequest([
    code === undefined
      ? fieldFault('campaign', undefined, 'the number of a campaign, or a code instead')
      : fieldFault('code', code, 'no value, as the campaign makes the codes'),
  ]);
}

/** Of terms and restriction: uses of the coupon do not change it. */
function versionOf({ revision }: Coupon): Versioned {
  return { version: revision };
}

function couponJson(coupon: Coupon): CouponJson {
  const { couponId, campaignId, code, shop, terms, restriction, used, createdAt } = coupon;
  return {
    id: couponId,
    ...(campaignId === null ? {} : { campaign: campaignId }),
    ...(code === null ? {} : { code }),
    ...(shop === null ? {} : { shop }),
    terms: termsJson(terms),
    restriction: restriction && restrictionJson(restriction),
    ...versionOf(coupon),
    used,
    created_at: createdAt.toISOString(),
  };
}
