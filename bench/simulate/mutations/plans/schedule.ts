/** Plans about changes of a campaign. */
import { campaign, changes, closes, enters, fault, often, quietPlan, wayOf } from './build.ts';

const TWO = { engines: 1, gateways: 2 };

export const SCHEDULE_PLANS = {
  /**
   * The operator moves the close ahead, and the only engine is gone before all gateways have confirmed that. They have when it
   * is back, and by then the new close has passed.
   */
  'a close is moved too late': quietPlan({
    campaigns: [campaign('coupon', 4_000)],
    asks: [enters('u1', 500), changes(1_000, { action: 'edit', closesAtMs: 2_300 }), enters('u2', 2_100)],
    faults: [fault('engine crashes', 1_060, { forMs: 1_500 })],
  }),

  /**
   * A raffle is closed ahead of time. The engine notes that, and stands still before it has told anybody. When it goes on, that
   * close has passed; and at the same moment the operator moves the drawing, which was to be at the close.
   */
  'a drawing is moved behind its close': quietPlan({
    campaigns: [campaign('raffle', 8_000)],
    asks: [enters('u1', 500), closes(1_000), changes(2_400, { action: 'edit', drawsAtMs: 9_000 })],
    faults: [fault('engine pauses', 1_003, { forMs: 1_450 })],
  }),

  /** People leave a raffle before its close, and the engine that would decide it each time stands still until behind it. */
  'many leave a raffle at its close': quietPlan({
    ...TWO,
    movesAtOnce: 1,
    campaigns: [campaign('raffle', 2_000, { places: 3 })],
    asks: [
      ...often(12, 10, behindMs => enters(`u${behindMs / 10 + 1}`, 500 + behindMs)),
      ...often(8, 5, behindMs => enters(`u${behindMs / 5 + 1}`, 1_700 + behindMs, { what: 'withdraw' })),
    ],
    faults: [fault('engine pauses', 1_690, { forMs: 600 })],
  }),

  /** Of two engines one after the other crashes while many are drawn, two at a time. */
  'many are drawn in turns': quietPlan({
    ...TWO,
    engines: 2,
    drawnAtOnce: 2,
    campaigns: [campaign('raffle', 2_000, { places: 9 })],
    asks: often(14, 10, behindMs => enters(`u${behindMs / 10 + 1}`, 500 + behindMs)),
    faults: [
      fault('engine crashes', 2_080, { forMs: 400 }),
      fault('engine crashes', 2_200, { forMs: 900, target: 1 }),
    ],
  }),

  /** People go on entering while gateways have confirmed a cancellation and a slow ledger decides it. */
  'people enter while a cancellation is decided': quietPlan({
    ...TWO,
    campaigns: [campaign('coupon', 5_000)],
    asks: [
      ...often(120, 8, behindMs =>
        enters(`u${behindMs / 8 + 1}`, 900 + behindMs, { gateway: (behindMs / 8) % 2 }),
      ),
      changes(1_000, { action: 'cancel' }),
    ],
    faults: [
      fault('way is slow', 1_010, { forMs: 1_500, amount: 40, target: wayOf('engine 0 to Postgres', TWO) }),
    ],
  }),
};
