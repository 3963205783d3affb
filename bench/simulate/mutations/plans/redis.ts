/** Plans about a Redis that is failed over, or emptied. */
import { campaign, enters, fault, looks, often, quietPlan, staying, wayOf } from './build.ts';

const TWO = { engines: 1, gateways: 2 };
const TWO_ENGINES = { engines: 2, gateways: 2 };

export const REDIS_PLANS = {
  /**
   * u1 is logged by a gateway that dies before it ranks them, then Redis is failed over. One engine and the gateway that u2 asks
   * go on at the old one; the other engine opens the new one, and makes ranks anew there. At the old one u1 has none.
   */
  'a rank is mended in another Redis': quietPlan({
    engines: 2,
    campaigns: [campaign('coupon', 5_000)],
    asks: [
      enters('u1', 1_000, { gateway: 1 }),
      enters('u2', 1_020),
      ...often(30, 100, afterMs => looks('u2', 1_200 + afterMs)),
    ],
    faults: [
      fault('gateway crashes', 990, { place: 'rank', target: 1, forMs: 4_000 }),
      // Of gateway 0 and the engines.
      fault('two Redis take writes', 1_060, { forMs: 3_000, target: staying([true, true, false]) }),
    ],
  }),

  /** Redis answers gateway 0 no more just as people who have entered there are to be ranked. They ask both what became of it. */
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
   * Redis is failed over, and engine 0 stays at the old one. It knows no gateway of the new one before that has logged something,
   * which takes gateway 1 long; meanwhile gateway 0 logs people whom an engine can decide about.
   */
  'an engine settles by a Redis that was failed over': quietPlan({
    ...TWO_ENGINES,
    appendTimeoutMs: 2_000,
    campaigns: [campaign('coupon', 5_000)],
    asks: often(120, 15, behindMs =>
      enters(`u${behindMs / 15 + 1}`, 1_300 + behindMs, { gateway: (behindMs / 15) % 2 }),
    ),
    faults: [
      fault('two Redis take writes', 1_000, { forMs: 3_000, target: staying([false, false, true, false]) }),
      fault('way is slow', 1_050, {
        forMs: 2_000,
        amount: 250,
        target: wayOf('gateway 1 to the log', TWO_ENGINES),
      }),
    ],
  }),

  /**
   * The only gateway logs people and dies before it ranks them. When it is fenced they are granted, and that sells the campaign
   * out; an engine whose Redis is slow ranks them later. In between they ask again to be let in.
   */
  'winners are there before their ranks': quietPlan({
    gateways: 1,
    campaigns: [campaign('coupon', 4_000, { places: 20 })],
    asks: [
      ...often(20, 1, behindMs => enters(`u${behindMs + 1}`, 1_000)),
      ...often(40, 30, behindMs => enters(`u${((behindMs / 30) % 20) + 1}`, 1_950 + behindMs)),
    ],
    faults: [
      fault('gateway crashes', 990, { place: 'rank', target: 0, forMs: 700 }),
      fault("an engine's Redis is slow", 1_500, { forMs: 2_000, amount: 40 }),
    ],
  }),
};
