/** The operations for shops, with every answer they give; see ../http/openapi.ts. */
import type { ProblemSlug } from '../../engine/contract/api/problem.ts';
import type { Operation } from '../http/operation.ts';
import {
  CouponView,
  Redemption,
  RedemptionBody,
  RefundBody,
  RefundList,
  RefundMade,
  Reservation,
  ReservationBody,
  releasedExample,
} from './contract.ts';
import { changeProblems, invalidId, readProblems, usedUp } from './problem-examples.ts';

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
    id: 'getCoupon',
    method: 'get',
    path: '/v1/coupons/{code}',
    summary:
      'Read the terms of a code, from a copy that lags the ledger by tens of milliseconds and at most a second',
    ticket: false,
    shop: true,
    answers: { 200: CouponView },
    problems: [...SHOP, 'unknown-coupon'],
    problemExamples: readProblems,
  },
  {
    id: 'reserve',
    method: 'post',
    path: '/v1/reservations',
    summary:
      'Price a basket with its coupons and hold their uses for a while, all or none. 200 instead of 201 if ' +
      'the same request was made before under the same key: the answer then shows the current state.',
    ticket: false,
    shop: true,
    idempotencyKey: true,
    body: ReservationBody,
    answers: { 201: Reservation, 200: Reservation },
    problems: [...SHOP, ...WITH_BODY, 'blocked', 'coupon-refused'],
    problemExamples: changeProblems,
  },
  {
    id: 'getReservation',
    method: 'get',
    path: '/v1/reservations/{id}',
    summary: 'Read a reservation, also after it was redeemed, released or has lapsed',
    ticket: false,
    shop: true,
    answers: { 200: Reservation },
    problems: [...SHOP, ...ON_ID, 'unknown-reservation'],
    problemExamples: readProblems,
  },
  {
    id: 'release',
    method: 'delete',
    path: '/v1/reservations/{id}',
    summary: 'Release a reservation; its uses are returned at once. Retrying is safe.',
    ticket: false,
    shop: true,
    answers: { 200: Reservation },
    examples: { 200: releasedExample },
    problems: [...SHOP, ...ON_ID, 'unknown-reservation', 'already-redeemed'],
    problemExamples: { ...changeProblems, ...invalidId },
  },
  {
    id: 'redeem',
    method: 'post',
    path: '/v1/redemptions',
    summary: 'Redeem a reservation, or a basket at once. 200 as with reservations.',
    ticket: false,
    shop: true,
    idempotencyKey: true,
    body: RedemptionBody,
    answers: { 201: Redemption, 200: Redemption },
    problems: [
      ...SHOP,
      ...WITH_BODY,
      'blocked',
      'coupon-refused',
      'unknown-reservation',
      'reservation-over',
      'already-redeemed',
    ],
    problemExamples: { ...changeProblems, ...usedUp },
  },
  {
    id: 'getRedemption',
    method: 'get',
    path: '/v1/redemptions/{id}',
    summary: 'Read a redemption with its refunds',
    ticket: false,
    shop: true,
    answers: { 200: Redemption },
    problems: [...SHOP, ...ON_ID, 'unknown-redemption'],
    problemExamples: readProblems,
  },
  {
    id: 'refund',
    method: 'post',
    path: '/v1/redemptions/{id}/refunds',
    summary:
      'Refund all or a part. The use of a coupon is returned once everything it discounted is refunded. 200 as ' +
      'with reservations.',
    ticket: false,
    shop: true,
    idempotencyKey: true,
    body: RefundBody,
    answers: { 201: RefundMade, 200: RefundMade },
    problems: [...SHOP, ...WITH_BODY, 'unknown-redemption', 'nothing-to-refund'],
    problemExamples: changeProblems,
  },
  {
    id: 'listRefunds',
    method: 'get',
    path: '/v1/redemptions/{id}/refunds',
    summary: 'List the refunds of a redemption',
    ticket: false,
    shop: true,
    answers: { 200: RefundList },
    problems: [...SHOP, ...ON_ID, 'unknown-redemption'],
    problemExamples: readProblems,
  },
];
