/** Plans in which Redis fails over, or is emptied. */
import { campaign, changes, enters, fault, looks, often, quietPlan, staying, wayOf } from './build.ts';

const TWO = { engines: 1, gateways: 2 };
const TWO_ENGINES = { engines: 2, gateways: 2 };

export const REDIS_PLANS = {
  /**
   * Redis stops answering gateway 0 just as users who have entered there are to be ranked. They look up their entries at both
   * gateways.
   */
  'Redis is out of reach as people are ranked': quietPlan({
    ...TWO,
    campaigns: [campaign('coupon', 5_000)],
    asks: [
      ...often(10, 2, behindMs => enters(`u${behindMs / 2 + 1}`, 1_000 + behindMs)),
      ...often(10, 30, behindMs => looks(`u${behindMs / 30 + 1}`, 1_060 + behindMs, { gateway: 1 })),
    ],
    faults: [fault('way is cut', 1_001, { forMs: 1_500, target: wayOf('gateway 0 to Redis', TWO) })],
  }),

  /**
   * Redis fails over, and engine 0 stays at the old server. It knows no gateway of the new server until that gateway has logged
   * something, which takes gateway 1 a long time; meanwhile gateway 0 logs users whom an engine can decide.
   */
  'an engine settles by a Redis that was failed over': quietPlan({
    ...TWO_ENGINES,
    appendTimeoutMs: 2_000,
    campaigns: [campaign('coupon', 5_000)],
    asks: often(300, 5, behindMs =>
      enters(`u${behindMs / 5 + 1}`, 1_300 + behindMs, { gateway: (behindMs / 5) % 2 }),
    ),
    faults: [
      fault('two Redis take writes', 1_000, { forMs: 800, target: staying([false, false, true, false]) }),
      fault('way is slow', 1_050, {
        forMs: 3_500,
        amount: 450,
        target: wayOf('gateway 1 to the log', TWO_ENGINES),
      }),
    ],
  }),

  /**
   * The only gateway logs users and dies before it ranks them. Once it is fenced they are granted, which sells the campaign
   * out; an engine whose Redis is slow ranks them later. In between they enter again.
   */
  'winners are there before their ranks': quietPlan({
    gateways: 1,
    campaigns: [campaign('coupon', 4_000, { stock: 20 })],
    asks: [
      ...often(20, 1, behindMs => enters(`u${behindMs + 1}`, 1_000)),
      ...often(40, 30, behindMs => enters(`u${((behindMs / 30) % 20) + 1}`, 1_950 + behindMs)),
    ],
    faults: [
      fault('gateway crashes', 990, { failpoint: 'rank', target: 0, forMs: 700 }),
      fault("an engine's Redis is slow", 1_500, { forMs: 2_000, amount: 40 }),
    ],
  }),

  /** Redis is emptied, and users look up their entries while it is rebuilt, one rank at a time. */
  'people look while a campaign is made anew': quietPlan({
    ...TWO,
    rankedAtOnce: 1,
    campaigns: [campaign('raffle', 5_000)],
    asks: [
      ...often(20, 10, behindMs => enters(`u${behindMs / 10 + 1}`, 600 + behindMs)),
      ...often(60, 25, behindMs => looks(`u${((behindMs / 25) % 5) + 1}`, 1_050 + behindMs)),
    ],
    faults: [fault('Redis is emptied', 1_000, { forMs: 20 })],
  }),

  /** Redis is emptied shortly before the close of a raffle, which is drawn while Redis is rebuilt. */
  'people look while a raffle is drawn and made anew': quietPlan({
    ...TWO,
    rankedAtOnce: 1,
    campaigns: [campaign('raffle', 1_150, { stock: 3 })],
    asks: [
      ...often(20, 20, behindMs => enters(`u${behindMs / 20 + 1}`, 600 + behindMs, { gateway: 1 })),
      ...often(220, 7, behindMs => looks(`u${((behindMs / 7) % 20) + 1}`, 1_000 + behindMs)),
    ],
    faults: [fault('Redis is emptied', 1_000, { forMs: 20 })],
  }),

  /**
   * One gateway takes long to look up users whom another one admits; meanwhile it reads on the board that they are decided.
   */
  'look-ups take long while people are decided': quietPlan({
    ...TWO,
    campaigns: [campaign('coupon', 4_000)],
    asks: [
      ...often(60, 20, behindMs => enters(`u${behindMs / 20 + 1}`, 600 + behindMs, { gateway: 1 })),
      ...often(200, 7, behindMs => looks(`u${Math.floor(behindMs / 20) + 1}`, 640 + behindMs)),
    ],
    faults: [
      fault('way is slow', 500, { forMs: 3_000, amount: 30, target: wayOf('gateway 0 to Redis', TWO) }),
    ],
  }),

  /**
   * Redis fails over while there is no gateway, and both gateways join at the new server. The engine that gets the operator's
   * request stays at the old one, where no gateway has to confirm the cancellation.
   */
  'an engine cancels at a Redis that was failed over': quietPlan({
    ...TWO_ENGINES,
    appendTimeoutMs: 3_000,
    campaigns: [campaign('coupon', 5_000, { opensMs: 2_266 })],
    asks: [changes(2_100, { action: 'cancel' }), enters('u1', 2_300)],
    faults: [
      fault('gateway crashes', 107, { target: 1, forMs: 1_065 }),
      fault('gateway crashes', 126, { target: 0, forMs: 801 }),
      // The engines that stay.
      fault('two Redis take writes', 667, { forMs: 4_000, target: staying([true, false]), amount: 76 }),
    ],
  }),
};
