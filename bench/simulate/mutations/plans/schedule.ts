/** Plans with changes of a campaign. */
import {
  campaign,
  changes,
  closes,
  enters,
  fault,
  often,
  quietPlan,
  type WrittenPlan,
  wayOf,
} from './build.ts';

const ONE = { engines: 1, gateways: 1 };
const TWO = { engines: 1, gateways: 2 };

/** The operator moves a close. Redis is slow, and the only engine's machine is suspended until after that close. */
function suspendedAsCloseMoves(atMs: number): WrittenPlan {
  return quietPlan({
    ...ONE,
    campaigns: [campaign('coupon', 3_300)],
    asks: [enters('u1', 500), changes(1_000, { action: 'edit', closesAtMs: 3_310 })],
    faults: [
      fault('way is slow', 1_250, { forMs: 1_500, amount: 40, target: wayOf('engine 0 to Redis', ONE) }),
      fault('engine is suspended', atMs, { forMs: 3_000 }),
    ],
  });
}

export const SCHEDULE_PLANS = {
  'an engine stands still as it decides to move a close': suspendedAsCloseMoves(1_500),
  'an engine stands still as it writes a moved close': suspendedAsCloseMoves(1_560),

  /**
   * A raffle is closed early. The engine records that, and stands still before it has told any gateway. When it continues, that
   * close has passed; at the same moment the operator moves the drawing, which was due at the close.
   */
  'a drawing is moved behind its close': quietPlan({
    campaigns: [campaign('raffle', 8_000)],
    asks: [enters('u1', 500), closes(1_000), changes(2_400, { action: 'edit', drawsAtMs: 9_000 })],
    faults: [fault('engine pauses', 1_003, { forMs: 1_450 })],
  }),

  /** Users withdraw from a raffle before its close, and the engine that would decide them stands still until after it. */
  'many leave a raffle at its close': quietPlan({
    ...TWO,
    movesAtOnce: 1,
    campaigns: [campaign('raffle', 2_000, { stock: 3 })],
    asks: [
      ...often(12, 10, behindMs => enters(`u${behindMs / 10 + 1}`, 500 + behindMs)),
      ...often(8, 5, behindMs => enters(`u${behindMs / 5 + 1}`, 1_700 + behindMs, { what: 'withdraw' })),
    ],
    faults: [fault('engine pauses', 1_690, { forMs: 600 })],
  }),

  /** Two engines crash one after the other while they draw many entrants, two at a time. */
  'many are drawn in turns': quietPlan({
    ...TWO,
    engines: 2,
    drawnAtOnce: 2,
    campaigns: [campaign('raffle', 2_000, { stock: 9 })],
    asks: often(14, 10, behindMs => enters(`u${behindMs / 10 + 1}`, 500 + behindMs)),
    faults: [
      fault('engine crashes', 2_080, { forMs: 400 }),
      fault('engine crashes', 2_200, { forMs: 900, target: 1 }),
    ],
  }),

  /** Users go on entering after gateways have confirmed a cancellation, while a slow ledger decides it. */
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
