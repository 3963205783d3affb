/**
 * The judge at work: intake, passes, the keeper of the registry and what tidies up behind them, all on one pool, one
 * client of Redis and one log. The engine is this and the operator's API.
 */
import type { Logger } from 'pino';
import type { Campaign } from '../sql/campaigns.ts';
import { openPool, type Pool } from '../sql/database.ts';
import { readPositions } from '../sql/log-partitions.ts';
import { announceRest } from './announce.ts';
import { toBoard } from './api/board-campaign.ts';
import { resumeCloses } from './api/close.ts';
import type { ApiDeps, Readiness } from './api/deps.ts';
import { makeBooks } from './book/binder.ts';
import type { JudgeConfig } from './config.ts';
import { publishBoard } from './contract/board/board.ts';
import { tellCouponsChanged } from './contract/coupons/copies.ts';
import { KeyRing } from './contract/key-ring.ts';
import { type Keys, keysOf } from './contract/keys.ts';
import type { LogConsumer, LogProducer } from './contract/log/log.ts';
import { openConsumer, openProducer } from './contract/log/open.ts';
import { connectRedis, type RedisClient } from './contract/redis.ts';
import { makeIntake } from './intake.ts';
import { Locks } from './locks.ts';
import { Loop } from './loop.ts';
import { type EngineMetrics, makeMetrics } from './metrics.ts';
import { LockedPartitions } from './partitions.ts';
import { Passes, type PassReport } from './passes.ts';
import { Randomness } from './randomness.ts';
import { RegistryKeeper } from './registry.ts';
import { readConfirmations } from './schedule/confirmations.ts';
import { resumeChanges } from './schedule/decide.ts';
import { tellDone } from './schedule/done.ts';

/** Between passes while a campaign is open or has entries to settle; what is asked for comes sooner. */
const ACTIVE_MS = 50;
/** Between passes while nothing goes on. */
const IDLE_MS = 500;
/** How soon a campaign's opening is noticed, of which no message tells. */
const SOON_MS = 1_000;
/** How much later than its end by its lease a dead gateway is noticed, at most. */
const KEEPER_MS = 100;
/** How often the log is trimmed, half-told closes and changes are gone on with, and missing rules are announced. */
const TIDY_MS = 2_000;
/** How soon the book of a campaign that has come to its end is begun. */
const BOOKS_MS = 1_000;
/** Passes that succeeded last this long ago: something is wrong. */
const STALE_PASS_MS = 10_000;
const READY_TIMEOUT_MS = 2_000;

export interface Judge {
  readonly pool: Pool;
  readonly metrics: EngineMetrics;
  /** Puts campaigns on the board now. */
  publish(campaigns: readonly Campaign[]): Promise<void>;
  readonly confirmations: ApiDeps['confirmations'];
  /** Tells gateways that coupons have changed. */
  couponsChanged(couponIds: readonly number[]): Promise<void>;
  /** Redis' TIME in microseconds since the epoch. */
  nowUs(): Promise<number>;
  ready(): Promise<Readiness>;
  /** Where raffles get their randomness. */
  readonly randomness: Randomness;
  stop(): Promise<void>;
}

/** What a judge works with, opened and closed together. */
interface Parts {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly locks: Locks;
  readonly producer: LogProducer;
  readonly consumer: LogConsumer;
}

/** The database must be migrated. Rejects when the log isn't there within 15 s. */
export async function startJudge(config: JudgeConfig, log: Logger): Promise<Judge> {
  const parts = await openParts(config, log);
  const { pool, redis, keys, producer, consumer } = parts;
  const metrics = makeMetrics(redis, keys);
  const randomness = new Randomness({
    drawSecret: config.DRAW_SECRET,
    drandDelayMs: config.DRAND_DELAY_S * 1_000,
    relays: config.DRAND_RELAYS.split(',').map(relay => relay.trim()),
    log,
  });
  const settling = {
    pool,
    raffles: { randomness, saltSecret: config.RECEIPT_SALT_SECRET },
    onDecided: (decided: number) => metrics.settled(decided),
    onMoved: (states: readonly string[]) => metrics.moved(states),
  };
  const passes = new Passes({ pool, redis, keys, settling, log }, () => passLoop.request());
  let lastPassMs = Number.NEGATIVE_INFINITY;
  const passLoop = makeLoop('passes', log, config.PASS_INTERVAL_MS, async () => {
    const beganMs = performance.now();
    let report: PassReport | undefined;
    try {
      report = await passes.run();
      lastPassMs = performance.now();
      return report.more ? 0 : intervalMs(report);
    } finally {
      metrics.pass((performance.now() - beganMs) / 1000, report);
    }
  });
  const keeper = new RegistryKeeper({
    ...parts,
    logName: consumer.name,
    partitions: config.LOG_PARTITIONS,
    leaseMs: config.LEASE_MS,
    log,
  });
  const keeperLoop = makeLoop('the keeper', log, KEEPER_MS, async () => {
    await keeper.tick();
    return KEEPER_MS;
  });
  const publish = (campaigns: readonly Campaign[]): Promise<void> =>
    publishBoard(redis, keys, { campaigns: campaigns.map(toBoard) });
  const nowUs = (): Promise<number> => redisTimeUs(redis);
  const confirmations: ApiDeps['confirmations'] = change => readConfirmations(redis, keys, change);
  const tidyLoop = makeLoop('tidying', log, TIDY_MS, async () => {
    await announceRest(pool, randomness);
    const changing = { pool, publish, nowUs, confirmations, leaseMs: config.LEASE_MS, randomness, log };
    await resumeChanges(changing);
    await tellDone(pool, metrics, log);
    // These reject while Redis is away, and those above have something to do then too.
    await trimLog(pool, consumer);
    await resumeCloses(changing);
    return TIDY_MS;
  });
  const signingKeys = new KeyRing(config, log);
  signingKeys.start();
  if (signingKeys.keyAt('books', Date.now()) === undefined) {
    log.warn('neither SIGNING_KEYS_DIR nor SIGNING_KEY has a key for books: none are made');
  }
  let isStopping = false;
  const bookLoop = makeLoop('books', log, BOOKS_MS, async () => {
    await makeBooks(
      { pool, keys: signingKeys, saltSecret: config.RECEIPT_SALT_SECRET, log },
      () => isStopping,
    );
    return BOOKS_MS;
  });
  const loops = [passLoop, keeperLoop, tidyLoop, bookLoop];
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
    log.error({ err }, 'the log is not consumed');
  });
  return {
    pool,
    metrics,
    randomness,
    publish,
    couponsChanged: couponIds => tellCouponsChanged(redis, keys, couponIds),
    nowUs,
    confirmations,
    ready: () => readiness(parts, performance.now() - lastPassMs),
    stop: async () => {
      isStopping = true;
      signingKeys.stop();
      // What is asked of a part that is gone gives up after its own timeout, so none of these waits for ever.
      await Promise.all([consumer.close(), passes.close(), ...loops.map(loop => loop.close())]);
      await consuming;
      await producer.close();
      await closeConnections(parts);
    },
  };
}

