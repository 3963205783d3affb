/**
 * Faults that few seeds have. Each kind is drawn from its own random source: a new kind leaves the plans of all seeds without
 * it as they were.
 */
import type { Announced } from '../checks/checker-rows.ts';
import { Random } from '../kernel/random.ts';
import { BEGINNING_US, MS } from '../kernel/world.ts';
import type { Ask, Fault } from './plan.ts';

/** When the first campaign opens and the last one closes, and what else the plan has. */
interface Span {
  readonly opensMs: number;
  readonly endMs: number;
  readonly gateways: number;
  readonly campaigns: readonly Announced[];
}

interface Made {
  readonly faults: readonly Fault[];
  /** Additional requests, without which nothing would reveal the fault. */
  readonly asks: readonly Ask[];
}

interface Rare extends Made {
  /** How many entries of a projection are ranked at once; undefined for production's number. */
  readonly rankedAtOnce: number | undefined;
}

const PLAIN_ASK = {
  bodyAfterMs: undefined,
  onTheWayMs: undefined,
  watches: false,
  claimsAfterMs: undefined,
  watchesAfterMs: 0,
};
/** A campaign that is open for less time closes before Redis is rebuilt. */
const LONG_OPEN_MS = 1_000;
const BASE = { failpoint: undefined, amount: 0, target: 0 };
const NONE: Made = { faults: [], asks: [] };

export function makeRare(random: Random, campaigns: readonly Announced[], gateways: number): Rare {
  const opensMs = Math.min(...campaigns.map(({ opensAtUs }) => (opensAtUs - BEGINNING_US) / MS));
  const endMs = Math.max(...campaigns.map(({ closesAtUs }) => (closesAtUs - BEGINNING_US) / MS));
  const span = { opensMs, endMs, gateways, campaigns };
  // Keep this order: add new kinds at the end.
  const kinds = [
    makeLeaseLengths,
    makeLateAnswers,
    makeWrongClocks,
    makeNewcomerAtStep,
    makeSlowMaking,
    makeLostConnections,
    makeUnseenStep,
    makeWrongForGood,
    makeLongCycles,
  ];
  const made = kinds.map(make => make(new Random(random.between(0, 2 ** 30)), span));
  const isSlow = made.some(({ faults }) => faults.some(({ kind }) => kind === "an engine's Redis is slow"));
  return {
    faults: made.flatMap(({ faults }) => faults),
    asks: made.flatMap(({ asks }) => asks),
    rankedAtOnce: isSlow ? 1 : undefined,
  };
}

/** LEASE_MS changes: at one process by mistake, or at all of them, one after the other. */
function makeLeaseLengths(random: Random, { opensMs, endMs }: Span): Made {
  if (!random.chance(0.05)) return NONE;
  const faults = Array.from({ length: random.between(1, 2) }, (_, index): Fault => {
    // Two changes at once would have no predictable result.
    const isForAll = random.chance(0.5) && index === 0;
    return {
      ...BASE,
      kind: isForAll ? 'lease length is changed' : 'one has another lease length',
      atMs: random.between(opensMs - 50, endMs),
      forMs: random.between(300, 2_000),
      target: random.between(0, 999),
      amount: random.pick([500, 550, 700, 1_200]),
    };
  });
  return { faults, asks: [] };
}

/** Redis may fail over as well: a process that stays at the old server must not rely on what the log had accepted before. */
function makeLateAnswers(random: Random, { opensMs, endMs, gateways, campaigns }: Span): Made {
  if (!random.chance(0.06)) return NONE;
  const atMs = random.between(opensMs - 50, endMs);
  const late = Array.from(
    { length: random.between(1, gateways) },
    (): Fault => ({
      ...BASE,
      kind: 'answers of the log are late',
      atMs: atMs + random.between(-20, 50),
      forMs: random.between(50, 900),
      target: random.between(0, 999),
      amount: random.between(600, 2_800),
    }),
  );
  if (random.chance(0.5)) return { faults: late, asks: [] };
  const failover: Fault = {
    ...BASE,
    kind: 'two Redis take writes',
    atMs: atMs + random.between(-50, 100),
    forMs: random.between(1_500, 3_000),
    target: random.between(0, 999),
    amount: random.between(0, 100),
  };
  return { faults: [...late, failover], asks: looksAround(random, atMs, gateways, campaigns) };
}

