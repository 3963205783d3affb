/** Plans in which the stock of a coupon is raised. */
import { campaign, changes, enters, fault, often, quietPlan } from './build.ts';

export const RAISE_PLANS = {
  /** Four users enter for two coupons, and some have lost; there are three more, and more users come. */
  'a stock is raised once it is gone': quietPlan({
    campaigns: [campaign('coupon', 6_000, { stock: 2 })],
    asks: [
      ...often(4, 20, behindMs => enters(`u${behindMs / 20 + 1}`, 500 + behindMs)),
      enters('u5', 2_400),
      changes(2_600, { action: 'raise', stock: 5 }),
      ...often(3, 20, behindMs => enters(`u${behindMs / 20 + 6}`, 3_200 + behindMs, { gateway: 1 })),
      ...often(3, 20, behindMs => enters(`u${behindMs / 20 + 9}`, 3_200 + behindMs)),
    ],
  }),

  /** One of two engines crashes while a stock is raised, and the other one has to hand it out. */
  'a stock is raised as an engine crashes': quietPlan({
    engines: 2,
    campaigns: [campaign('coupon', 6_000, { stock: 2 })],
    asks: [
      ...often(6, 20, behindMs => enters(`u${behindMs / 20 + 1}`, 500 + behindMs, { watches: true })),
      changes(2_600, { action: 'raise', stock: 4 }),
      ...often(4, 20, behindMs => enters(`u${behindMs / 20 + 7}`, 2_590 + behindMs, { gateway: 1 })),
    ],
    faults: [fault('engine crashes', 2_612, { forMs: 1_500 })],
  }),

  /** A stock is raised, and those who had lost ask again at each moment in which a gateway may not know it yet. */
  'a stock is raised while those who had lost ask again': quietPlan({
    engines: 2,
    campaigns: [campaign('coupon', 6_000, { stock: 2 })],
    asks: [
      ...often(6, 20, behindMs => enters(`u${behindMs / 20 + 1}`, 500 + behindMs)),
      changes(2_600, { action: 'raise', stock: 6 }),
      ...often(60, 5, behindMs =>
        enters(`u${3 + ((behindMs / 5) % 4)}`, 2_610 + behindMs, { gateway: (behindMs / 5) % 2 }),
      ),
    ],
  }),
};
