/** Makes the plan of a seed (plan.ts): random users and campaigns, and most of the faults. */
import type { Announced } from '../checks/checker-rows.ts';
import { Random } from '../kernel/random.ts';
import { BEGINNING_US, FAILPOINTS, MS } from '../kernel/world.ts';
import { makeAmbushes } from './ambushes.ts';
import { withEnds } from './ends.ts';
import { withOperations, withRaises, withRoomTerms } from './operations.ts';
import { type Ask, FAULT_KINDS, type Fault, type FaultKind, type Plan } from './plan.ts';
import { makeRare } from './rare-faults.ts';
import { makeShelf, type Shelf } from './shelf.ts';
import { NO_SHOP, shopOf } from './shopping.ts';

/** Far enough apart that seeds do not share randomness. */
const AMBUSH_SEEDS = 1_000_000_000;
const EMPTIED_AGAIN_SEEDS = 2_000_000_000;
const RARE_SEEDS = 3_000_000_000;
const SHELF_SEEDS = 4_000_000_000;
const CLAIMS_SEEDS = 5_000_000_000;
const REMEMBERING_SEEDS = 6_000_000_000;
const MOVES_SEEDS = 7_000_000_000;
/** With this value, the seeds that mutations/ names keep their plans. */
const ENDS_SEEDS = 9_373_004_119;
/** Chosen so that no seed named by a mutation or a known bug is drawn in turns: they keep showing what they showed. */
const DRAWN_SEEDS = 291_000_000_000;
/** One in this many seeds is drawn in turns. */
const DRAWN_IN_TURNS = 8;
/** Chosen in the same way. */
const SHARING_SEEDS = 401_000_609_839;
/** In one of this many seeds, two engines share all the work. */
const SHARING = 6;
/** Later answers are ignored; some runs wait as long as production would. */
const APPEND_TIMEOUT_MS = 300;
const LONG_APPEND_TIMEOUT_MS = 3_000;
/** By then gateways have their leases. */
const FIRST_OPENS_MS = 220;

export function planOf(seed: number): Plan {
  const operated = withRaises(withRoomTerms(withOperations(peoplesPlan(seed))));
  const plan = withEnds(new Random(seed + ENDS_SEEDS), operated);
  const shelf: Shelf = makeShelf(new Random(seed + SHELF_SEEDS), plan);
  const asks = [...plan.asks, ...shelf.asks];
  return { ...plan, ...shelf, asks, shop: shopOf(seed, plan.campaigns, plan.gateways) };
}

/** Without the operator's changes. */
function peoplesPlan(seed: number): Plan {
  const random = new Random(seed);
  const campaigns = makeCampaigns(random);
  const gateways = random.pick([1, 2, 2, 2, 3, 4]);
  const drawn = makeFaults(random, campaigns);
  const engines = random.pick([1, 1, 2]);
  // Drawn from a separate random source, so that another kind of ambush leaves the rest of a seed as it is.
  const again = emptiedAgain(new Random(seed + EMPTIED_AGAIN_SEEDS), drawn);
  const ambushes = makeAmbushes(new Random(seed + AMBUSH_SEEDS), campaigns, { gateways, engines });
  const rare = makeRare(new Random(seed + RARE_SEEDS), campaigns, gateways);
  const faults = withLongCyclesAlone(withOneWrongClock([...drawn, ...again, ...ambushes, ...rare.faults]));
  const isLate = rare.faults.some(({ kind }) => kind === 'answers of the log are late');
  return {
    seed,
    gateways,
    engines,
    partitions: random.between(1, 3),
    maxSliceEntries: random.pick([2, 3, 1_000]),
    leaseMs: random.pick([500, 600, 800]),
    waitMs: random.pick([0, 0, 30]),
    rankedAtOnce: rare.rankedAtOnce,
    claimsAtOnce: new Random(seed + CLAIMS_SEEDS).pick([undefined, 1, 2, 3]),
    movesAtOnce: new Random(seed + MOVES_SEEDS).pick([undefined, undefined, 1, 2]),
    drawnAtOnce: new Random(seed + DRAWN_SEEDS).between(1, DRAWN_IN_TURNS) === DRAWN_IN_TURNS ? 2 : undefined,
    sharedFrom: new Random(seed + SHARING_SEEDS).between(1, SHARING) === SHARING ? 1 : undefined,
    appendTimeoutMs: isLate ? LONG_APPEND_TIMEOUT_MS : APPEND_TIMEOUT_MS,
    clockStopMs: faults.some(({ kind }) => kind.startsWith('clock of '))
      ? random.pick([50, 300])
      : random.pick([50, 60_000, 60_000]),
    signs: random.chance(0.3),
    remembers: new Random(seed + REMEMBERING_SEEDS).chance(0.15),
    drift: random.chance(0.3) ? 0.02 : 0.000_1,
    campaigns,
    asks: [...makeAsks(random, campaigns, gateways, drawn), ...rare.asks].sort((a, b) => a.atMs - b.atMs),
    faults: faults.sort((a, b) => a.atMs - b.atMs),
    shop: NO_SHOP,
    shelveAfterMs: undefined,
  };
}

