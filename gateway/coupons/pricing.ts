/**
 * Prices a basket with its coupons: a pure function. README.md states its rules in prose; the test compares it with a model
 * that was written from those rules alone.
 *
 * Coupons are applied one after another, each to what the earlier ones have left. A percentage is rounded once, half up, for
 * the whole basket; each discount is then divided over the lines in its scope, so that these always sum to it.
 */

import { isoOfMs } from '../../engine/contract/api/instants.ts';
import { firstConflict } from '../../engine/contract/coupons/stacking.ts';
import { type Terms, WHOLE_BASIS_POINTS } from '../../engine/contract/coupons/terms.ts';
import { allocate } from './allocate.ts';

export interface BasketLine {
  readonly product: string;
  readonly categories: readonly string[];
  readonly quantity: number;
  /** The price of one. */
  readonly unitAmount: number;
}

export interface Basket {
  /** ISO 4217, of all amounts in the basket. */
  readonly currency: string;
  /** Their amounts sum to at most MAX_AMOUNT, including shipping. */
  readonly lines: readonly BasketLine[];
  readonly shipping: number;
}

/** A coupon on a basket. */
export interface PricedCoupon {
  readonly code: string;
  /** Of two with the same stack order, the one with the lesser id is applied first. */
  readonly couponId: number;
  readonly terms: Terms;
}

/** The discount of one coupon. */
export interface AppliedDiscount {
  readonly code: string;
  readonly couponId: number;
  /** The total; `lines` (by index) and `shipping` are its parts. */
  readonly amount: number;
  readonly lines: readonly number[];
  readonly shipping: number;
}

export interface Pricing {
  readonly subtotal: number;
  /** In order of application. */
  readonly discounts: readonly AppliedDiscount[];
  /** What each line costs after all discounts, and the shipping. */
  readonly lineTotals: readonly number[];
  readonly shippingTotal: number;
  readonly total: number;
}

/** Why a coupon cannot be used on a basket. */
export type CouponRefusalReason =
  | 'unknown'
  | 'another_user'
  | 'disabled'
  | 'not_yet_valid'
  | 'no_longer_valid'
  | 'currency'
  | 'below_minimum'
  | 'out_of_scope'
  | 'takes_nothing_off'
  | 'not_stackable'
  | 'used_up'
  | 'used_up_by_user';

export interface CouponRefusal {
  readonly code: string;
  readonly reason: CouponRefusalReason;
  /** For humans. */
  readonly expected: string;
}

export type Priced =
  | { readonly ok: true; readonly pricing: Pricing }
  | { readonly ok: false; readonly refusals: readonly CouponRefusal[] };

/** Prices a basket at an instant. Refuses the whole basket if any of its coupons cannot be used. */
export function price(basket: Basket, coupons: readonly PricedCoupon[], nowMs: number): Priced {
  const goods = basket.lines.map(line => line.quantity * line.unitAmount);
  const subtotal = sumOf(goods);
  const refusals = coupons.flatMap(coupon => refusalOf(basket, subtotal, coupon, nowMs) ?? []);
  const conflict = conflictOf(coupons);
  if (conflict !== undefined) refusals.push(conflict);
  if (refusals.length > 0) return { ok: false, refusals };
  const inOrder = [...coupons].sort(
    (a, b) => a.terms.stackOrder - b.terms.stackOrder || a.couponId - b.couponId,
  );
  const left = { lines: goods, shipping: basket.shipping, mayGo: capOf(subtotal, coupons) };
  const discounts: AppliedDiscount[] = [];
  for (const coupon of inOrder) {
    const discount = discountOf(basket, coupon, left);
    if (discount.amount === 0) {
      const expected = 'a basket that it still discounts beside the other coupons';
      refusals.push({ code: coupon.code, reason: 'takes_nothing_off', expected });
      continue;
    }
    discounts.push(discount);
    left.lines = left.lines.map((amount, index) => amount - (discount.lines[index] ?? 0));
    left.shipping -= discount.shipping;
    left.mayGo -= sumOf(discount.lines);
  }
  if (refusals.length > 0) return { ok: false, refusals };
  return {
    ok: true,
    pricing: {
      subtotal,
      discounts,
      lineTotals: left.lines,
      shippingTotal: left.shipping,
      total: sumOf(left.lines) + left.shipping,
    },
  };
}