/** PostgreSQL's clock, which should confirm Redis', is wrong itself, or the engine's own is. */
function makeWrongClocks(random: Random, { opensMs, endMs }: Span): Made {
  if (!random.chance(0.05)) return NONE;
  const faults = Array.from({ length: random.between(1, 2) }, (): Fault => {
    const isOwn = random.chance(0.4);
    return {
      ...BASE,
      kind: isOwn ? "an engine's own clock jumps" : 'clock of Postgres is set',
      atMs: random.between(opensMs - 100, endMs + 200),
      forMs: random.between(100, 2_500),
      target: random.between(0, 999),
      amount: isOwn ? random.between(50, 5_000) : random.between(-5_000, 5_000),
    };
  });
  return { faults, asks: [] };
}

/** Redis' clock is set, and a gateway starts before an engine has read that clock: it knows no other time. */
function makeNewcomerAtStep(random: Random, { opensMs, endMs, gateways }: Span): Made {
  if (!random.chance(0.05)) return NONE;
  const atMs = random.between(opensMs, endMs);
  const awayMs = random.between(20, 300);
  const gateway = random.between(0, gateways - 1);
  const crash = { ...BASE, kind: 'gateway crashes' as const, target: gateway };
  const step: Fault = {
    ...BASE,
    kind: 'clock of Redis is set',
    atMs,
    forMs: random.between(300, 2_000),
    amount: random.pick([-1, 1]) * random.between(400, 5_000),
  };
  return {
    faults: [{ ...crash, atMs: atMs - awayMs, forMs: awayMs + random.between(0, 120) }, step],
    asks: [],
  };
}

/**
 * Redis' clock is set back while no engine is running, or while engines' connections to Redis are slow. When the clock reaches
 * the same time again, gateways know only the verdict from before it was set.
 */
function makeUnseenStep(random: Random, { campaigns, gateways }: Span): Made {
  const campaign = random.pick(campaigns);
  const [opensMs, closesMs] = [campaign.opensAtUs, campaign.closesAtUs].map(us => (us - BEGINNING_US) / MS);
  if (opensMs === undefined || closesMs === undefined || closesMs - opensMs < LONG_OPEN_MS) return NONE;
  if (!random.chance(0.25)) return NONE;
  const backMs = random.between(150, 900);
  const atMs = random.between(opensMs, closesMs - backMs);
  const forMs = backMs + random.between(100, 800);
  const step: Fault = { ...BASE, kind: 'clock of Redis is set', atMs, forMs, amount: -backMs };
  const areAway = random.chance(0.5);
  const unseen = [0, 1].map(
    (target): Fault => ({
      ...BASE,
      kind: areAway ? 'engine crashes' : "an engine's Redis is slow",
      // Not while campaigns are still being made.
      atMs: Math.max(opensMs - 50, atMs - random.between(areAway ? 0 : 50, areAway ? 150 : 600)),
      forMs: forMs + 600,
      target,
      amount: areAway ? 0 : random.between(30, 300),
    }),
  );
  const asks = Array.from(
    { length: 12 },
    (_, index): Ask => ({
      ...PLAIN_ASK,
      what: 'enter',
      atMs: atMs + random.between(Math.floor(backMs / 2), forMs),
      userId: `u${index + 1}`,
      campaignId: campaign.campaignId,
      gateway: random.between(0, gateways - 1),
    }),
  );
  return { faults: [step, ...unseen], asks };
}

/**
 * PostgreSQL's clock goes wrong, by more than Redis' ever does here, and stays so or is set right later. Until the operator
 * declares Redis right, no engine decides anything. Redis' clock may be set as well, before or after that statement, and must
 * not be accepted.
 */
