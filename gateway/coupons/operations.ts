/** The operations for shops, with every answer they give; see ../openapi.ts. */
import type { ProblemSlug } from '../../engine/contract/problem.ts';
import type { Operation } from '../operation.ts';
import {
  CouponView,
  Redemption,
  RedemptionBody,
  RefundBody,
  RefundList,
  RefundMade,
  Reservation,
  ReservationBody,
} from './contract.ts';

const SHOP = ['unauthenticated', 'not-configured', 'unavailable'] as const satisfies readonly ProblemSlug[];
const WITH_BODY = [
  'invalid-request',
  'request-timeout',
  'payload-too-large',
  'unsupported-media-type',
  'idempotency-key-reused',
] as const satisfies readonly ProblemSlug[];
const ON_ID = ['invalid-request'] as const satisfies readonly ProblemSlug[];

export const couponOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/coupons/{code}',
    summary:
      'What a code is good for, from a copy that is a few tens of milliseconds behind the ledger, and a second at the most',
    ticket: false,
    shop: true,
    answers: { 200: CouponView },
    problems: [...SHOP, 'unknown-coupon'],
  },
  {
    method: 'post',
    path: '/v1/reservations',
    summary:
      'Price a basket with its coupons and hold their uses for a while; all of them or none. 200 in place of 201 where ' +
      'the same was asked under the same key before: then it is shown as it is now.',
    ticket: false,
    shop: true,
    idempotencyKey: true,
    body: ReservationBody,
    answers: { 201: Reservation, 200: Reservation },
    problems: [...SHOP, ...WITH_BODY, 'coupon-refused'],
  },
  {
    method: 'get',
    path: '/v1/reservations/{id}',
    summary: 'A reservation, also after it was redeemed, released, or has lapsed',
    ticket: false,
    shop: true,
    answers: { 200: Reservation },
    problems: [...SHOP, ...ON_ID, 'unknown-reservation'],
  },
  {
    method: 'delete',
    path: '/v1/reservations/{id}',
    summary: 'Release what is held; its uses are given back at once. Safe to ask again.',
    ticket: false,
    shop: true,
    answers: { 200: Reservation },
    problems: [...SHOP, ...ON_ID, 'unknown-reservation', 'already-redeemed'],
  },
  {
    method: 'post',
    path: '/v1/redemptions',
    summary: 'Redeem what a reservation holds, or a basket at once. 200 as with reservations.',
    ticket: false,
    shop: true,
    idempotencyKey: true,
    body: RedemptionBody,
    answers: { 201: Redemption, 200: Redemption },
    problems: [
      ...SHOP,
      ...WITH_BODY,
      'coupon-refused',
      'unknown-reservation',
      'reservation-over',
      'already-redeemed',
    ],
  },
  {
    method: 'get',
    path: '/v1/redemptions/{id}',
    summary: 'A redemption with its refunds',
    ticket: false,
    shop: true,
    answers: { 200: Redemption },
    problems: [...SHOP, ...ON_ID, 'unknown-redemption'],
  },
  {
    method: 'post',
    path: '/v1/redemptions/{id}/refunds',
    summary:
      'Refund all or a part. The use of a coupon is given back when all has gone back that it took something off. 200 as ' +
      'with reservations.',
    ticket: false,
    shop: true,
    idempotencyKey: true,
    body: RefundBody,
    answers: { 201: RefundMade, 200: RefundMade },
    problems: [...SHOP, ...WITH_BODY, 'unknown-redemption', 'nothing-to-refund'],
  },
  {
    method: 'get',
    path: '/v1/redemptions/{id}/refunds',
    summary: 'The refunds of a redemption',
    ticket: false,
    shop: true,
    answers: { 200: RefundList },
    problems: [...SHOP, ...ON_ID, 'unknown-redemption'],
  },
];
