/** Combined faults: what must go wrong in sequence, at the right times, for one bug to show. */
import type { Announced } from '../checks/checker-rows.ts';
import type { Random } from '../kernel/random.ts';
import { BEGINNING_US, MS } from '../kernel/world.ts';
import type { Fault } from './plan.ts';

export function makeAmbushes(
  random: Random,
  campaigns: readonly Announced[],
  { gateways, engines }: { readonly gateways: number; readonly engines: number },
): Fault[] {
  const opensMs = Math.min(...campaigns.map(({ opensAtUs }) => (opensAtUs - BEGINNING_US) / MS));
  const endMs = Math.max(...campaigns.map(({ closesAtUs }) => (closesAtUs - BEGINNING_US) / MS));
  const faults: Fault[] = [];
  if (campaigns.some(({ claims }) => claims !== undefined)) {
    const which = random.next();
    if (which < 0.25) faults.push(...makeBacklog(random, endMs, engines));
    else if (which < 0.5) faults.push(...makeNewcomers(random, endMs, gateways));
  }
  if (campaigns.some(({ room }) => room !== undefined) && engines > 1 && random.chance(0.9))
    faults.push(...makeDeathsWithReports(random, opensMs, endMs));
  // Drawn last, so that all other random choices stay as they were.
  if (random.chance(0.05)) faults.push(...makeLonelyClock(random, opensMs, gateways));
  if (campaigns.some(({ room }) => room !== undefined) && engines > 1 && random.chance(0.5))
    faults.push(makeHeldReports(random, opensMs, endMs));
  return faults;
}

/**
 * No engine is running while gateways and the log go on. Then one slowly takes in what was logged: the watermark follows in
 * short steps, all of which lie in the outage.
 */
function makeBacklog(random: Random, endMs: number, engines: number): Fault[] {
  const atMs = endMs + random.between(100, 900);
  const forMs = random.between(3_200, 4_500);
  const amount = random.between(30, 150);
  return Array.from({ length: engines }, (_, engine): Fault[] => [
    { kind: 'engine pauses', atMs, failpoint: undefined, forMs, target: engine, amount: 0 },
    {
      kind: 'way is slow',
      atMs: atMs + forMs - 20,
      failpoint: undefined,
      forMs: 1_500,
      target: WAYS_OF_AN_ENGINE * engine + TO_THE_LOG,
      amount,
    },
  ]).flat();
}

/** In order of their names, the paths of engines come first: each to Postgres, to Redis, and to the log. */
const WAYS_OF_AN_ENGINE = 3;
const TO_THE_LOG = 2;

/** All gateways leave, and others register while the log is down, so only the registry moves the watermark. */
function makeNewcomers(random: Random, endMs: number, gateways: number): Fault[] {
  const atMs = endMs + random.between(-100, 300);
  const stops = Array.from({ length: gateways }, (_, target): Fault => {
    const forMs = random.between(500, 1_500);
    return { kind: 'gateway stops', atMs, failpoint: undefined, forMs, target, amount: 0 };
  });
  const goneAtMs = atMs + random.between(100, 500);
  const forMs = random.between(3_200, 4_500);
  return [
    ...stops,
    { kind: 'log is gone', atMs: goneAtMs, failpoint: undefined, forMs, target: 0, amount: 0 },
  ];
}

/** An engine dies after it has taken the reports of streams; the other one looks meanwhile, and finds them taken. */
function makeDeathsWithReports(random: Random, opensMs: number, endMs: number): Fault[] {
  return Array.from({ length: 3 }, () => ({
    kind: 'engine crashes',
    atMs: random.between(opensMs, endMs + 500),
    failpoint: 'presence',
    forMs: random.between(50, 500),
    target: random.between(0, 1),
    amount: 0,
  }));
}

/** An engine stands still after it has taken the reports of streams: the other one does not know which users came meanwhile. */
function makeHeldReports(random: Random, opensMs: number, endMs: number): Fault {
  return {
    kind: 'engine pauses',
    atMs: random.between(opensMs, endMs + 1_500),
    failpoint: 'presence',
    forMs: random.between(2_000, 4_500),
    target: random.between(0, 1),
    amount: 0,
  };
}

/** Redis' clock is set forward while no gateway's promise bounds the watermark, so that clock alone gives the time. */
function makeLonelyClock(random: Random, opensMs: number, gateways: number): Fault[] {
  const base = { failpoint: undefined, amount: 0 };
  const crashes = Array.from(
    { length: gateways },
    (_, target): Fault => ({
      ...base,
      kind: 'gateway crashes',
      atMs: random.between(50, 150),
      forMs: random.between(400, 1_500),
      target,
    }),
  );
  const atMs = opensMs + random.between(-100, 100);
  const amount = random.between(500, 5_000);
  const forMs = random.between(200, 2_000);
  return [...crashes, { ...base, kind: 'clock of Redis is set', atMs, forMs, target: 0, amount }];
}
