/**
 * Faults that few seeds have. They are drawn from a source of their own, each from another one: a new kind leaves the plans of
 * all seeds that do not have it as they were.
 */
import type { Announced } from './checker.ts';
import type { Ask, Fault } from './plan.ts';
import { Random } from './random.ts';
import { BEGINNING_US, MS } from './world.ts';

/** When the first campaign opens, when the last one closes, and who is there. */
interface Span {
  readonly opensMs: number;
  readonly endMs: number;
  readonly gateways: number;
  readonly campaigns: readonly Announced[];
}

interface Rare {
  readonly faults: readonly Fault[];
  /** What people ask besides, as nobody would see the fault otherwise. */
  readonly asks: readonly Ask[];
}

const BASE = { place: undefined, amount: 0, target: 0 };
const NONE: Rare = { faults: [], asks: [] };

export function makeRare(random: Random, campaigns: readonly Announced[], gateways: number): Rare {
  const opensMs = Math.min(...campaigns.map(({ opensAtUs }) => (opensAtUs - BEGINNING_US) / MS));
  const endMs = Math.max(...campaigns.map(({ closesAtUs }) => (closesAtUs - BEGINNING_US) / MS));
  const span = { opensMs, endMs, gateways, campaigns };
  // In this order: what is new comes last.
  const kinds = [makeLeaseLengths, makeLateAnswers];
  const made = kinds.map(make => make(new Random(random.between(0, 2 ** 30)), span));
  return { faults: made.flatMap(({ faults }) => faults), asks: made.flatMap(({ asks }) => asks) };
}

/** LEASE_MS is changed, at one process by mistake or at all of them, one after the other. */
function makeLeaseLengths(random: Random, { opensMs, endMs }: Span): Rare {
  if (!random.chance(0.05)) return NONE;
  const faults = Array.from({ length: random.between(1, 2) }, (_, index): Fault => {
    // Of two changes at once nobody could say what comes of them.
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

/** Beside it Redis is failed over: who goes on at the old one must not go by what the log had taken before. */
function makeLateAnswers(random: Random, { opensMs, endMs, gateways, campaigns }: Span): Rare {
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

/** Somebody looks, again and again and everywhere, what became of them. */
function looksAround(random: Random, atMs: number, gateways: number, campaigns: readonly Announced[]): Ask[] {
  return Array.from({ length: 12 }, () => ({
    atMs: atMs + random.between(0, 2_800),
    what: 'look' as const,
    userId: `u${random.between(1, 3)}`,
    campaignId: random.pick(campaigns).campaignId,
    gateway: random.between(0, gateways - 1),
    bodyAfterMs: undefined,
    onTheWayMs: undefined,
    watches: false,
    claimsAfterMs: undefined,
    watchesAfterMs: 0,
  }));
}
