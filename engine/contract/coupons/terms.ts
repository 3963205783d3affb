/**
 * The terms on which a coupon may be used, as engine, gateway and ledger share them. Amounts are whole numbers of the
 * currency's minor unit (cents), shares are in basis points (1/100 of a percent), instants are milliseconds since the epoch.
 */

/** 9 thousand million of a currency with two decimals. With it every product of an amount and 10,000 is exact below 2^53. */
export const MAX_AMOUNT = 900_000_000_000;
export const WHOLE_BASIS_POINTS = 10_000;
export const MAX_LIMIT = 1_000_000_000;
export const MAX_SCOPE_ITEMS = 100;
export const MAX_STACK_CLASSES = 20;
export const MAX_STACK_ORDER = 1_000;

export const DISCOUNTS = ['percentage', 'fixed', 'free_shipping'] as const;

export type Discount =
  | {
      readonly kind: 'percentage';
      readonly basisPoints: number;
      /** The most it takes off one basket; null: no bound. */
      readonly most: number | null;
    }
  | { readonly kind: 'fixed'; readonly amount: number }
  | { readonly kind: 'free_shipping' };

/** With which other coupons one may be on a basket, and how they are applied. */
export interface Stacking {
  /** What other coupons name it by; null: nothing names it. */
  readonly stackClass: string | null;
  /** Alone on a basket. */
  readonly exclusive: boolean;
  /** Classes of the coupons it may stand beside; null: all that are not exclusive. */
  readonly stackableWith: readonly string[] | null;
  /** Lower ones are applied first; of equals the one that was made first. */
  readonly stackOrder: number;
  /** The most that all coupons on the basket together may take off its goods; null: no bound. */
  readonly stackCapBasisPoints: number | null;
}

export interface Terms extends Stacking {
  readonly discount: Discount;
  /** ISO 4217, of every amount here; null where there is none. */
  readonly currency: string | null;
  /** From this instant on; null: always. */
  readonly validFromMs: number | null;
  /** Up to this instant, which is not in it; null: for good. */
  readonly validUntilMs: number | null;
  /** The least that the goods of a basket cost before any discount; null: any basket. */
  readonly minimumBasket: number | null;
  /** Lines it is for: those of one of these products or categories; both null: all lines. */
  readonly products: readonly string[] | null;
  readonly categories: readonly string[] | null;
  /** Uses at most, by everybody together and by one user; null: no limit. */
  readonly limitTotal: number | null;
  readonly limitPerUser: number | null;
}

const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** Whether it is a currency code of ISO 4217, as the Unicode data that node comes with list them. */
export function isCurrency(code: string): boolean {
  return CURRENCIES.has(code);
}

/** A rule that contradicts another one of the same terms. */
export interface Contradiction {
  /** The member of the operator's API. */
  readonly field: string;
  readonly value: unknown;
  readonly expected: string;
}

/** What in these terms cannot hold together; empty when all of it can. */
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
    const expected = `a time after valid_from, ${new Date(validFromMs).toISOString()}`;
    found.push({ field: 'valid_until', value: new Date(validUntilMs).toISOString(), expected });
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
