/**
 * The terms of a coupon as its row stores them. Amounts are whole numbers of the currency's minor unit (cents), shares are in
 * basis points (1/100 of a percent), instants are milliseconds since the epoch. engine/contract/coupons/terms.ts has the
 * valid combinations and limits.
 */

export type Discount =
  | {
      readonly kind: 'percentage';
      readonly basisPoints: number;
      /** The maximum discount on one basket; null: no maximum. */
      readonly most: number | null;
    }
  | { readonly kind: 'fixed'; readonly amount: number }
  | { readonly kind: 'free_shipping' };

/** Which other coupons may be on the same basket, and in which order they apply. */
export interface Stacking {
  /** The class by which other coupons refer to it; null: none. */
  readonly stackClass: string | null;
  /** Must be alone on a basket. */
  readonly exclusive: boolean;
  /** Classes of the coupons that it may be combined with; null: all that are not exclusive. */
  readonly stackableWith: readonly string[] | null;
  /** Lower ones apply first; with equal order, the one created first. */
  readonly stackOrder: number;
  /** The maximum discount of all coupons on the basket together, as a share of its goods; null: no maximum. */
  readonly stackCapBasisPoints: number | null;
}

export interface Terms extends Stacking {
  readonly discount: Discount;
  /** ISO 4217, for every amount here; null if there are no amounts. */
  readonly currency: string | null;
  /** Valid from this instant on; null: always. */
  readonly validFromMs: number | null;
  /** Valid before this instant; null: forever. */
  readonly validUntilMs: number | null;
  /** The minimum price of a basket's goods before any discount; null: any basket. */
  readonly minimumBasket: number | null;
  /** The lines that it applies to: those of one of these products or categories; both null: all lines. */
  readonly products: readonly string[] | null;
  readonly categories: readonly string[] | null;
  /** The maximum number of uses, by everybody together and by one user; null: no limit. */
  readonly limitTotal: number | null;
  readonly limitPerUser: number | null;
}

/** What an operator allows of a coupon besides its terms: a use needs both. */
export interface Restriction {
  /** Nothing is used, and holds are not redeemed. */
  readonly disabled: boolean;
  /** No new use from this instant on, milliseconds since the epoch; holds from before can be redeemed. */
  readonly endsAtMs: number | null;
  /** Like the limits of the terms, but may lie below what is used already; then nothing more is used. */
  readonly limitTotal: number | null;
  readonly limitPerUser: number | null;
  /** Of the operator; for operators only. */
  readonly reason: string;
}
