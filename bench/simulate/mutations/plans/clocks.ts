/** Plans with wrong clocks, and with machines that stand still. */
import { campaign, changes, enters, fault, looks, often, quietPlan, wayOf } from './build.ts';

const ENGINE_TO_REDIS = wayOf('engine 0 to Redis', { engines: 1, gateways: 2 });

/**
 * Redis' clock moves ahead by a quarter of a second, again and again. No step is large enough for a gateway to doubt it;
 * engines, which compare it with PostgreSQL's clock, doubt it after two steps.
 */
const CREEPING = {
  clockStopMs: 300,
  campaigns: [campaign('coupon', 9_000)],
  asks: often(130, 40, afterMs =>
    enters(`u${afterMs / 40 + 1}`, 900 + afterMs, { gateway: (afterMs / 40) % 2 }),
  ),
  faults: often(5, 700, afterMs =>
    fault('clock of Redis is set', 1_000 + afterMs, { forMs: 5_500 - afterMs, amount: 250 }),
  ),
};

export const CLOCK_PLANS = {
  'a clock creeps ahead': quietPlan(CREEPING),

  /** Redis' clock is ahead for so short a time that a gateway may see it without learning of the engines' doubt. */
  "Redis' clock is ahead for a moment": quietPlan({
    clockStopMs: 50,
    campaigns: [campaign('coupon', 6_000)],
    asks: often(120, 30, behindMs =>
      enters(`u${behindMs / 30 + 1}`, 700 + behindMs, { gateway: (behindMs / 30) % 2 }),
    ),
    faults: often(4, 1_100, behindMs =>
      fault('clock of Redis is set', 800 + behindMs, { forMs: 90, amount: 220 }),
    ),
  }),

  /** A gateway starts just when Redis' clock is set ahead, before any engine has read it. */
  "a gateway starts as Redis' clock is set": quietPlan({
    campaigns: [campaign('coupon', 6_000)],
    asks: often(60, 10, behindMs => enters(`u${behindMs / 10 + 1}`, 1_480 + behindMs)),
    faults: [
      fault('gateway crashes', 1_000, { target: 0, forMs: 500 }),
      fault('clock of Redis is set', 1_495, { forMs: 1_500, amount: 2_000 }),
    ],
  }),

  /**
   * Redis' clock is set far ahead twice. The only gateway starts meanwhile, and is asked before it has joined; when the clock is
   * right again, people ask about a campaign that is over.
   */
  "a gateway starts while Redis' clock is far ahead": quietPlan({
    gateways: 1,
    clockStopMs: 50,
    campaigns: [campaign('coupon', 687, { opensMs: 259, stock: 1 })],
    asks: [
      enters('u1', 485, { what: 'withdraw' }),
      enters('u1', 2_127, { watches: true, isLate: true }),
      looks('u2', 2_253, { isLate: true }),
    ],
    faults: [
      fault('clock of Redis is set', 615, { forMs: 643, amount: 4_704 }),
      fault('clock of Redis is set', 831, { forMs: 494, amount: 3_952 }),
      fault('gateway stops', 1_043, { forMs: 130 }),
    ],
  }),

  /**
   * The only gateway dies, and no engine can end it because the log is away: its last promise is the time that the ledger
   * knows. Long after the close, Redis' clock is set back to before the close, and the operator postpones the close.
   */
  'a close is put off by a clock that was set back': quietPlan({
    gateways: 1,
    clockStopMs: 300,
    campaigns: [campaign('coupon', 2_600)],
    asks: [enters('u1', 500), changes(3_100, { action: 'edit', closesAtMs: 6_000 })],
    faults: [
      fault('log is gone', 1_290, { forMs: 3_000 }),
      fault('gateway crashes', 1_300, { forMs: 4_000 }),
      fault('clock of Redis is set', 2_900, { forMs: 900, amount: -1_800 }),
    ],
  }),

  /**
   * Between the moment at which a campaign is shelved and the next cycle, the ledger's clock is set ahead by a minute, and
   * stays so.
   */
  'the ledger is set on as a campaign is on the shelf': quietPlan({
    gateways: 1,
    leaseMs: 600,
    shelveAfterMs: 515,
    drift: 0.02,
    campaigns: [campaign('coupon', 885), campaign('coupon', 2_746, { campaignId: 2 })],
    asks: [],
    faults: [fault('clock of Postgres goes wrong', 2_419, { amount: 59_844 })],
  }),

  /**
   * The only engine stands still in the middle of turns of its loops, with its clocks, which then show a jump of nearly ten
   * seconds. Meanwhile Redis falls over to a server whose registry is closed, so nobody can enter until a turn reopens it.
   */
  'turns of an engine take long': quietPlan({
    partitions: 3,
    waitMs: 30,
    remembers: true,
    campaigns: [campaign('raffle', 1_788, { opensMs: 234, stock: 1 })],
    asks: [enters('u1', 4_136, { gateway: 1, isLate: true })],
    faults: [
      fault('way is slow', 500, { forMs: 400, target: ENGINE_TO_REDIS, amount: 90 }),
      fault('engine is suspended', 719, { forMs: 2_021 }),
      fault('two Redis take writes', 1_106, { failpoint: 'rank', forMs: 1_448, target: 297, amount: 28 }),
      fault("an engine's own clock jumps", 1_389, { amount: 9_573 }),
    ],
  }),
};
