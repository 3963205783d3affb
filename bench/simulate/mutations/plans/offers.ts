/** Plans with offers that the operator ends by hand. */
import type { Ask } from '../../plans/plan.ts';
import { campaign, endsOffer, enters, fault, looks, often, quietPlan, wayOf } from './build.ts';

const ONE = { engines: 1, gateways: 1 };
const TWO = { engines: 1, gateways: 2 };

/** As many users as stock; each claims so long after getting an offer. */
function claimants(count: number, claimsAfterMs: (index: number) => number | undefined): Ask[] {
  return often(count, 1, index =>
    enters(`u${index + 1}`, 500 + index, { watches: true, claimsAfterMs: claimsAfterMs(index) }),
  );
}

export const OFFER_PLANS = {
  /** Both gateways stop behind an offer, and while the log is gone their next incarnations register and can log nothing. */
  'gateways come back while the log is gone': quietPlan({
    ...TWO,
    leaseMs: 800,
    maxSliceEntries: 3,
    waitMs: 30,
    clockStopMs: 50,
    signs: true,
    campaigns: [campaign('coupon', 1_555, { opensMs: 240, stock: 4, claims: { withinS: 1, waitlist: 1 } })],
    asks: [enters('u1', 1_534, { watches: true, claimsAfterMs: 872 })],
    faults: [
      fault('gateway stops', 1_556, { forMs: 751 }),
      fault('gateway stops', 1_556, { forMs: 1_365, target: 1 }),
      fault('log is gone', 1_738, { forMs: 4_273 }),
    ],
  }),

  /**
   * The operator ends offers, and the engine stands still while it ends some of them. Before it continues, and before any
   * gateway learns of these ends, the holders claim.
   */
  'an engine stands still as it ends offers': quietPlan({
    campaigns: [campaign('coupon', 3_000, { stock: 16, claims: { withinS: 20, waitlist: 0 } })],
    asks: [
      ...claimants(16, () => 1_650),
      ...often(16, 1, index => endsOffer(index + 1, 1_000 + index)),
    ].toSorted((a, b) => a.atMs - b.atMs),
    faults: [fault('engine pauses', 1_010, { forMs: 1_700 })],
  }),

  /** The engine dies after it has recorded the end of an offer, and before its slow Redis has it. Nobody repeats the request. */
  'an engine dies as it ends an offer': quietPlan({
    ...ONE,
    campaigns: [campaign('coupon', 3_000, { stock: 1, claims: { withinS: 60, waitlist: 0 } })],
    asks: [...claimants(1, () => undefined), endsOffer(1, 1_000)],
    faults: [
      fault('way is slow', 990, { forMs: 450, amount: 190, target: wayOf('engine 0 to Redis', ONE) }),
      fault('engine crashes', 1_400, { forMs: 700 }),
    ],
  }),

  /**
   * Users claim offers that the operator ends at that moment. Their gateway has looked them up, and checks with a slow log
   * whether the Redis that answered is current; the ledger does not know either.
   */
  'a log is slow as offers are looked up': quietPlan({
    ...ONE,
    appendTimeoutMs: 4_000,
    campaigns: [campaign('coupon', 3_000, { stock: 16, claims: { withinS: 20, waitlist: 0 } })],
    asks: [
      ...claimants(16, index => 400 + 25 * index),
      ...often(16, 25, behindMs => endsOffer(behindMs / 25 + 1, 1_450 + behindMs)),
      // By then the log has taken the claims, and their answers are known.
      looks('u1', 7_000),
    ].toSorted((a, b) => a.atMs - b.atMs),
    faults: [
      fault('way is slow', 1_250, { forMs: 3_000, amount: 900, target: wayOf('gateway 0 to the log', ONE) }),
      fault('way is cut', 1_250, { forMs: 3_000, target: wayOf('gateway 0 to Postgres', ONE) }),
    ],
  }),

  /** The same with an engine that has shorter leases than gateways hold: they act on what they have read for longer. */
  'an engine with shorter leases ends offers': quietPlan({
    ...ONE,
    leaseMs: 3_000,
    appendTimeoutMs: 4_000,
    campaigns: [campaign('coupon', 5_000, { stock: 16, claims: { withinS: 20, waitlist: 0 } })],
    asks: [
      ...claimants(16, index => 1_430 + 25 * index),
      ...often(16, 25, behindMs => endsOffer(behindMs / 25 + 1, 2_450 + behindMs)),
      looks('u1', 9_000),
    ].toSorted((a, b) => a.atMs - b.atMs),
    faults: [
      fault('one has another lease length', 1_000, { forMs: 7_000, target: 0, amount: 500 }),
      fault('way is slow', 2_200, {
        forMs: 3_000,
        amount: 1_500,
        target: wayOf('gateway 0 to the log', ONE),
      }),
      fault('way is cut', 2_200, { forMs: 3_000, target: wayOf('gateway 0 to Postgres', ONE) }),
    ],
  }),

  /** An engine is away when the log fails, and starts to measure availability before the log is back. */
  'an engine starts in an outage': quietPlan({
    ...TWO,
    leaseMs: 800,
    campaigns: [campaign('coupon', 787, { opensMs: 296, stock: 1, claims: { withinS: 1, waitlist: 2 } })],
    asks: [
      enters('u6', 461, { gateway: 1, watches: true, claimsAfterMs: 748 }),
      enters('u9', 461, { onTheWayMs: 30 }),
    ],
    faults: [
      fault('way is lossy', 456, { forMs: 298, amount: 131, target: wayOf('engine 0 to Redis', TWO) }),
      fault('engine crashes', 502, { forMs: 797 }),
      fault('gateway pauses', 688, { forMs: 2_041, target: 105 }),
      fault('log is gone', 725, { forMs: 3_478 }),
    ],
  }),
};