function refusalOf(
  basket: Basket,
  subtotal: number,
  { code, terms }: PricedCoupon,
  nowMs: number,
): CouponRefusal | undefined {
  const refuse = (reason: CouponRefusalReason, expected: string): CouponRefusal => ({
    code,
    reason,
    expected,
  });
  const { validFromMs, validUntilMs, currency, minimumBasket } = terms;
  if (validFromMs !== null && nowMs < validFromMs) {
    return refuse('not_yet_valid', `a use at or after ${isoOfMs(validFromMs)}`);
  }
  if (validUntilMs !== null && nowMs >= validUntilMs) {
    return refuse('no_longer_valid', `a use before ${isoOfMs(validUntilMs)}`);
  }
  if (currency !== null && currency !== basket.currency) {
    return refuse('currency', `a basket in ${currency}, not in ${basket.currency}`);
  }
  if (minimumBasket !== null && subtotal < minimumBasket) {
    return refuse('below_minimum', `goods worth at least ${minimumBasket} ${currency}, not ${subtotal}`);
  }
  if (!basket.lines.some(line => isInScope(terms, line))) {
    return refuse('out_of_scope', 'a line with one of its products or categories');
  }
  return undefined;
}

function conflictOf(coupons: readonly PricedCoupon[]): CouponRefusal | undefined {
  const conflict = firstConflict(coupons.map(coupon => coupon.terms));
  if (conflict === undefined) return undefined;
  const [first, second] = conflict.map(index => coupons[index]?.code ?? '');
  return { code: second ?? '', reason: 'not_stackable', expected: `a basket without ${first}` };
}

function isInScope({ products, categories }: Terms, line: BasketLine): boolean {
  if (products === null && categories === null) return true;
  return (
    products?.includes(line.product) === true ||
    categories?.some(category => line.categories.includes(category)) === true
  );
}

/** How much all coupons together may take off the goods: the least of their caps, rounded down. */
function capOf(subtotal: number, coupons: readonly PricedCoupon[]): number {
  const caps = coupons.map(({ terms }) => terms.stackCapBasisPoints ?? WHOLE_BASIS_POINTS);
  return Math.floor((subtotal * Math.min(WHOLE_BASIS_POINTS, ...caps)) / WHOLE_BASIS_POINTS);
}

function discountOf(
  basket: Basket,
  { code, couponId, terms }: PricedCoupon,
  left: { readonly lines: readonly number[]; readonly shipping: number; readonly mayGo: number },
): AppliedDiscount {
  if (terms.discount.kind === 'free_shipping') {
    const none = left.lines.map(() => 0);
    return { code, couponId, amount: left.shipping, lines: none, shipping: left.shipping };
  }
  const weights = left.lines.map((amount, index) => {
    const line = basket.lines[index];
    return line !== undefined && isInScope(terms, line) ? amount : 0;
  });
  const base = sumOf(weights);
  const amount = Math.min(rawDiscount(terms.discount, base), base, left.mayGo);
  return { code, couponId, amount, lines: allocate(amount, weights), shipping: 0 };
}

function rawDiscount(discount: Exclude<Terms['discount'], { kind: 'free_shipping' }>, base: number): number {
  if (discount.kind === 'fixed') return discount.amount;
  // Half up. The product is exact: see MAX_AMOUNT.
  const share = Math.floor((base * discount.basisPoints + WHOLE_BASIS_POINTS / 2) / WHOLE_BASIS_POINTS);
  return Math.min(share, discount.most ?? share);
}

function sumOf(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0);
}
