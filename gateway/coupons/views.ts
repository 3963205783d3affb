/** Coupons, reservations, redemptions and refunds as shops see them. */
import { isoOfMs } from '../../engine/contract/api/instants.ts';
import { allowedTerms } from '../../engine/contract/coupons/restriction.ts';
import { termsJson } from '../../engine/contract/coupons/terms-json.ts';
import type { CodeNow } from '../../sql/statements/coupons/coupons.ts';
import type {
  CouponView,
  Redemption as RedemptionJson,
  RefundList,
  RefundMade,
  Reservation as ReservationJson,
} from './contract.ts';
import { type MadeRefund, type Redemption, stateAt } from './redemption.ts';

export function couponView({ code, holder, coupon, usedByHolder, now }: CodeNow): CouponView {
  const { couponId, campaignId, restriction, used } = coupon;
  const terms = allowedTerms(coupon.terms, restriction);
  const left = [
    terms.limitTotal === null ? Number.POSITIVE_INFINITY : terms.limitTotal - used,
    holder === null || terms.limitPerUser === null
      ? Number.POSITIVE_INFINITY
      : terms.limitPerUser - usedByHolder,
  ];
  const remaining = Math.max(0, Math.min(...left));
  const nowMs = now.getTime();
  const { validFromMs, validUntilMs } = terms;
  let state: CouponView['state'] = remaining === 0 ? 'used_up' : 'active';
  if (validFromMs !== null && nowMs < validFromMs) state = 'not_yet_valid';
  if (validUntilMs !== null && nowMs >= validUntilMs) state = 'no_longer_valid';
  if (restriction?.disabled === true) state = 'disabled';
  return {
    code,
    coupon: couponId,
    ...(campaignId === null ? {} : { campaign: campaignId }),
    ...(holder === null ? {} : { user: holder }),
    state,
    remaining: Number.isFinite(remaining) ? remaining : null,
    terms: termsJson(coupon.terms),
  };
}

/** How long the view stays valid without changes, in milliseconds: until a hold lapses, or the window begins or ends. */
export function shownUntilMs({ coupon: { terms, restriction }, now, nextLapse }: CodeNow): number {
  const { validFromMs, validUntilMs } = allowedTerms(terms, restriction);
  const instants = [validFromMs, validUntilMs, nextLapse?.getTime() ?? null].flatMap(
    instant => instant ?? [],
  );
  return Math.min(...instants.map(instant => instant - now.getTime()).filter(inMs => inMs > 0));
}

function pricedView({ userId, basket, pricing, uses }: Redemption) {
  const { discounts, lineTotals } = pricing;
  const takenOffShipping = discounts.reduce((sum, { shipping }) => sum + shipping, 0);
  return {
    user: userId,
    currency: basket.currency,
    subtotal: pricing.subtotal,
    lines: basket.lines.map(({ product, quantity, unitAmount }, index) => ({
      line: index + 1,
      product,
      quantity,
      unit_amount: unitAmount,
      subtotal: quantity * unitAmount,
      discounts: discounts.flatMap(({ code, lines }) => {
        const amount = lines[index] ?? 0;
        return amount === 0 ? [] : [{ code, amount }];
      }),
      total: lineTotals[index] ?? 0,
    })),
    shipping: { subtotal: basket.shipping, discount: takenOffShipping, total: pricing.shippingTotal },
    discounts: discounts.map(({ code, couponId, amount }) => ({
      code,
      coupon: couponId,
      amount,
      given_back: uses.some(use => use.couponId === couponId && use.givenBack),
    })),
    total: pricing.total,
  };
}

/** Undefined if it was redeemed without a hold. */
export function reservationView(redemption: Redemption, nowMs: number): ReservationJson | undefined {
  const { redemptionId, expiresAtMs } = redemption;
  if (expiresAtMs === null) return undefined;
  const state = stateAt(redemption, nowMs);
  const view = pricedView(redemption);
  const hasLapsed = state === 'lapsed';
  // A lapsed hold no longer counts, even if the ledger has not given its uses back yet.
  const discounts = view.discounts.map(each => ({ ...each, given_back: hasLapsed || each.given_back }));
  return { id: redemptionId, state, ...view, discounts, expires_at: isoOfMs(expiresAtMs) };
}

/** Undefined if it is not redeemed. */
export function redemptionView(redemption: Redemption, nowMs: number): RedemptionJson | undefined {
  const { redemptionId, redeemedAtMs, refunds } = redemption;
  const state = stateAt(redemption, nowMs);
  if (redeemedAtMs === null || state === 'held' || state === 'lapsed' || state === 'released')
    return undefined;
  return {
    id: redemptionId,
    state,
    ...pricedView(redemption),
    redeemed_at: isoOfMs(redeemedAtMs),
    refunds: refunds.map((refund, index) => refundView(refund, index + 1)),
  };
}

function refundView({ lines, shipping, amount, givenBack, refundedAtMs }: MadeRefund, number: number) {
  return {
    number,
    amount,
    lines: lines.map(line => ({ ...line })),
    ...(shipping === undefined ? {} : { shipping }),
    given_back: [...givenBack],
    refunded_at: isoOfMs(refundedAtMs),
  };
}

/** One refund of a redemption, by its number, with the state of the redemption after all refunds. */
export function refundMadeView(
  redemption: Redemption,
  number: number,
  nowMs: number,
): RefundMade | undefined {
  const made = redemption.refunds[number - 1];
  const view = redemptionView(redemption, nowMs);
  if (made === undefined || view === undefined) return undefined;
  return { redemption: redemption.redemptionId, state: view.state, ...refundView(made, number) };
}

export function refundListView(redemption: Redemption): RefundList {
  const { redemptionId, refunds } = redemption;
  return { redemption: redemptionId, refunds: refunds.map((refund, index) => refundView(refund, index + 1)) };
}
