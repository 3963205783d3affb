/** Operations on coupons. */
import { fieldFault } from '../../../contract/api/problem.ts';
import { ETAG, json, ON_CAMPAIGN, type Operation, SECURED, shownBy, WITH_BODY } from '../operation.ts';
import { changedSince, conflict, unknownCampaignIn } from '../problem-examples.ts';
import { PROPOSED } from '../proposals/proposal-operations.ts';
import { MatchHeaders } from '../schedule-schemas.ts';
import { PageQuery } from '../schemas.ts';
import {
  CouponJson,
  CouponPage,
  CouponPath,
  NewCouponBody,
  ReplacedTermsBody,
  RestrictionBody,
  restrictedExample,
} from './coupon-schemas.ts';
import { RedemptionPage, RedemptionsQuery } from './redemption-schemas.ts';

export const couponOperations = {
  createCoupon: {
    method: 'POST',
    path: '/v1/coupons',
    summary:
      'Set the terms of the codes of a campaign, before it grants the first; or create a code that anybody may use',
    body: NewCouponBody,
    answer: json(201, 'Created', CouponJson, { location: 'The URL of the coupon', ...ETAG }),
    proposedAnswer: PROPOSED,
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'conflict'],
    problemExamples: {
      ...unknownCampaignIn('campaign'),
      conflict: {
        detail: 'A coupon with the code SPRING-20 already exists.',
        errors: [fieldFault('code', 'SPRING-20', 'a code that does not exist yet')],
      },
    },
  },
  listCoupons: {
    method: 'GET',
    path: '/v1/coupons',
    summary: 'List coupons by id, a page at a time',
    query: PageQuery,
    answer: json(200, 'A page', CouponPage),
    problems: SECURED,
  },
  getCoupon: {
    method: 'GET',
    path: '/v1/coupons/{id}',
    summary: 'Read a coupon',
    parameters: CouponPath,
    answer: json(200, 'The coupon', CouponJson, ETAG),
    problems: [...SECURED, 'unknown-coupon'],
  },
  replaceTerms: {
    method: 'PUT',
    path: '/v1/coupons/{id}/terms',
    summary: 'Replace the terms of a coupon, while nobody holds one',
    parameters: CouponPath,
    headers: MatchHeaders,
    body: ReplacedTermsBody,
    answer: json(200, 'Changed', CouponJson, ETAG),
    proposedAnswer: PROPOSED,
    problems: [
      ...[...SECURED, ...WITH_BODY, 'unknown-coupon', 'conflict'],
      ...['precondition-required', 'precondition-failed'],
    ],
    problemExamples: {
      ...conflict('The coupon SPRING-20 has holders: its terms cannot change.'),
      ...changedSince('Coupon 2'),
    },
  },
  restrictCoupon: {
    method: 'PUT',
    path: '/v1/coupons/{id}/restriction',
    summary:
      'Disable a coupon, end it or lower its limits, also while it is in use; or lift that. Shops cannot use it beyond ' +
      'the restriction from the moment of the answer on. What is redeemed stays redeemed.',
    parameters: CouponPath,
    headers: MatchHeaders,
    body: RestrictionBody,
    answer: shownBy(json(200, 'Restricted', CouponJson, ETAG), restrictedExample),
    problems: [
      ...[...SECURED, ...WITH_BODY, 'unknown-coupon'],
      ...['precondition-required', 'precondition-failed'],
    ],
    problemExamples: changedSince('Coupon 2'),
  },
  listRedemptions: {
    method: 'GET',
    path: '/v1/redemptions',
    summary:
      'List redemptions and reservations by id, a page at a time: all, or those of a user, a code or a coupon. A look-up by ' +
      'user or code is in the operator log, without them.',
    query: RedemptionsQuery,
    answer: json(200, 'A page', RedemptionPage),
    problems: SECURED,
  },
} as const satisfies Readonly<Record<string, Operation>>;
