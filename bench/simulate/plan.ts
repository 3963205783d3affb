/**
 * What a seed stands for: how many of everything there are, what people ask for and when, and what goes wrong. A plan
 * is data, so a failing one can be made smaller and run again (shrink.ts); what is left to chance while it runs comes
 * from the seed as well.
 */
import type { Announced } from './checker.ts';
import { Random } from './random.ts';
import { BEGINNING_US, MS } from './world.ts';

/** Something a person, or the operator, does. */
export interface Ask {
  readonly atMs: number;
  readonly what: 'enter' | 'withdraw' | 'look' | 'close';
  readonly userId: string;
  readonly campaignId: number;
  /** Which gateway is asked first. */
  readonly gateway: number;
  readonly bodyAfterMs: number | undefined;
  /** Who has entered opens a stream, and holds on to it until the outcome. */
  readonly watches: boolean;
}

/** Each with how often it is chosen, in parts of all. */
export const FAULT_KINDS = {
  'gateway crashes': 5,
  'gateway stops': 3,
  'gateway pauses': 6,
  'engine crashes': 3,
  'engine pauses': 4,
  'partitions move': 2,
  'Redis restarts': 2,
  'Redis falls back': 2,
  'Redis is emptied': 2,
  'clock of Redis is set': 2,
  'log is gone': 2,
  'records repeat': 2,
  'Postgres restarts': 2,
  'way is cut': 4,
  'way is slow': 6,
  'way is lossy': 3,
} as const;
export type FaultKind = keyof typeof FAULT_KINDS;

export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly forMs: number;
  /** Which gateway, engine or way; taken modulo how many there are. */
  readonly target: number;
  /** How much: of a clock in ms, of a slow way in ms, of a lossy one or of repeats in hundredths. */
  readonly amount: number;
}

export interface Plan {
  readonly seed: number;
  readonly gateways: number;
  readonly engines: number;
  readonly partitions: number;
  readonly maxSliceEntries: number;
  readonly leaseMs: number;
  /** How far the rates of the processes' clocks are off, parts of one. */
  readonly drift: number;
  readonly campaigns: readonly Announced[];
  readonly asks: readonly Ask[];
  readonly faults: readonly Fault[];
}

/** Gateways have their leases by then. */
const FIRST_OPENS_MS = 250;

export function planOf(seed: number): Plan {
  const random = new Random(seed);
  const campaigns = makeCampaigns(random);
  const endMs = Math.max(...campaigns.map(({ closesAtUs }) => (closesAtUs - BEGINNING_US) / MS));
  const gateways = random.between(1, 4);
  const faultCount = random.chance(0.15) ? 0 : random.between(1, 7);
  return {
    seed,
    gateways,
    engines: random.between(1, 2),
    partitions: random.between(1, 3),
    maxSliceEntries: random.pick([2, 3, 1_000]),
    leaseMs: random.pick([500, 600, 800]),
    drift: random.chance(0.3) ? 0.02 : 0.000_1,
    campaigns,
    asks: makeAsks(random, campaigns, gateways).sort((a, b) => a.atMs - b.atMs),
    faults: Array.from({ length: faultCount }, () => makeFault(random, endMs)).sort((a, b) => a.atMs - b.atMs),
  };
}

function makeCampaigns(random: Random): Announced[] {
  return Array.from({ length: random.chance(0.25) ? 2 : 1 }, (_, index) => {
    const opensMs = random.between(FIRST_OPENS_MS, FIRST_OPENS_MS + 300);
    const openMs = random.between(200, 1_000);
    return {
      campaignId: index + 1,
      kind: random.chance(0.55) ? ('coupon' as const) : ('raffle' as const),
      places: random.between(1, 6),
      opensAtUs: BEGINNING_US + opensMs * MS,
      closesAtUs: BEGINNING_US + (opensMs + openMs) * MS,
    };
  });
}

function makeAsks(random: Random, campaigns: readonly Announced[], gateways: number): Ask[] {
  const asks: Ask[] = [];
  const users = random.between(3, 14);
  for (const { campaignId, opensAtUs, closesAtUs } of campaigns) {
    const opensMs = (opensAtUs - BEGINNING_US) / MS;
    const closesMs = (closesAtUs - BEGINNING_US) / MS;
    const someTime = (): number => random.between(opensMs - 20, closesMs + 20);
    const rushMs = someTime();
    const base = { campaignId, bodyAfterMs: undefined, watches: false };
    for (let number = 1; number <= users; number++) {
      const userId = `u${number}`;
      const atMs = random.chance(0.5) ? rushMs + random.between(0, 8) : someTime();
      // Some ask twice, at two gateways.
      for (let copies = random.chance(0.25) ? 2 : 1; copies > 0; copies--) {
        asks.push({
          ...base,
          userId,
          what: 'enter',
          atMs: atMs + (copies - 1) * random.between(0, 5),
          gateway: random.between(0, gateways - 1),
          bodyAfterMs: random.chance(0.1) ? random.between(1, 200) : undefined,
          watches: random.chance(0.5),
        });
      }
      const gateway = random.between(0, gateways - 1);
      if (random.chance(0.2)) asks.push({ ...base, userId, what: 'withdraw', atMs: atMs + random.between(5, 400), gateway });
      if (random.chance(0.3)) asks.push({ ...base, userId, what: 'look', atMs: atMs + random.between(5, 900), gateway });
    }
    if (random.chance(0.1)) {
      asks.push({ ...base, userId: 'operator', what: 'close', atMs: random.between(opensMs, closesMs), gateway: 0 });
    }
  }
  return asks;
}

function makeFault(random: Random, endMs: number): Fault {
  const chosen: FaultKind[] = [];
  for (const [kind, parts] of Object.entries(FAULT_KINDS)) {
    for (let part = 0; part < parts; part++) if (isFaultKind(kind)) chosen.push(kind);
  }
  const kind = random.pick(chosen);
  const isLong = random.chance(0.25);
  return {
    kind,
    atMs: random.between(150, endMs + 50),
    forMs: isLong ? random.between(500, 1_800) : random.between(5, 500),
    target: random.between(0, 999),
    amount: kind === 'clock of Redis is set' ? random.between(-5_000, 5_000) : random.between(5, 300),
  };
}

function isFaultKind(kind: string): kind is FaultKind {
  return kind in FAULT_KINDS;
}
