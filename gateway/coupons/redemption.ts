/** A redemption: a basket with its coupons that is held, redeemed or released, and its refunds. */
import type { RedemptionRow, RedemptionState } from '../../sql/statements/coupons/redemptions.ts';
import { mayUse, type ShopCaller } from '../shops/caller.ts';
import type { Basket, Pricing } from './pricing.ts';
import { isRefunded, type Refund } from './refund.ts';

export interface Redemption {
  readonly redemptionId: number;
  readonly userId: string;
  /** A hold that has lapsed is still `held`: see stateAt. */
  readonly state: RedemptionState;
  readonly basket: Basket;
  readonly pricing: Pricing;
  readonly createdAtMs: number;
  /** Null: it was redeemed at once. */
  readonly expiresAtMs: number | null;
  readonly redeemedAtMs: number | null;
  readonly releasedAtMs: number | null;
  readonly uses: readonly CouponUse[];
  readonly refunds: readonly MadeRefund[];
}

export interface CouponUse {
  readonly couponId: number;
  /** The shop of the coupon; null if it has none. */
  readonly shop: string | null;
  readonly code: string;
  readonly givenBack: boolean;
}

export interface MadeRefund extends Refund {
  readonly refundedAtMs: number;
}

export function fromRow(row: RedemptionRow): Redemption {
  return {
    redemptionId: row.redemptionId,
    userId: row.userId,
    state: row.state,
    basket: JSON.parse(row.basket) as Basket,
    pricing: JSON.parse(row.pricing) as Pricing,
    createdAtMs: row.createdAt.getTime(),
    expiresAtMs: row.expiresAt?.getTime() ?? null,
    redeemedAtMs: row.redeemedAt?.getTime() ?? null,
    releasedAtMs: row.releasedAt?.getTime() ?? null,
    uses: row.uses,
    refunds: row.refunds.map(({ refund, refundedAt }) => ({
      ...(JSON.parse(refund) as Refund),
      refundedAtMs: Date.parse(refundedAt),
    })),
  };
}

/** A redemption is a shop's if all coupons on it are; a shop's token puts no others on a basket. */
export function mayTouch(caller: ShopCaller, { uses }: Pick<Redemption, 'uses'>): boolean {
  return uses.every(({ shop }) => mayUse(caller, shop));
}

/**
 *     held ──▶ redeemed ──▶ partly_refunded ──▶ refunded
 *       ├────▶ released                └──────────┘ (or at once)
 *       └────▶ lapsed, if it is still held at expiresAtMs
 */
export type ShownState = 'held' | 'redeemed' | 'released' | 'lapsed' | 'partly_refunded' | 'refunded';

/** A hold whose uses were given back has lapsed for good, even if the ledger's clock was set back since. */
export function stateAt(redemption: Redemption, nowMs: number): ShownState {
  const { state, expiresAtMs, refunds, uses } = redemption;
  if (state === 'held') {
    const isOver = expiresAtMs !== null && expiresAtMs <= nowMs;
    return isOver || uses.some(({ givenBack }) => givenBack) ? 'lapsed' : 'held';
  }
  if (state === 'released' || refunds.length === 0) return state;
  return isRefunded(redemption) ? 'refunded' : 'partly_refunded';
}
