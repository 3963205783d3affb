/** Coupons as requests and answers show them. */
import type { Coupon, CouponOf } from '../../../../sql/statements/coupons/coupons.ts';
import { restrictionJson } from '../../../campaigns/coupons/coupon-restriction.ts';
import { readTermsOf } from '../../../campaigns/coupons/coupon-terms.ts';
import type { Versioned } from '../../../campaigns/precondition.ts';
import { fieldFault, invalidRequest } from '../../../contract/api/problem.ts';
import type { Terms } from '../../../contract/coupons/terms.ts';
import { termsJson } from '../../../contract/coupons/terms-json.ts';
import { type CouponJson, NewCouponBody, ReplacedTermsBody } from '../../contract/coupons/coupon-schemas.ts';
import { readBody } from '../../http/input.ts';

export interface NewCoupon {
  readonly of: CouponOf;
  readonly terms: Terms;
  readonly reason: string | null;
}

/** Throws Problem invalid-request. */
export function readNewCoupon(body: unknown): NewCoupon {
  const read = readBody(NewCouponBody, body);
  const of = readOf(read);
  const terms = readTermsOf(read.terms, 'campaignId' in of ? 'grants' : 'anybody', 'terms');
  return { of, terms, reason: read.reason ?? null };
}

/** Throws Problem invalid-request. */
export function readReplacedTerms(
  body: unknown,
  { campaignId }: Pick<Coupon, 'campaignId'>,
): Pick<NewCoupon, 'terms' | 'reason'> {
  const { reason = null, ...members } = readBody(ReplacedTermsBody, body);
  return { terms: readTermsOf(members, campaignId === null ? 'anybody' : 'grants', ''), reason };
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
export function versionOf({ revision }: Coupon): Versioned {
  return { version: revision };
}

export function couponJson(coupon: Coupon): CouponJson {
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