function makeWrongForGood(random: Random, { campaigns, gateways }: Span): Made {
  const campaign = random.pick(campaigns);
  const [opensMs, closesMs] = [campaign.opensAtUs, campaign.closesAtUs].map(us => (us - BEGINNING_US) / MS);
  if (opensMs === undefined || closesMs === undefined || closesMs - opensMs < LONG_OPEN_MS) return NONE;
  if (!random.chance(0.25)) return NONE;
  const atMs = random.between(opensMs - 200, opensMs + 400);
  const amount = random.pick([-1, 1]) * random.between(20_000, 60_000);
  const wrong = { ...BASE, kind: 'clock of Postgres goes wrong' as const, forMs: 0 };
  const faults: Fault[] = [{ ...wrong, atMs, amount }];
  if (random.chance(0.3)) faults.push({ ...wrong, atMs: atMs + random.between(300, 3_500), amount: -amount });
  if (random.chance(0.7)) {
    faults.push({
      ...BASE,
      kind: 'clock of Redis is set',
      atMs: atMs + random.between(100, 1_200),
      forMs: random.between(300, 1_800),
      amount: random.pick([-1, 1, 1]) * random.between(400, 5_000),
    });
  }
  const asks = Array.from(
    { length: 12 },
    (_, index): Ask => ({
      ...PLAIN_ASK,
      what: 'enter',
      atMs: random.between(atMs + 300, closesMs + 300),
      userId: `u${index + 1}`,
      campaignId: campaign.campaignId,
      gateway: random.between(0, gateways - 1),
    }),
  );
  return { faults, asks };
}

/**
 * Redis is emptied and slowly rebuilt, one entry after the other. Meanwhile, users who had entered enter again, and others look
 * up their entries.
 */
function makeSlowMaking(random: Random, { campaigns, gateways }: Span): Made {
  const campaign = random.pick(campaigns);
  const [opensMs, closesMs] = [campaign.opensAtUs, campaign.closesAtUs].map(us => (us - BEGINNING_US) / MS);
  if (opensMs === undefined || closesMs === undefined || closesMs - opensMs < LONG_OPEN_MS) return NONE;
  if (!random.chance(0.4)) return NONE;
  const atMs = opensMs + random.between(150, 300);
  const emptied: Fault = { ...BASE, kind: 'Redis is emptied', atMs, forMs: random.between(1, 20) };
  const slow = [0, 1].map(
    (target): Fault => ({
      ...BASE,
      kind: "an engine's Redis is slow",
      atMs: atMs + random.between(100, 700),
      forMs: random.between(1_000, 2_500),
      target,
      amount: random.between(60, 300),
    }),
  );
  const asks = Array.from({ length: 36 }, (_, index): Ask => {
    const what = random.pick(['enter', 'enter', 'look'] as const);
    const isBefore = index < 12;
    return {
      ...PLAIN_ASK,
      what: isBefore ? 'enter' : what,
      atMs: isBefore ? random.between(opensMs, atMs - 30) : random.between(atMs + 300, closesMs),
      userId: `u${random.between(1, isBefore ? 8 : 12)}`,
      campaignId: campaign.campaignId,
      gateway: random.between(0, gateways - 1),
    };
  });
  return { faults: [emptied, ...slow], asks };
}

/** Redis keeps its state, but a process that was in the middle of a call does not know how far it got. */
function makeLostConnections(random: Random, { opensMs, endMs }: Span): Made {
  if (!random.chance(0.06)) return NONE;
  const slow: Fault = {
    ...BASE,
    kind: "an engine's Redis is slow",
    atMs: opensMs,
    forMs: endMs + 500 - opensMs,
    amount: random.between(5, 60),
  };
  const lost = Array.from({ length: random.between(2, 12) }, (): Fault => {
    const atMs = random.between(opensMs, endMs + 400);
    return { ...BASE, kind: 'connections to Redis are lost', atMs, forMs: 0 };
  });
  return { faults: [slow, ...lost], asks: [] };
}

/**
 * Engines have so much to look through that each cycle takes longer than the shortest noticeable outage. Only in plans with
 * offers: these must lapse nevertheless.
 */
function makeLongCycles(random: Random, { opensMs, campaigns }: Span): Made {
  const haveClaims = campaigns.some(({ claims }) => claims !== undefined);
  if (!haveClaims || campaigns.some(({ room }) => room !== undefined) || !random.chance(0.15)) return NONE;
  const amount = random.between(2_100, 2_400);
  return { faults: [{ ...BASE, kind: 'cycles are long', atMs: opensMs, forMs: 1, amount }], asks: [] };
}

/** A user looks up the own entry again and again, at every gateway. */
function looksAround(random: Random, atMs: number, gateways: number, campaigns: readonly Announced[]): Ask[] {
  return Array.from({ length: 12 }, () => ({
    ...PLAIN_ASK,
    atMs: atMs + random.between(0, 2_800),
    what: 'look' as const,
    userId: `u${random.between(1, 3)}`,
    campaignId: random.pick(campaigns).campaignId,
    gateway: random.between(0, gateways - 1),
  }));
}
