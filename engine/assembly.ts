/**
 * How the engine is assembled: intake, settlement cycles, the lease reaper, cleanup, and the dependencies of the operator's
 * API. The caller passes in the servers: runtime.ts opens those that its configuration names, and the simulator
 * (bench/simulate) has its own. So the simulator runs the same assembly.
 */
import type { Logger } from 'pino';
import type { Pool } from '../sql/database.ts';
import type { Campaign } from '../sql/statements/campaigns/campaigns.ts';
import type { ApiDeps } from './api/deps.ts';
import { readConfirmations } from './campaigns/telling/confirmations.ts';
import { ClockWatch } from './clock/clock-watch.ts';
import type { RuntimeConfig } from './config.ts';
import type { LogFencing } from './contract/log/log.ts';
import { tellCouponsChanged } from './contract/redis/coupons/copies.ts';
import type { Keys } from './contract/redis/keys.ts';
import type { RedisClient } from './contract/redis/redis.ts';
import type { Randomness } from './draw/randomness.ts';
import type { LogIntake } from './intake/log-intake.ts';
import type { Locks } from './locks.ts';
import { Loop, makeLoop } from './loop.ts';
import type { EngineMetrics } from './metrics.ts';
import { readPositions } from './projections/positions.ts';
import { tellBlocks } from './projections/publish-blocks.ts';
import { AvailabilityClock, checkAvailability } from './settling/availability-clock.ts';
import { type CycleReport, SettlementCycle } from './settling/settlement-cycle.ts';
import { Tidying } from './tidying.ts';
import { LeaseReaper } from './watermark/lease-reaper.ts';

/** How soon a campaign's opening is noticed; no message announces it. */
const SOON_MS = 1_000;

/** The servers of an engine; the caller that opened them closes them. */
export interface RuntimeServers {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly locks: Locks;
  readonly fencing: LogFencing;
  readonly intake: LogIntake;
}

/** Intervals of an engine's periodic work, ms. */
export interface RuntimeIntervals {
  /** The minimum time between the starts of two cycles. */
  readonly cycleGap: number;
  /** Between cycles while a campaign is open or has entries to settle; a requested cycle runs sooner ... */
  readonly cycleActive: number;
  /** ... and while there is nothing to do. */
  readonly cycleIdle: number;
  /** The maximum delay between the end of a lease and its detection. */
  readonly leases: number;
  /** How often the engine checks whether users could reach the service; deadlines pass that much later. */
  readonly availability: number;
  /** How often PostgreSQL's clock is read; a clock that was set is noticed that much later. */
  readonly clock: number;
  /** See Tidying. */
  readonly tidy: number;
}

export interface RuntimeAssembly {
  readonly config: Pick<
    RuntimeConfig,
    'LEASE_MS' | 'LOG_PARTITIONS' | 'RECEIPT_SALT_SECRET' | 'CLOCK_STOP_MS'
  >;
  readonly servers: RuntimeServers;
  readonly intervals: RuntimeIntervals;
  /** The maximum number of campaigns settled at once. */
  readonly settledAtOnce: number;
  /** See MakerOptions: the simulator has few entries and therefore uses small pages. */
  readonly rankedAtOnce?: number | undefined;
  /** How long a campaign stays in Redis after its end, ms; absent: forever. */
  readonly shelveAfterMs?: number | undefined;
  /** See SettlingOptions. */
  readonly claimsAtOnce?: number | undefined;
  /** See SettlingOptions and PresenceOptions. */
  readonly movesAtOnce?: number | undefined;
  /** See RaffleOptions. */
  readonly drawnAtOnce?: number | undefined;
  /** See PublisherOptions. */
  readonly sharedFrom?: number | undefined;
  /** The source of randomness for raffles. */
  readonly randomness: Randomness;
  readonly metrics: EngineMetrics;
  readonly log: Logger;
}

/** What the operator's API needs of the engine. */
export type RuntimeDeps = Pick<
  ApiDeps,
  | 'pool'
  | 'publish'
  | 'confirmations'
  | 'couponsChanged'
  | 'positions'
  | 'blocks'
  | 'clocks'
  | 'nowUs'
  | 'leaseMs'
  | 'longestLeaseMs'
  | 'randomness'
  | 'log'
>;

export interface AssembledRuntime {
  readonly deps: RuntimeDeps;
  readonly clocks: ClockWatch;
  /** For humans: 'ok', or the two lease lengths if this engine is configured with another one than the registry. */
  leases(): string;
  /** The time since the last successful cycle; infinite if there was none. */
  sinceCycleMs(): number;
  /** Stops between two steps; leaves the servers open. */
  stop(): Promise<void>;
}

