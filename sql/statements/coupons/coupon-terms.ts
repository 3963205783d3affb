/**
 * The terms of a coupon as its row keeps them. Amounts are whole numbers of the currency's minor unit (cents), shares are in
 * basis points (1/100 of a percent), instants are milliseconds since the epoch. What may stand in them together, and their
 * limits, stand in engine/contract/coupons/terms.ts.
 */

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