async function openParts(config: JudgeConfig, log: Logger): Promise<Parts> {
  const pool = openPool(config.DATABASE_URL, {
    max: config.DATABASE_CONNECTIONS,
    applicationName: 'fairline engine',
    // Not the error itself: it carries the connection, with all that it was opened with.
    onError: error => log.warn({ reason: error.message }, 'a connection to Postgres was lost'),
  });
  const redis = connectRedis(config.REDIS_URL, {
    commandTimeoutMs: config.REDIS_TIMEOUT_MS,
    onError: err => log.debug({ err }, 'no connection to Redis'),
  });
  const locks = new Locks({
    databaseUrl: config.DATABASE_URL,
    applicationName: 'fairline engine locks',
    onError: error => log.warn({ reason: error.message }, 'the connection that holds locks was lost'),
  });
  const keys = keysOf(config.NAMESPACE);
  let producer: LogProducer | undefined;
  try {
    producer = await openProducer(config, log);
    const consumer = await openConsumer(
      config,
      log,
      () => new LockedPartitions(pool, locks, config.LOG_PARTITIONS),
    );
    return { pool, redis, keys, locks, producer, consumer };
  } catch (error) {
    await producer?.close();
    await closeConnections({ pool, redis, locks });
    throw error;
  }
}

async function closeConnections({
  pool,
  redis,
  locks,
}: Pick<Parts, 'pool' | 'redis' | 'locks'>): Promise<void> {
  redis.disconnect();
  await locks.close();
  await pool.end();
}

function makeLoop(what: string, log: Logger, minGapMs: number, work: () => Promise<number>): Loop {
  return new Loop({
    work,
    minGapMs,
    onError: (err, failures) =>
      log[failures === 1 ? 'warn' : 'debug']({ err, failures }, `${what}: failed, tried again`),
    onRecovered: () => log.info(`${what}: going on`),
  });
}

/** Often while a campaign is open or still has to be finished, or is about to open. */
function intervalMs({ unfinished, nowUs }: PassReport): number {
  if (unfinished === undefined || nowUs === undefined) return ACTIVE_MS;
  const soonMs = nowUs / 1000 + SOON_MS;
  return unfinished.some(campaign => campaign.opensAt.getTime() <= soonMs) ? ACTIVE_MS : IDLE_MS;
}

async function redisTimeUs(redis: RedisClient): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000_000 + Number(micros);
}

/** Lets go of what is in the ledger: nothing reads it again. */
async function trimLog(pool: Pool, consumer: LogConsumer): Promise<void> {
  const assigned = new Set(consumer.assigned());
  for (const { partition, position } of await readPositions(pool, consumer.name)) {
    if (assigned.has(partition)) await consumer.trim(partition, position);
  }
}

async function readiness({ pool, redis }: Parts, sincePassMs: number): Promise<Readiness> {
  const [postgres, redisCheck] = await Promise.all([check(pool.query('select 1')), check(redis.ping())]);
  const passes = sincePassMs < STALE_PASS_MS ? 'ok' : 'no pass has succeeded in the last 10 s';
  const checks = { postgres, redis: redisCheck, passes };
  return { ok: Object.values(checks).every(result => result === 'ok'), checks };
}

async function check(question: Promise<unknown>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>(resolve => {
    timer = setTimeout(() => resolve(`no answer within ${READY_TIMEOUT_MS} ms`), READY_TIMEOUT_MS);
  });
  const asked = question.then(
    () => 'ok',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