/**
 * Two of three clocks with the same error look like one wrong clock: while Redis' clock is wrong, the others are right.
 */
function withOneWrongClock(faults: readonly Fault[]): Fault[] {
  const isRedisSet = faults.some(({ kind }) => kind === 'clock of Redis is set');
  return faults.filter(({ kind }) => !isRedisSet || !OTHER_CLOCKS.includes(kind));
}

/** They last to the end, if everything else would take longer than the run waits. */
function withLongCyclesAlone(faults: readonly Fault[]): Fault[] {
  const long = faults.filter(({ kind }) => kind === 'cycles are long');
  return long.length > 0 ? long : [...faults];
}

const OTHER_CLOCKS: readonly FaultKind[] = ['clock of Postgres is set', "an engine's own clock jumps"];

function makeCampaigns(random: Random): Announced[] {
  return Array.from({ length: random.chance(0.15) ? 2 : 1 }, (_, index) => {
    const opensMs = random.between(FIRST_OPENS_MS, FIRST_OPENS_MS + 200);
    // Some stay open long enough for a gateway to be away until its lease has ended.
    const openMs = random.chance(0.2) ? random.between(1_200, 2_500) : random.between(150, 700);
    const kind = random.chance(0.12) ? 'room' : random.chance(0.55) ? 'coupon' : 'raffle';
    return {
      campaignId: index + 1,
      kind,
      stock: kind === 'room' ? MANY : random.between(1, 6),
      opensAtUs: BEGINNING_US + opensMs * MS,
      closesAtUs: BEGINNING_US + (opensMs + openMs) * MS,
      drawsAtUs: undefined,
      claims:
        kind !== 'room' && random.chance(0.12) ? { withinS: 1, waitlist: random.between(0, 2) } : undefined,
      room:
        kind === 'room'
          ? {
              perSecond: random.pick([1, 1, 3, 8]),
              capacity: random.chance(0.4) ? random.between(1, 4) : null,
              graceMs: GRACE_MS,
            }
          : undefined,
    };
  });
}

/** Some at once, some never, and many shortly before the deadline. */
function claimAfterMs(random: Random): number | undefined {
  if (random.chance(0.35)) return undefined;
  return random.chance(0.6) ? random.between(700, 1_000) : random.between(0, 700);
}

/** Rooms only: everybody who comes. */
const MANY = 1_000_000;
const GRACE_MS = 1_500;

/** Many users send requests in one rush, often while something goes wrong. */
function makeAsks(
  random: Random,
  campaigns: readonly Announced[],
  gateways: number,
  faults: readonly Fault[],
): Ask[] {
  const asks: Ask[] = [];
  const users = random.between(3, 10);
  for (const { campaignId, opensAtUs, closesAtUs, claims, room } of campaigns) {
    const opensMs = (opensAtUs - BEGINNING_US) / MS;
    const closesMs = (closesAtUs - BEGINNING_US) / MS;
    const someTime = (): number => random.between(opensMs - 20, closesMs + 20);
    const near = faults.length > 0 && random.chance(0.7) ? random.pick(faults) : undefined;
    const nearMs = near === undefined ? 0 : near.atMs - 5 + (random.chance(0.4) ? near.forMs : 0);
    const rushMs = nearMs > opensMs && nearMs < closesMs ? nearMs : someTime();
    const rushForMs = random.pick([5, 20, 100]);
    const base = {
      campaignId,
      bodyAfterMs: undefined,
      onTheWayMs: undefined,
      watches: false,
      claimsAfterMs: undefined,
      watchesAfterMs: 0,
    };
    for (let number = 1; number <= users; number++) {
      const userId = `u${number}`;
      const atMs = random.chance(0.5) ? rushMs + random.between(0, rushForMs) : someTime();
      // Some send their request twice, to two gateways.
      for (let copies = random.chance(0.25) ? 2 : 1; copies > 0; copies--) {
        asks.push({
          ...base,
          userId,
          what: 'enter',
          atMs: atMs + (copies - 1) * random.between(0, 5),
          gateway: random.between(0, gateways - 1),
          bodyAfterMs: random.chance(0.1) ? random.between(1, 200) : undefined,
          onTheWayMs: random.chance(0.5) ? random.between(0, 60) : undefined,
          watches: random.chance((claims ?? room) ? 0.85 : 0.5),
          claimsAfterMs: claims === undefined ? undefined : claimAfterMs(random),
          watchesAfterMs: room !== undefined && random.chance(0.2) ? random.between(0, 3_000) : 0,
        });
      }
      const gateway = random.between(0, gateways - 1);
      if (random.chance(0.2))
        asks.push({ ...base, userId, what: 'withdraw', atMs: atMs + random.between(5, 400), gateway });
      if (random.chance(0.3))
        asks.push({ ...base, userId, what: 'look', atMs: atMs + random.between(5, 900), gateway });
    }
    if (random.chance(0.1)) {
      asks.push({
        ...base,
        userId: 'operator',
        what: 'close',
        atMs: random.between(opensMs, closesMs),
        gateway: 0,
      });
    }
  }
  return asks;
}

