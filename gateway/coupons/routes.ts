/**
 * Coupon operations for shops' servers: POST, GET and DELETE of reservations, redemptions and refunds, and GET of codes.
 * README.md beside this file describes how they work together.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { createHash } from 'node:crypto';
import { type FieldFault, faultsText, fieldFault } from '../../engine/contract/api/problem.ts';
import { readRedemptions } from '../../sql/statements/coupons/redemptions.ts';
import type { Ledger } from '../cold/ledger.ts';
import { refuseUnavailable } from '../cold/unavailable.ts';
import type { GatewayConfig } from '../config.ts';
import { SOON } from '../entry/entry-answers.ts';
import { readJsonBody } from '../http/body.ts';
import { ANSWERED, type Answered, type Reply } from '../http/reply.ts';
import { type Head, hasBody, type RefusalParts, refuseInvalid } from '../http/requests.ts';
import { authenticateShop, type ShopParts } from '../shops/authenticate.ts';
import { mayUse, type ShopCaller, scopedKey } from '../shops/caller.ts';
import { type Read, readRedemption, readRedemptionId, readRefund, readReservation } from './input.ts';
import type { CouponReads } from './reads.ts';
import { fromRow, mayTouch, type Redemption } from './redemption.ts';
import { BatcherOverloaded, type RedemptionAnswer, type RedemptionBatcher } from './redemption-batcher.ts';
import type { RedemptionRequest } from './transaction.ts';
import { redemptionView, refundListView, refundMadeView, reservationView } from './views.ts';

/** To reserve, redeem, refund and release. */
export interface RedemptionParts extends ShopParts {
  readonly config: Pick<GatewayConfig, 'BODY_TIMEOUT_MS' | 'MAX_BASKET_BYTES'>;
  readonly redemptionBatcher: Pick<RedemptionBatcher, 'ask'>;
}

/** To read reservations, redemptions and refunds. */
export interface RedemptionReadParts extends ShopParts {
  readonly ledger: Pick<Ledger, 'ask'>;
}

/** To read the terms of a code. */
export interface CodeParts extends ShopParts {
  readonly couponReads: Pick<CouponReads, 'held' | 'read'>;
}

const NO_STORE = { 'cache-control': 'no-store' };
const MAX_KEY_CHARACTERS = 255;
/** Begin a sentence. */
const NAMES = { reservation: 'Reservation', redemption: 'Redemption' } as const;
type Wanted = RedemptionRequest['wanted'];

/** POST /v1/reservations. */
export function postReservation(
  parts: RedemptionParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
) {
  return post(parts, reply, req, head, readReservation, (redemption, { nowMs }) =>
    reservationView(redemption, nowMs),
  );
}

/** POST /v1/redemptions. */
export function postRedemption(parts: RedemptionParts, reply: Reply, req: HttpRequest, head: Readonly<Head>) {
  return post(parts, reply, req, head, readRedemption, (redemption, { nowMs }) =>
    redemptionView(redemption, nowMs),
  );
}

/** POST /v1/redemptions/{id}/refunds. */
export async function postRefund(
  parts: RedemptionParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
): Promise<void> {
  const text = req.getParameter(0) ?? '';
  const read = (body: unknown): Read<Wanted> => {
    const redemptionId = readRedemptionId(text);
    const wanted = readRefund(body);
    const faults = [
      ...(redemptionId === undefined ? [idFault(text)] : []),
      ...('faults' in wanted ? wanted.faults : []),
    ];
    if (redemptionId === undefined || 'faults' in wanted) return { faults };
    return { value: { kind: 'refund', redemptionId, refund: wanted.value } };
  };
  await post(parts, reply, req, head, read, (redemption, { nowMs, refundNumber }) =>
    refundMadeView(redemption, refundNumber ?? redemption.refunds.length, nowMs),
  );
}

