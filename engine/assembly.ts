/**
 * How the judge is put together: intake, passes, the keeper of the registry, what tidies up behind them, and what the
 * operator's API is given. The servers are given: runtime.ts gives those that its configuration names, and the simulator
 * (bench/simulate) gives its own. So what is simulated is what runs.
 */
import type { Logger } from 'pino';
import type { Pool } from '../sql/database.ts';
import type { Campaign } from '../sql/statements/campaigns/campaigns.ts';
import { readPositions } from '../sql/statements/progress/log-partitions.ts';
import type { ApiDeps } from './api/deps.ts';
import { announceRest } from './campaigns/announce.ts';
import { resumeCloses } from './campaigns/close.ts';
import { readConfirmations } from './campaigns/confirmations.ts';
import { resumeChanges } from './campaigns/decide.ts';
import { tellDone } from './campaigns/done.ts';
import { resumeEnds } from './campaigns/offers.ts';
import { ClockWatch } from './clock/clock-watch.ts';
import type { JudgeConfig } from './config.ts';
import type { LogConsumer, LogFencing } from './contract/log/log.ts';
import { tellCouponsChanged } from './contract/redis/coupons/copies.ts';
import type { Keys } from './contract/redis/keys.ts';
import type { RedisClient } from './contract/redis/redis.ts';
import type { Randomness } from './draw/randomness.ts';
import { makeIntake } from './intake/intake.ts';
import type { Locks } from './locks.ts';
import { Loop } from './loop.ts';
import type { EngineMetrics } from './metrics.ts';
import { shelve } from './projections/shelving.ts';
import { Hearing, listen } from './settling/availability-clock.ts';
import { type CycleReport, SettlementCycle } from './settling/settlement-cycle.ts';
import { LeaseReaper } from './watermark/lease-reaper.ts';

/** How soon a campaign's opening is noticed, of which no message tells. */
const SOON_MS = 1_000;

/** What a judge works with; whoever opened it closes it. */
export interface JudgeServers {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly locks: Locks;
  readonly fencing: LogFencing;
  readonly consumer: LogConsumer;
}

/** How often a judge does what nobody asks it for, ms. */
export interface JudgeIntervals {
  /** Passes follow each other at no less than this. */
  readonly passGap: number;
  /** Between passes while a campaign is open or has entries to settle; what is asked for comes sooner ... */
  readonly passActive: number;
  /** ... and while nothing goes on. */
  readonly passIdle: number;
  /** How much later than its end by its lease a dead gateway is noticed, at most. */
  readonly keeper: number;
  /** How often it is looked whether people can be heard: deadlines pass that much later. */
  readonly hearing: number;
  /** How often PostgreSQL's clock is heard: one that was set is noticed that much later. */
  readonly clock: number;
  /**
   * How often the log is trimmed, half-told closes and changes are gone on with, missing rules are announced, and what has
   * come to its end leaves Redis.
   */
  readonly tidy: number;
}

export interface JudgeAssembly {
  readonly config: Pick<JudgeConfig, 'LEASE_MS' | 'LOG_PARTITIONS' | 'RECEIPT_SALT_SECRET' | 'CLOCK_STOP_MS'>;
  readonly servers: JudgeServers;
  readonly intervals: JudgeIntervals;
  /** How many campaigns are settled at once, at most. */
  readonly settledAtOnce: number;
  /** See MakerOptions: the simulator has few entries, and makes them in small pages. */
  readonly rankedAtOnce?: number | undefined;
  /** So long after its end a campaign stays in Redis, ms; absent: for good. */
  readonly shelveAfterMs?: number | undefined;
  /** See SettlingOptions. */
  readonly claimsAtOnce?: number | undefined;
  /** See SettlingOptions and PresenceOptions. */
  readonly movesAtOnce?: number | undefined;
  /** See RaffleOptions. */
  readonly drawnAtOnce?: number | undefined;
  /** See PublisherOptions. */
  readonly sharedFrom?: number | undefined;
  /** Where raffles get their randomness. */
  readonly randomness: Randomness;
  readonly metrics: EngineMetrics;
  readonly log: Logger;
}

/** What the operator's API is given of it. */
export type JudgeDeps = Pick<
  ApiDeps,
  | 'pool'
  | 'publish'
  | 'confirmations'
  | 'couponsChanged'
  | 'clocks'
  | 'nowUs'
  | 'leaseMs'
  | 'randomness'
  | 'log'
>;

export interface AssembledJudge {
  readonly deps: JudgeDeps;
  readonly clocks: ClockWatch;
  /** For people: 'ok', or how long leases hold where this engine was told another length. */
  leases(): string;
  /** How long ago a pass succeeded last; infinite where none has. */
  sincePassMs(): number;
  /** Stops between two steps; the servers are left open. */
  stop(): Promise<void>;
}