/** Often several within a short time, so that each meets what the previous one has broken. */
function makeFaults(random: Random, campaigns: readonly Announced[]): Fault[] {
  const opensMs = Math.min(...campaigns.map(({ opensAtUs }) => (opensAtUs - BEGINNING_US) / MS));
  const endMs = Math.max(...campaigns.map(({ closesAtUs }) => (closesAtUs - BEGINNING_US) / MS));
  const isLong = campaigns.some(({ claims, room }) => claims !== undefined || room !== undefined);
  const count = random.chance(0.15) ? 0 : random.between(1, 7);
  const from = random.between(120, endMs);
  const isClustered = random.chance(0.5);
  const [fromMs, toMs] = isClustered ? [from, from + 400] : [120, endMs + 50];
  const faults = Array.from({ length: count }, () => makeFault(random, fromMs, toMs));
  if (random.chance(0.06)) faults.push(...makeAmbush(random, opensMs));
  if (isLong && random.chance(0.5)) faults.push(makeLongOutage(random, endMs));
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** Long enough not to look like a slow moment, while users wait or have offers. */
function makeLongOutage(random: Random, endMs: number): Fault {
  return {
    kind: random.pick(['Redis restarts', 'log is gone', 'Postgres restarts', 'engine pauses'] as const),
    atMs: endMs + random.between(-300, 1_500),
    failpoint: undefined,
    forMs: random.between(3_200, 4_500),
    target: random.between(0, 999),
    amount: 0,
  };
}

/** Redis is emptied again, once or twice, while it is being rebuilt. */
function emptiedAgain(random: Random, faults: readonly Fault[]): Fault[] {
  return faults
    .filter(({ kind }) => kind === 'Redis is emptied')
    .flatMap(fault => {
      const times = random.pick([0, 1, 1, 2]);
      return Array.from({ length: times }, (_, index) => ({
        ...fault,
        atMs: fault.atMs + fault.forMs + (index + 1) * random.between(5, 1_800),
        forMs: random.between(1, 30),
      }));
    });
}

/** A gateway stands still with its very first slice while Redis forgets it, and continues when everything is open again. */
function makeAmbush(random: Random, opensMs: number): Fault[] {
  const atMs = opensMs + random.between(-20, 60);
  const base = { target: random.between(0, 999), amount: 0, failpoint: undefined };
  return [
    { ...base, kind: 'Redis is emptied', atMs, forMs: random.between(5, 200) },
    {
      ...base,
      kind: 'gateway pauses',
      failpoint: 'append',
      atMs: atMs - 20,
      forMs: random.between(1_500, 2_500),
    },
  ];
}

function makeFault(random: Random, fromMs: number, toMs: number): Fault {
  const chosen: FaultKind[] = [];
  for (const [kind, parts] of Object.entries(FAULT_KINDS)) {
    for (let part = 0; part < parts; part++) if (isFaultKind(kind)) chosen.push(kind);
  }
  const kind = random.pick(chosen);
  return {
    kind,
    atMs: random.between(fromMs, toMs),
    failpoint: random.chance(0.6) ? random.pick(FAILPOINTS) : undefined,
    forMs: durationMs(random, kind),
    target: random.between(0, 999),
    amount: kind === 'clock of Redis is set' ? random.between(-5_000, 5_000) : random.between(5, 300),
  };
}

const STANDING_STILL: readonly FaultKind[] = [
  'gateway pauses',
  'gateway is suspended',
  'engine is suspended',
  'two Redis take writes',
];

/** Pauses are often long enough for a lease to end and its holder to be fenced. */
function durationMs(random: Random, kind: FaultKind): number {
  if (STANDING_STILL.includes(kind) && random.chance(0.6)) return random.between(1_100, 2_200);
  return random.chance(0.2) ? random.between(500, 1_300) : random.between(5, 500);
}

function isFaultKind(kind: string): kind is FaultKind {
  return kind in FAULT_KINDS;
}