/** DELETE /v1/reservations/{id}. */
export async function deleteReservation(
  parts: RedemptionParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
): Promise<void> {
  const text = req.getParameter(0) ?? '';
  const caller = await authenticateShop(parts, reply, head.authorization);
  if (caller === ANSWERED) return;
  const redemptionId = readRedemptionId(text);
  if (redemptionId === undefined) return void refuseInvalid(parts, reply, [idFault(text)]);
  const wanted = { kind: 'release', redemptionId } as const;
  const answer = await ask(parts, reply, { caller, request: undefined, wanted });
  if (answer === ANSWERED) return;
  const view = reservationView(answer.redemption, answer.nowMs);
  reply.notStored(JSON.stringify(view));
}

/** GET /v1/reservations/{id}. */
export function getReservation(
  parts: RedemptionReadParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
) {
  return get(parts, reply, req, head, 'reservation', reservationView);
}

/** GET /v1/redemptions/{id}. */
export function getRedemption(
  parts: RedemptionReadParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
) {
  return get(parts, reply, req, head, 'redemption', redemptionView);
}

/** GET /v1/redemptions/{id}/refunds. */
export function listRefunds(
  parts: RedemptionReadParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
) {
  return get(parts, reply, req, head, 'redemption', redemption =>
    redemption.redeemedAtMs === null ? undefined : refundListView(redemption),
  );
}

/** GET /v1/coupons/{code}. */
export function getCoupon(
  parts: CodeParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
): void | Promise<void> {
  const code = req.getParameter(0) ?? '';
  const caller = authenticateShop(parts, reply, head.authorization);
  if (caller === ANSWERED) return;
  const shown = parts.couponReads.held(code);
  if (shown === undefined || caller instanceof Promise || !mayUse(caller, shown.shop))
    return loadCoupon(parts, reply, code, caller);
  reply.notStored(shown.body);
}

async function loadCoupon(
  parts: CodeParts,
  reply: Reply,
  code: string,
  authenticated: ShopCaller | Promise<ShopCaller | Answered>,
): Promise<void> {
  const caller = await authenticated;
  if (caller === ANSWERED) return;
  try {
    const shown = await parts.couponReads.read(code);
    if (shown !== undefined && mayUse(caller, shown.shop)) return reply.notStored(shown.body);
    parts.metrics.refuse('coupon');
    const fault = fieldFault('code', code, 'the code of an existing coupon, claimed if claims are required');
    reply.problem('unknown-coupon', `Coupon ${fault.value} does not exist.`, {
      members: { errors: [fault] },
    });
  } catch (error) {
    refuseUnanswered(parts, reply, error);
  }
}

interface Done {
  readonly nowMs: number;
  readonly redemption: Redemption;
  readonly isNew: boolean;
  readonly refundNumber: number | undefined;
}

/** Reads everything from `req` and `head` before the first await. */
async function post(
  parts: RedemptionParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
  read: (body: unknown) => Read<Wanted>,
  view: (redemption: Redemption, answered: Done) => object | undefined,
): Promise<void> {
  const authenticated = authenticateShop(parts, reply, head.authorization);
  if (authenticated === ANSWERED) return;
  const key = req.getHeader('idempotency-key');
  const path = req.getUrl();
  if (!hasBody(head)) {
    return void refuseInvalid(parts, reply, [
      fieldFault('body', undefined, 'a JSON object, which may be empty'),
    ]);
  }
  // Both at once: the server delivers a body only to a handler that asks for it before it returns.
  const [caller, body] = await Promise.all([
    authenticated,
    readJsonBody(parts, reply, head, parts.config.MAX_BASKET_BYTES),
  ]);
  if (caller === ANSWERED || body === ANSWERED) return;
  const wanted = read(body.value);
  const faults = 'faults' in wanted ? [...wanted.faults] : [];
  if (key === '' || key.length > MAX_KEY_CHARACTERS || !/^[!-~]+$/.test(key)) {
    const expected = `1 to ${MAX_KEY_CHARACTERS} printable characters without spaces, new for each new request`;
    faults.push(fieldFault('idempotency-key', key === '' ? undefined : key, expected));
  }
  if (faults.length > 0 || 'faults' in wanted) return void refuseInvalid(parts, reply, faults);
  // The parsed value, not the bytes: a retry may differ in white space.
  const hash = createHash('sha256')
    .update(`${path}\n${JSON.stringify(body.value)}`)
    .digest();
  const request = { key: scopedKey(caller, key), hash };
  const answer = await ask(parts, reply, { caller, request, wanted: wanted.value });
  if (answer === ANSWERED) return;
  const shown = view(answer.redemption, answer);
  reply.json(answer.isNew ? 201 : 200, JSON.stringify(shown), NO_STORE);
}

