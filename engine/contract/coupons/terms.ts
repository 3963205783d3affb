/**
 * The terms of use of a coupon, as shared by engine, gateway and ledger. Amounts are whole numbers of the currency's minor unit
 * (cents), shares are in basis points (1/100 of a percent), instants are milliseconds since the epoch.
 */
import type { Terms } from '../../../sql/statements/coupons/coupon-terms.ts';
import { isoOfMs } from '../api/instants.ts';

/**
 * 9 thousand million of a currency with two decimals. Below it every product of an amount and 10,000 is exact (less than 2^53).
 */
export const MAX_AMOUNT = 900_000_000_000;
export const WHOLE_BASIS_POINTS = 10_000;
export const MAX_LIMIT = 1_000_000_000;
export const MAX_SCOPE_ITEMS = 100;
export const MAX_STACK_CLASSES = 20;
export const MAX_STACK_ORDER = 1_000;

export const DISCOUNTS = ['percentage', 'fixed', 'free_shipping'] as const;

export type { Discount, Stacking, Terms } from '../../../sql/statements/coupons/coupon-terms.ts';

const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** Whether it is a currency code of ISO 4217, according to the Unicode data in node. */
export function isCurrency(code: string): boolean {
  return CURRENCIES.has(code);
}

/** A rule that contradicts another rule of the same terms. */
export interface Contradiction {
  /** The member's name in the operator's API. */
  readonly field: string;
  readonly value: unknown;
  readonly expected: string;
}

/** The contradictions within these terms; empty if there are none. */
export function contradictionsIn(terms: Terms): readonly Contradiction[] {
  return [...amountContradictions(terms), ...windowContradictions(terms), ...stackingContradictions(terms)];
}

function amountContradictions({ discount, currency, minimumBasket }: Terms): Contradiction[] {
  const named =
    discount.kind === 'fixed' ||
    (discount.kind === 'percentage' && discount.most !== null) ||
    minimumBasket !== null;
  if (named && currency === null) {
    return [{ field: 'currency', value: undefined, expected: 'the ISO 4217 currency of the amounts' }];
  }
  if (!named && currency !== null) {
    return [{ field: 'currency', value: currency, expected: 'no value, as there is no amount' }];
  }
  return [];
}

function windowContradictions({
  validFromMs,
  validUntilMs,
  limitTotal,
  limitPerUser,
}: Terms): Contradiction[] {
  const found: Contradiction[] = [];
  if (validFromMs !== null && validUntilMs !== null && validUntilMs <= validFromMs) {
    const expected = `a time after valid_from, ${isoOfMs(validFromMs)}`;
    found.push({ field: 'valid_until', value: isoOfMs(validUntilMs), expected });
  }
  if (limitTotal !== null && limitPerUser !== null && limitPerUser > limitTotal) {
    const expected = `at most limit_total, ${limitTotal}`;
    found.push({ field: 'limit_per_user', value: limitPerUser, expected });
  }
  return found;
}

function stackingContradictions(terms: Terms): Contradiction[] {
  const { exclusive, stackableWith, stackCapBasisPoints: cap, discount } = terms;
  const found: Contradiction[] = [];
  if (exclusive && stackableWith !== null) {
    found.push({ field: 'stackable_with', value: stackableWith, expected: 'no value, as it is exclusive' });
  }
  if (!exclusive && stackableWith?.length === 0) {
    found.push({ field: 'stackable_with', value: [], expected: 'at least one class, or exclusive: true' });
  }
  if (exclusive && cap !== null) {
    const expected = 'no value, as an exclusive coupon cannot be stacked';
    found.push({ field: 'stack_cap_basis_points', value: cap, expected });
  }
  if (cap !== null && discount.kind === 'percentage' && discount.basisPoints > cap) {
    const expected = `at least basis_points, ${discount.basisPoints}: a lower cap would never allow the discount`;
    found.push({ field: 'stack_cap_basis_points', value: cap, expected });
  }
  return found;
}
