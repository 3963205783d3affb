/** Plans with waiting rooms. */
import { campaign, enters, fault, often, quietPlan, wayOf } from './build.ts';

const TWO = { engines: 1, gateways: 2 };

export const ROOM_PLANS = {
  /**
   * A gateway stops while the log does not answer it. Users with streams there are skipped if they keep them until the gateway
   * has given up, because a stream at a gateway whose lease has ended does not count.
   */
  'a gateway stops with streams': quietPlan({
    ...TWO,
    appendTimeoutMs: 3_000,
    campaigns: [
      campaign('room', 1_500, { stock: 1_000_000, room: { perSecond: 1, capacity: null, graceMs: 1_500 } }),
    ],
    asks: ['u1', 'u2', 'u3', 'u4', 'u5', 'u6'].map((userId, index) =>
      enters(userId, 450 + index, { watches: true, gateway: index % 2 }),
    ),
    faults: [
      fault('way is cut', 1_190, { forMs: 5_000, target: wayOf('gateway 0 to the log', TWO) }),
      fault('gateway stops', 1_500, { forMs: 6_000 }),
    ],
  }),

  /** Users wait in a room, and some of them leave. */
  'people leave a room': quietPlan({
    ...TWO,
    campaigns: [
      campaign('room', 3_000, { stock: 1_000_000, room: { perSecond: 1, capacity: null, graceMs: 1_500 } }),
    ],
    asks: [
      ...often(6, 1, behindMs => enters(`u${behindMs + 1}`, 450 + behindMs, { watches: true })),
      enters('u3', 900, { what: 'withdraw' }),
      enters('u6', 1_000, { what: 'withdraw', gateway: 1 }),
    ],
  }),

  /** Some users enter a slow room without watching, are skipped, and come back while others still wait. */
  'people are skipped and come back': quietPlan({
    ...TWO,
    campaigns: [
      campaign('room', 9_000, { stock: 1_000_000, room: { perSecond: 1, capacity: null, graceMs: 500 } }),
    ],
    asks: [
      ...often(8, 1, behindMs => enters(`u${behindMs + 1}`, 450 + behindMs, { watches: true })),
      ...['v1', 'v2', 'v3'].flatMap((userId, index) => [
        enters(userId, 480 + index, { gateway: 1 }),
        enters(userId, 2_600 + index, { gateway: 1, watches: true }),
      ]),
    ],
  }),

  /** A user enters a room without watching, is skipped, and comes back when it has ended. */
  'a user comes back to a room that has ended': quietPlan({
    ...TWO,
    campaigns: [
      campaign('room', 1_500, { stock: 1_000_000, room: { perSecond: 1, capacity: null, graceMs: 500 } }),
    ],
    asks: [
      ...often(3, 1, behindMs => enters(`u${behindMs + 1}`, 450 + behindMs, { watches: true })),
      enters('v1', 480, { gateway: 1 }),
      enters('v1', 8_000, { gateway: 1, watches: true }),
    ],
  }),

  /** A user enters behind another one, and opens the stream only after the grace, while others are let in. */
  'a stream is opened late': quietPlan({
    ...TWO,
    campaigns: [
      campaign('room', 4_005, {
        opensMs: 2_129,
        stock: 1_000_000,
        room: { perSecond: 1, capacity: 2, graceMs: 1_500 },
      }),
    ],
    asks: [
      enters('u1', 2_270, { watches: true, gateway: 1 }),
      enters('u2', 2_278, { watches: true, watchesAfterMs: 1_975, gateway: 1 }),
      enters('u3', 2_314, { watches: true, gateway: 1 }),
    ],
  }),

  /** Many wait in a room whose steps are slow. */
  'a room has slow steps': quietPlan({
    ...TWO,
    campaigns: [
      campaign('room', 1_000, { stock: 1_000_000, room: { perSecond: 20, capacity: null, graceMs: 1_500 } }),
    ],
    asks: often(120, 1, behindMs =>
      enters(`u${behindMs + 1}`, 450 + behindMs, { watches: true, gateway: behindMs % 2 }),
    ),
    faults: [fault('cycles are long', 420, { forMs: 1, amount: 700 })],
  }),

  /**
   * Users open streams in a slow room, and engines die as they write down who is there, while the other one looks at the same
   * reports.
   */
  'engines die with reports': quietPlan({
    ...TWO,
    engines: 2,
    campaigns: [
      campaign('room', 2_500, { stock: 1_000_000, room: { perSecond: 1, capacity: null, graceMs: 500 } }),
    ],
    asks: often(10, 190, behindMs =>
      enters(`u${behindMs / 190 + 1}`, 450 + behindMs, { watches: true, gateway: (behindMs / 190) % 2 }),
    ),
    faults: often(8, 250, behindMs =>
      fault('engine crashes', 500 + behindMs, {
        failpoint: 'presence',
        forMs: 120,
        target: (behindMs / 250) % 2,
      }),
    ),
  }),

  /**
   * PostgreSQL's clock goes wrong, and the operator says that Redis is right. Then people enter who never watch: they are
   * skipped no sooner than after the grace.
   */
  'people enter a room by another clock than that of the ledger': quietPlan({
    ...TWO,
    clockStopMs: 50,
    campaigns: [
      campaign('room', 9_000, { stock: 1_000_000, room: { perSecond: 1, capacity: null, graceMs: 1_500 } }),
    ],
    asks: [
      ...often(9, 1, behindMs => enters(`u${behindMs + 1}`, 450 + behindMs, { watches: true })),
      ...often(12, 130, behindMs => enters(`v${behindMs / 130 + 1}`, 3_400 + behindMs, { gateway: 1 })),
    ],
    faults: [fault('clock of Postgres goes wrong', 1_000, { amount: 30_000 })],
  }),

  /** The ledger's clock is ahead for a while. Meanwhile an engine and PostgreSQL restart, and users are admitted. */
  'the ledger is ahead as a room lets people in': quietPlan({
    gateways: 1,
    leaseMs: 800,
    maxSliceEntries: 3,
    waitMs: 30,
    claimsAtOnce: 2,
    movesAtOnce: 2,
    campaigns: [
      campaign('room', 624, {
        opensMs: 394,
        stock: 1_000_000,
        room: { perSecond: 1, capacity: 2, graceMs: 1_500 },
      }),
    ],
    asks: [
      enters('u5', 411, { watches: true, watchesAfterMs: 171 }),
      enters('u4', 456, { watches: true }),
      enters('u1', 482, { watches: true }),
    ],
    faults: [
      fault('engine crashes', 518, { failpoint: 'presence', forMs: 65 }),
      fault('clock of Postgres is set', 789, { forMs: 2_393, amount: 4_211 }),
      fault('Postgres restarts', 813, { forMs: 168 }),
    ],
  }),
};
