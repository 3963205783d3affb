/** Creating, reading and changing the terms of coupons. */
import type { FastifyInstance } from 'fastify';
import { getCampaign } from '../../../sql/statements/campaigns/campaigns.ts';
import {
  type Coupon,
  type CouponOf,
  getCoupon,
  listCoupons,
} from '../../../sql/statements/coupons/coupons.ts';
import { unknownCampaign } from '../../campaigns/close.ts';
import { makeCoupon, readTermsOf, replaceTerms } from '../../campaigns/coupon-terms.ts';
import { fieldFault, invalidRequest, Problem } from '../../contract/api/problem.ts';
import { TermsBody, termsJson } from '../../contract/coupons/terms-json.ts';
import { type CouponJson, CouponPath, NewCouponBody } from '../contract/coupon-schemas.ts';
import { operations } from '../contract/operations.ts';
import { PageQuery, pageLimit } from '../contract/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { actorOf } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { addRoute } from '../http/routing.ts';

export function addCouponRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.createCoupon, async (request, reply) => {
    const body = readBody(NewCouponBody, request.body);
    const of = readOf(body);
    const terms = readTermsOf(body.terms, 'campaignId' in of ? 'grants' : 'anybody', 'terms');
    if ('campaignId' in of && (await getCampaign(deps.pool, of.campaignId)) === undefined) {
      throw unknownCampaign(of.campaignId);
    }
    const coupon = await makeCoupon(deps.pool, of, terms, actorOf(request));
    reply.code(201).header('location', `${operations.createCoupon.path}/${coupon.couponId}`);
    return couponJson(coupon);
  });

  addRoute(app, operations.listCoupons, async request => {
    const query = readParameters(PageQuery, request.query);
    const limit = pageLimit(query);
    const found = await listCoupons(deps.pool, { after: query.after ?? 0, limit: limit + 1 });
    const coupons = found.slice(0, limit).map(couponJson);
    return { coupons, next: found.length > limit ? (coupons.at(-1)?.id ?? null) : null };
  });

  addRoute(app, operations.getCoupon, async request => {
    const { id } = readParameters(CouponPath, request.params);
    return couponJson(await find(deps, id));
  });

  addRoute(app, operations.replaceTerms, async request => {
    const { id } = readParameters(CouponPath, request.params);
    const coupon = await find(deps, id);
    const whose = coupon.campaignId === null ? 'anybody' : 'grants';
    const terms = readTermsOf(readBody(TermsBody, request.body), whose, '');
    const changed = await replaceTerms(deps.pool, coupon, terms, actorOf(request));
    await deps.couponsChanged([id]).catch((error: unknown) => {
      // Copies expire by themselves, a second from now.
      deps.log.warn({ err: error, couponId: id }, 'cannot tell the gateways about changed terms');
    });
    return couponJson(changed);
  });
}

async function find(deps: ApiDeps, couponId: number): Promise<Coupon> {
  const coupon = await getCoupon(deps.pool, couponId);
  if (coupon !== undefined) return coupon;
  throw new Problem('unknown-coupon', `Coupon ${couponId} does not exist.`, {
    errors: [fieldFault('id', couponId, 'the number of an existing coupon')],
  });
}

function readOf({ campaign, code }: NewCouponBody): CouponOf {
  if (campaign !== undefined && code === undefined) return { campaignId: campaign };
  if (campaign === undefined && code !== undefined) return { code };
  throw invalidRequest([
    code === undefined
      ? fieldFault('campaign', undefined, 'the number of a campaign, or a code instead')
      : fieldFault('code', code, 'no value, as the campaign makes the codes'),
  ]);
}

function couponJson({ couponId, campaignId, code, terms, revision, used, createdAt }: Coupon): CouponJson {
  return {
    id: couponId,
    ...(campaignId === null ? {} : { campaign: campaignId }),
    ...(code === null ? {} : { code }),
    terms: termsJson(terms),
    revision,
    used,
    created_at: createdAt.toISOString(),
  };
}