/** Starts the engine. The database must be migrated. */
export function assembleRuntime(assembly: RuntimeAssembly): AssembledRuntime {
  const { config, servers, intervals, metrics, log } = assembly;
  const { pool, redis, keys, intake } = servers;
  const clocks = new ClockWatch({ pool, redis, leases: keys.leases, stopMs: config.CLOCK_STOP_MS, log });
  const clockLoop = makeLoop('the clocks', log, intervals.clock, async () => {
    await clocks.sample();
    return intervals.clock;
  });
  const settling = {
    pool,
    raffles: {
      randomness: assembly.randomness,
      saltSecret: config.RECEIPT_SALT_SECRET,
      drawnAtOnce: assembly.drawnAtOnce,
    },
    onDecided: (decided: number) => metrics.settled(decided),
    onMoved: (states: readonly string[]) => metrics.moved(states),
    claimsAtOnce: assembly.claimsAtOnce,
    movesAtOnce: assembly.movesAtOnce,
  };
  const availability = new AvailabilityClock(pool);
  const settlementCycle = new SettlementCycle(
    {
      ...servers,
      ...{ clocks, settling, availability, log },
      settledAtOnce: assembly.settledAtOnce,
      rankedAtOnce: assembly.rankedAtOnce,
      sharedFrom: assembly.sharedFrom,
      endedAtOnce: assembly.movesAtOnce,
    },
    () => cycleLoop.request(),
  );
  const availabilityLoop = makeLoop('availability', log, intervals.availability, async () => {
    await checkAvailability(
      { pool, clocks, sinceShownMs: () => settlementCycle.sinceShownMs() },
      availability,
    );
    return intervals.availability;
  });
  const deps = depsOf(assembly, settlementCycle, clocks);
  let lastCycleMs = Number.NEGATIVE_INFINITY;
  const cycleLoop = makeLoop('settlement cycles', log, intervals.cycleGap, async () => {
    const beganMs = performance.now();
    let report: CycleReport | undefined;
    try {
      report = await settlementCycle.run();
      lastCycleMs = performance.now();
      return report.more ? 0 : pauseMs(report, intervals);
    } finally {
      metrics.cycle((performance.now() - beganMs) / 1000, report);
    }
  });
  const reaper = new LeaseReaper({
    ...servers,
    clocks,
    logName: intake.name,
    partitions: config.LOG_PARTITIONS,
    leaseMs: config.LEASE_MS,
    log,
  });
  const reaperLoop = makeLoop('the lease reaper', log, intervals.leases, async () => {
    await reaper.tick();
    return intervals.leases;
  });
  const tidying = new Tidying({
    deps,
    intake,
    settlementCycle,
    shelveAfterMs: assembly.shelveAfterMs,
    metrics,
    log,
  });
  const tidyLoop = new Loop({
    work: async () => {
      await tidying.run();
      return intervals.tidy;
    },
    minGapMs: intervals.tidy,
    // Each step has logged its own.
    onError: () => undefined,
    onRecovered: () => undefined,
  });
  const loops = [clockLoop, availabilityLoop, cycleLoop, reaperLoop, tidyLoop];
  for (const loop of loops) loop.start();
  const ingesting = intake
    .run(counts => {
      metrics.batch(counts);
      cycleLoop.request();
    })
    .catch((err: unknown) => {
      log.error({ err }, 'cannot consume the log');
    });
  return {
    deps,
    clocks,
    leases: () => describeLength(config.LEASE_MS, settlementCycle.leaseMs),
    sinceCycleMs: () => performance.now() - lastCycleMs,
    stop: async () => {
      // A request to an unavailable server gives up after its own timeout, so none of these waits forever.
      await Promise.all([intake.close(), settlementCycle.close(), ...loops.map(loop => loop.close())]);
      await ingesting;
    },
  };
}

function describeLength(ownMs: number, registryMs: number | undefined): string {
  if (registryMs === undefined || registryMs === ownMs) return 'ok';
  return `LEASE_MS is ${ownMs}, but the registry was opened with ${registryMs}: no leases are granted until all leases of that length have ended`;
}

function depsOf(
  { config, servers, randomness, log }: RuntimeAssembly,
  settlementCycle: SettlementCycle,
  clocks: ClockWatch,
): RuntimeDeps {
  const { pool, redis, keys } = servers;
  return {
    pool,
    publish: (campaigns: readonly Campaign[]) => settlementCycle.tell(campaigns),
    confirmations: told => readConfirmations(redis, keys, told),
    blocks: {
      tell: () => tellBlocks(pool, redis, keys),
      missing: blocksRevision => readConfirmations(redis, keys, { blocksRevision }),
    },
    couponsChanged: couponIds => tellCouponsChanged(redis, keys, couponIds),
    positions: asked => readPositions(redis, keys, asked),
    clocks,
    nowUs: () => clocks.nowUs(),
    leaseMs: config.LEASE_MS,
    longestLeaseMs: async () => Math.max(config.LEASE_MS, (await clocks.readRegistry()).leaseMs ?? 0),
    randomness,
    log,
  };
}

/** Short while a campaign is open, unfinished or about to open. */
function pauseMs({ unfinished, nowUs }: CycleReport, { cycleActive, cycleIdle }: RuntimeIntervals): number {
  if (unfinished === undefined || nowUs === undefined) return cycleActive;
  const soonMs = nowUs / 1000 + SOON_MS;
  return unfinished.some(campaign => campaign.opensAt.getTime() <= soonMs) ? cycleActive : cycleIdle;
}
