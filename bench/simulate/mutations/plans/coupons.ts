/** Plans about coupons in use. */
import type { CheckedCoupon } from '../../checks/checker-coupons.ts';
import { type CodeLook, NO_SHOP, type Shopping } from '../../plans/shopping.ts';
import { campaign, enters, fault, often, quietPlan } from './build.ts';

const CAMPAIGNS = { campaigns: [campaign('coupon', 1_000)], asks: [] };

/** A discount of 10 percent with that code, usable that many times. */
function codeFor(limitTotal: number, code = 'SALE'): CheckedCoupon {
  return { of: { code }, basisPoints: 1_000, limitTotal, limitPerUser: null };
}

/** A basket of one item with the code SALE, at gateway 0. */
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
    refunds: [],
    ...own,
  };
}

/** A user looks a code up at that gateway. */
function codeLook(code: string, atMs: number, gateway: number): CodeLook {
  return { atMs, userId: 'u9', of: { code }, gateway };
}

export const COUPON_PLANS = {
  /** Users enter and withdraw while another gateway stands still, so nobody can be decided yet. */
  'people leave before a coupon is granted': quietPlan({
    campaigns: [campaign('coupon', 3_000)],
    asks: [
      ...often(4, 20, behindMs => enters(`u${behindMs / 20 + 1}`, 900 + behindMs)),
      enters('u2', 1_000, { what: 'withdraw' }),
      enters('u4', 1_030, { what: 'withdraw' }),
    ],
    faults: [fault('gateway pauses', 850, { target: 1, forMs: 400 })],
  }),

  /** A user claims the only coupon, and a user who waits for it withdraws. */
  'people leave a waitlist': quietPlan({
    campaigns: [campaign('coupon', 3_000, { stock: 1, claims: { withinS: 1, waitlist: 3 } })],
    asks: [
      enters('u1', 600, { watches: true, claimsAfterMs: 500 }),
      enters('u2', 620),
      enters('u3', 640),
      enters('u2', 1_000, { what: 'withdraw' }),
    ],
  }),

  /**
   * Two holds lapse, other users use the code instead, and the ledger's clock is set back into the time of the holds. Then one
   * hold is to be redeemed, and the other released.
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

  /**
   * Three items for 899 in total are refunded one by one; each refund is requested twice. Others try the code before it is
   * free, and after.
   */
  'a basket is refunded in parts': quietPlan({
    ...CAMPAIGNS,
    shop: {
      ...NO_SHOP,
      coupons: [codeFor(1)],
      shoppings: [
        basket('u1', 500, {
          ...{ quantity: 3, unitAmount: 333, isDoubled: true },
          refunds: [1, 1, 2, undefined, 1].map(quantity => ({ afterMs: 100, quantity })),
        }),
        basket('u2', 650),
        basket('u3', 1_400),
      ],
    },
  }),

  /** The operator changes the terms of six codes, and a basket with each code arrives during the change. */
  'terms are changed as codes are used': quietPlan({
    ...CAMPAIGNS,
    shop: {
      ...NO_SHOP,
      coupons: often(6, 1, number => codeFor(9, `SALE-${number}`)),
      shoppings: often(6, 1, number =>
        basket('u1', 1_001 + number, { of: { code: `SALE-${number}` }, gateway: number % 2 }),
      ),
      changes: often(6, 1, number => ({
        atMs: 1_000,
        code: `SALE-${number}`,
        terms: { basisPoints: 5_000, limitTotal: 9, limitPerUser: null },
      })),
    },
  }),

  /** Baskets are sent to one gateway and again to another one, where users also look their code up. */
  'baskets are sent to two gateways': quietPlan({
    ...CAMPAIGNS,
    shop: {
      ...NO_SHOP,
      coupons: [codeFor(9)],
      shoppings: often(5, 60, afterMs =>
        basket(`u${afterMs}`, 600 + afterMs, { gateway: 1, isDoubled: true }),
      ),
      looks: often(160, 2, afterMs => codeLook('SALE', 590 + afterMs, 0)),
    },
  }),

  /**
   * Users look two codes up at three gateways, rarely at the third, while one code is held, used and lapses, and the terms of
   * the other change.
   */
  'users look codes up': quietPlan({
    ...CAMPAIGNS,
    gateways: 3,
    shop: {
      coupons: [codeFor(3), codeFor(5, 'OTHER')],
      shoppings: [
        basket('u1', 500, { holdS: 1 }),
        basket('u2', 700, { gateway: 1 }),
        basket('u3', 900, { refunds: [{ afterMs: 100, quantity: undefined }] }),
      ],
      looks: [
        ...often(110, 12, afterMs => codeLook('SALE', 450 + afterMs, (afterMs / 12) % 2)),
        ...often(20, 60, afterMs => codeLook('OTHER', 450 + afterMs, 0)),
        ...[560, 715, 915, 1_060].flatMap(atMs => [codeLook('SALE', atMs, 2), codeLook('OTHER', atMs, 2)]),
      ],
      changes: [
        { atMs: 1_000, code: 'OTHER', terms: { basisPoints: 2_000, limitTotal: 7, limitPerUser: 2 } },
      ],
    },
  }),
};