/** It is at work from here on. The database must be migrated. */
export function assembleJudge(assembly: JudgeAssembly): AssembledJudge {
  const { config, servers, intervals, metrics, log } = assembly;
  const { pool, redis, keys, consumer } = servers;
  const clocks = new ClockWatch({ pool, redis, leases: keys.leases, stopMs: config.CLOCK_STOP_MS, log });
  const clockLoop = makeLoop('the clocks', log, intervals.clock, async () => {
    await clocks.hear();
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
  const hearing = new Hearing(pool);
  const passes = new SettlementCycle(
    {
      ...servers,
      ...{ clocks, settling, hearing, log },
      settledAtOnce: assembly.settledAtOnce,
      rankedAtOnce: assembly.rankedAtOnce,
      sharedFrom: assembly.sharedFrom,
      endedAtOnce: assembly.movesAtOnce,
    },
    () => passLoop.request(),
  );
  const hearingLoop = makeLoop('hearing', log, intervals.hearing, async () => {
    await listen({ pool, clocks, sinceShownMs: () => passes.sinceShownMs() }, hearing);
    return intervals.hearing;
  });
  const deps = depsOf(assembly, passes, clocks);
  let lastPassMs = Number.NEGATIVE_INFINITY;
  const passLoop = makeLoop('passes', log, intervals.passGap, async () => {
    const beganMs = performance.now();
    let report: CycleReport | undefined;
    try {
      report = await passes.run();
      lastPassMs = performance.now();
      return report.more ? 0 : pauseMs(report, intervals);
    } finally {
      metrics.pass((performance.now() - beganMs) / 1000, report);
    }
  });
  const keeper = new LeaseReaper({
    ...servers,
    clocks,
    logName: consumer.name,
    partitions: config.LOG_PARTITIONS,
    leaseMs: config.LEASE_MS,
    log,
  });
  const keeperLoop = makeLoop('the keeper', log, intervals.keeper, async () => {
    await keeper.tick();
    return intervals.keeper;
  });
  const tidyLoop = makeLoop('tidying', log, intervals.tidy, async () => {
    await tidy(assembly, deps);
    await shelve({ pool, passes, afterMs: assembly.shelveAfterMs, log });
    return intervals.tidy;
  });
  const loops = [clockLoop, hearingLoop, passLoop, keeperLoop, tidyLoop];
  for (const loop of loops) loop.start();
  const intake = makeIntake({
    pool,
    logName: consumer.name,
    log,
    onBatch: counts => {
      metrics.batch(counts);
      passLoop.request();
    },
  });
  const consuming = consumer.run(intake).catch((err: unknown) => {
    log.error({ err }, 'cannot consume the log');
  });
  return {
    deps,
    clocks,
    leases: () => describeLength(config.LEASE_MS, passes.leaseMs),
    sincePassMs: () => performance.now() - lastPassMs,
    stop: async () => {
      // What is asked of a part that is gone gives up after its own timeout, so none of these waits for ever.
      await Promise.all([consumer.close(), passes.close(), ...loops.map(loop => loop.close())]);
      await consuming;
    },
  };
}

function describeLength(ownMs: number, registryMs: number | undefined): string {
  if (registryMs === undefined || registryMs === ownMs) return 'ok';
  return `LEASE_MS is ${ownMs}, but the registry was opened with ${registryMs}: no leases are granted until all leases of that length have ended`;
}

function depsOf(
  { config, servers, randomness, log }: JudgeAssembly,
  passes: SettlementCycle,
  clocks: ClockWatch,
): JudgeDeps {
  const { pool, redis, keys } = servers;
  return {
    pool,
    publish: (campaigns: readonly Campaign[]) => passes.tell(campaigns),
    confirmations: change => readConfirmations(redis, keys, change),
    couponsChanged: couponIds => tellCouponsChanged(redis, keys, couponIds),
    clocks,
    nowUs: () => clocks.nowUs(),
    leaseMs: config.LEASE_MS,
    randomness,
    log,
  };
}

async function tidy({ servers, randomness, metrics, log }: JudgeAssembly, deps: JudgeDeps): Promise<void> {
  const { pool, consumer } = servers;
  await announceRest(pool, randomness);
  await resumeChanges(deps);
  await tellDone(pool, metrics, log);
  // These reject while Redis is away, and those above have something to do then too.
  await trimLog(pool, consumer);
  await resumeCloses(deps);
  await resumeEnds(deps);
}

export function makeLoop(what: string, log: Logger, minGapMs: number, work: () => Promise<number>): Loop {
  return new Loop({
    work,
    minGapMs,
    onError: (err, failures) =>
      log[failures === 1 ? 'warn' : 'debug']({ err, failures }, `${what}: failed, retrying`),
    onRecovered: () => log.info(`${what}: recovered`),
  });
}

/** Often while a campaign is open or still has to be finished, or is about to open. */
function pauseMs({ unfinished, nowUs }: CycleReport, { passActive, passIdle }: JudgeIntervals): number {
  if (unfinished === undefined || nowUs === undefined) return passActive;
  const soonMs = nowUs / 1000 + SOON_MS;
  return unfinished.some(campaign => campaign.opensAt.getTime() <= soonMs) ? passActive : passIdle;
}

/** Lets go of what is in the ledger: nothing reads it again. */
async function trimLog(pool: Pool, consumer: LogConsumer): Promise<void> {
  const assigned = new Set(consumer.assigned());
  for (const { partition, position } of await readPositions(pool, consumer.name)) {
    if (assigned.has(partition)) await consumer.trim(partition, position);
  }
}
