/**
 * The engine on the servers of its configuration: the assembly of assembly.ts, with intake and books in a process of their own
 * (background/). The engine process is this plus the operator's API.
 */
import type { Logger } from 'pino';
import { openPool } from '../sql/database.ts';
import type { Readiness } from './api/deps.ts';
import {
  type AssembledRuntime,
  assembleRuntime,
  type RuntimeDeps,
  type RuntimeIntervals,
  type RuntimeServers,
} from './assembly.ts';
import { type Background, startBackground } from './background/background.ts';
import { backgroundConnections } from './background/connections.ts';
import type { RuntimeConfig } from './config.ts';
import { KeyRing } from './contract/keys/key-ring.ts';
import { openFencing } from './contract/log/open.ts';
import { messageOf } from './contract/process/message-of.ts';
import { OutageLog } from './contract/process/outage-log.ts';
import { withTimeout } from './contract/process/with-timeout.ts';
import { keysOf } from './contract/redis/keys.ts';
import { connectRedis } from './contract/redis/redis.ts';
import { checkRedisMode } from './contract/redis/redis-mode.ts';
import { Randomness } from './draw/randomness.ts';
import { Locks } from './locks.ts';
import { makeLoop } from './loop.ts';
import { type EngineMetrics, makeMetrics } from './metrics.ts';
import { signLogHead } from './operators/log-heads.ts';
import { closeIfRestored } from './watermark/restored-ledger.ts';

/** How often the engine checks whether the head of the operator log is to be signed. */
const LOG_HEADS_MS = 5_000;
/** If the last successful settlement cycle is older than this, something is wrong. */
const STALE_CYCLE_MS = 10_000;
const READY_TIMEOUT_MS = 2_000;
/** How many connections to Postgres settling may use: looking for work and the API need the others of this process. */
const SETTLING_SHARE = 0.4;

function intervalsOf(config: RuntimeConfig): RuntimeIntervals {
  const cycles = { cycleGap: config.CYCLE_INTERVAL_MS, cycleActive: 50, cycleIdle: 500 };
  return { ...cycles, availability: 250, leases: 100, clock: 200, tidy: 2_000 };
}

export interface Runtime {
  readonly metrics: EngineMetrics;
  /** The parts passed to the operator's API. */
  readonly deps: RuntimeDeps;
  ready(): Promise<Readiness>;
  stop(): Promise<void>;
}

/** The database must be migrated. Rejects if the log is not available within 15 s. */
export async function startRuntime(config: RuntimeConfig, log: Logger): Promise<Runtime> {
  const servers = await openServers(config, log);
  await closeIfRestored(servers, log).catch((error: unknown) =>
    log.warn(
      { reason: messageOf(error) },
      'cannot compare the ledger with Redis: if the ledger was restored, run `npm run rebuild`',
    ),
  );
  const metrics = makeMetrics(servers.redis, servers.keys);
  const randomness = new Randomness({
    drawSecret: config.DRAW_SECRET,
    drandDelayMs: config.DRAND_DELAY_S * 1_000,
    relays: config.DRAND_RELAYS.split(',').map(relay => relay.trim()),
    // A draw is due only after the clocks were read.
    nowMs: () => assembled.clocks.sharedUs / 1_000,
    log,
  });
  const intervals = intervalsOf(config);
  const shelveAfterMs = config.SHELVE_AFTER_S * 1_000;
  const settledAtOnce = Math.max(1, Math.floor(config.DATABASE_CONNECTIONS * SETTLING_SHARE));
  const parts = { config, servers, intervals, shelveAfterMs, settledAtOnce, randomness, metrics, log };
  const assembled = assembleRuntime(parts);
  metrics.clocks(assembled.clocks);
  metrics.books(servers.intake);
  const stopSigning = startSigning(config, servers, log);
  return {
    metrics,
    deps: assembled.deps,
    ready: () => readiness(servers, assembled),
    stop: async () => {
      await Promise.all([assembled.stop(), stopSigning()]);
      await servers.fencing.close();
      await closeConnections(servers);
    },
  };
}

/** Signs the operator log with the key of the books. The returned function stops that. */
function startSigning(config: RuntimeConfig, { pool }: RuntimeServers, log: Logger): () => Promise<void> {
  const keys = new KeyRing(config, log);
  keys.start();
  if (keys.keyAt('books', Date.now()) === undefined) {
    log.warn(
      'neither SIGNING_KEYS_DIR nor SIGNING_KEY has a key for books: no books are created, and no heads of the operator log are signed',
    );
  }
  const loop = makeLoop('heads of the operator log', log, LOG_HEADS_MS, async () => {
    await signLogHead({ pool, keys, log });
    return LOG_HEADS_MS;
  });
  loop.start();
  return async () => {
    keys.stop();
    await loop.close();
  };
}

/** The servers of this process, and the process that has those of intake and books. */
interface OpenServers extends RuntimeServers {
  readonly intake: Background;
}

async function openServers(config: RuntimeConfig, log: Logger): Promise<OpenServers> {
  await checkRedisMode(config.REDIS_URL);
  const postgresOutages = new OutageLog(log, 'Postgres');
  const pool = openPool(config.DATABASE_URL, {
    max: config.DATABASE_CONNECTIONS - backgroundConnections(config),
    applicationName: 'fairline engine',
    onError: postgresOutages.gone,
    onConnect: postgresOutages.back,
  });
  const redisOutages = new OutageLog(log, 'Redis');
  const redis = connectRedis(config.REDIS_URL, {
    commandTimeoutMs: config.REDIS_TIMEOUT_MS,
    onError: redisOutages.gone,
    onReady: redisOutages.back,
  });
  const lockOutages = new OutageLog(log, 'Postgres for locks');
  const locks = new Locks({
    databaseUrl: config.DATABASE_URL,
    applicationName: 'fairline engine locks',
    onError: lockOutages.gone,
    onConnect: lockOutages.back,
  });
  const keys = keysOf(config.NAMESPACE);
  const opening = [openFencing(config, log), startBackground()] as const;
  try {
    const [fencing, intake] = await Promise.all(opening);
    return { pool, redis, keys, locks, fencing, intake };
  } catch (error) {
    // What was opened all the same.
    for (const opened of await Promise.allSettled(opening)) {
      if (opened.status === 'fulfilled') await opened.value.close();
    }
    await closeConnections({ pool, redis, locks });
    throw error;
  }
}

async function closeConnections({
  pool,
  redis,
  locks,
}: Pick<RuntimeServers, 'pool' | 'redis' | 'locks'>): Promise<void> {
  redis.disconnect();
  await locks.close();
  await pool.end();
}

async function readiness({ pool, redis }: RuntimeServers, assembled: AssembledRuntime): Promise<Readiness> {
  const [postgres, redisCheck] = await Promise.all([check(pool.query('select 1')), check(redis.ping())]);
  const cycles =
    assembled.sinceCycleMs() < STALE_CYCLE_MS ? 'ok' : 'no settlement cycle has succeeded in the last 10 s';
  const [clocks, leases] = [assembled.clocks.describe(), assembled.leases()];
  const checks = { postgres, redis: redisCheck, clocks, leases, cycles };
  return { ok: Object.values(checks).every(result => result === 'ok'), checks };
}

async function check(question: Promise<unknown>): Promise<string> {
  const late = (): Promise<never> => Promise.reject(new Error(`no answer within ${READY_TIMEOUT_MS} ms`));
  return await withTimeout(READY_TIMEOUT_MS, question, late).then(() => 'ok', messageOf);
}
