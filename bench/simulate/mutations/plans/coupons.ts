/** Plans about coupons in use. */
import type { CheckedCoupon } from '../../checks/checker-shop.ts';
import { NO_SHOP, type Shopping } from '../../plans/shopping.ts';
import { campaign, fault, quietPlan } from './build.ts';

const CAMPAIGNS = { campaigns: [campaign('coupon', 1_000)], asks: [] };

/** A tenth off with that code, so many times. */
function codeFor(limitTotal: number, code = 'SALE'): CheckedCoupon {
  return { of: { code }, basisPoints: 1_000, limitTotal, limitPerUser: null };
}

/** A basket of one thing with the code SALE, at gateway 0. */
function basket(userId: string, atMs: number, own: Partial<Shopping> = {}): Shopping {
  return {
    atMs,
    userId,
    of: { code: 'SALE' },
    quantity: 1,
    unitAmount: 1_000,
    holdS: undefined,
    ending: 'nothing',
    endsAfterMs: 0,
    isDoubled: false,
    gateway: 0,
    ...own,
  };
}

export const COUPON_PLANS = {
  /**
   * Two holds lapse, others use the code in their place, and the ledger's clock is set back into the time of the holds: one of
   * them is to be redeemed then, and the other one released.
   */
  'holds are given back': quietPlan({
    ...CAMPAIGNS,
    shop: {
      ...NO_SHOP,
      coupons: [codeFor(2)],
      shoppings: [
        basket('u1', 500, { holdS: 1, ending: 'commit', endsAfterMs: 1_500 }),
        basket('u2', 500, { holdS: 1, ending: 'release', endsAfterMs: 1_600 }),
        basket('u3', 1_700),
        basket('u4', 1_750),
      ],
    },
    faults: [fault('clock of Postgres is set', 1_900, { forMs: 400, amount: -1_000 })],
  }),
};