async function get(
  parts: RedemptionReadParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
  what: 'reservation' | 'redemption',
  view: (redemption: Redemption, nowMs: number) => object | undefined,
): Promise<void> {
  const text = req.getParameter(0) ?? '';
  const caller = await authenticateShop(parts, reply, head.authorization);
  if (caller === ANSWERED) return;
  const id = readRedemptionId(text);
  if (id === undefined) return void refuseInvalid(parts, reply, [idFault(text)]);
  try {
    const { nowMs, rows } = await parts.ledger.ask(db => readRedemptions(db, [id]));
    const row = rows.get(id);
    const redemption = row && fromRow(row);
    const shown = redemption && mayTouch(caller, redemption) ? view(redemption, nowMs) : undefined;
    if (shown !== undefined) return reply.notStored(JSON.stringify(shown));
    parts.metrics.refuse('coupon');
    const fault = fieldFault('id', id, `the id of an existing ${what}`);
    reply.problem(`unknown-${what}`, `${NAMES[what]} ${id} does not exist.`, {
      members: { errors: [fault] },
    });
  } catch (error) {
    refuseUnanswered(parts, reply, error);
  }
}

/** Has the request decided; answers the reason if it was not done. */
async function ask(
  parts: Pick<RedemptionParts, 'redemptionBatcher' | 'metrics'>,
  reply: Reply,
  request: RedemptionRequest,
): Promise<(RedemptionAnswer & { state: 'done' }) | Answered> {
  let answer: RedemptionAnswer;
  try {
    answer = await parts.redemptionBatcher.ask(request);
  } catch (error) {
    return refuseUnanswered(parts, reply, error);
  }
  if (answer.state === 'done') return answer;
  parts.metrics.refuse('coupon');
  if (answer.state === 'problem') {
    const { slug, detail, fault } = answer;
    return reply.problem(slug, detail, { members: { errors: [fault] } });
  }
  if (answer.state === 'nothing left') {
    const errors = answer.faults.map(({ field, value, expected }) => fieldFault(field, value, expected));
    return reply.problem('nothing-to-refund', `Nothing was refunded: ${faultsText(errors)}.`, {
      members: { errors },
    });
  }
  const { refusals } = answer;
  const codes = request.wanted.kind === 'use' ? request.wanted.codes : [];
  const errors = refusals.map(({ code, expected }) =>
    fieldFault(codes.includes(code) ? `codes[${codes.indexOf(code)}]` : 'reservation', code, expected),
  );
  const reasons = refusals.map(({ code, reason }) => ({ code, reason }));
  return reply.problem('coupon-refused', `No coupon was used: ${faultsText(errors)}.`, {
    members: { errors, reasons },
  });
}

function idFault(text: string): FieldFault {
  return fieldFault('id', text, 'the id of a reservation or redemption, a whole number from 1');
}

function refuseUnanswered(parts: RefusalParts, reply: Reply, error: unknown): Answered {
  if (error instanceof BatcherOverloaded) {
    parts.metrics.refuse('waiting');
    return reply.problem('overloaded', 'Too many coupon requests are waiting. Retrying is safe.', {
      headers: SOON,
    });
  }
  const detail = 'Coupons cannot be used right now. Retrying under the same key is safe.';
  return refuseUnavailable(parts, reply, error, detail);
}
