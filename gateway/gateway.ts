/** A gateway over the servers that its configuration names, and the HTTP server in front of it. */
import type { Logger } from 'pino';
import { KeyRing } from '../engine/contract/keys/key-ring.ts';
import { openProducer } from '../engine/contract/log/open.ts';
import { OutageLog } from '../engine/contract/process/outage-log.ts';
import { SliceTree } from '../engine/contract/record/slice-tree.ts';
import { keysOf } from '../engine/contract/redis/keys.ts';
import { connectRedis, waitForRedis } from '../engine/contract/redis/redis.ts';
import { checkRedisMode } from '../engine/contract/redis/redis-mode.ts';
import { assembleGateway, type GatewayIntervals } from './assembly.ts';
import { DOWNLOADS } from './cold/book.ts';
import { Ledger } from './cold/ledger.ts';
import type { GatewayConfig } from './config.ts';
import { Ranker } from './entry/rank.ts';
import { Metrics } from './metrics.ts';
import { Hmac } from './ticket/hmac.ts';
import { TicketVerifier } from './ticket/ticket.ts';
import { TicketBatch } from './ticket/ticket-batch.ts';
import { WARM_UP_SLICES, WarmUpFailed, warmUp } from './warm-up/warm-up.ts';
import type { WarmUpServers } from './warm-up/warm-up-parts.ts';

export interface Gateway {
  readonly port: number;
  /** Accepts nothing more, finishes what it has accepted, appends its leave to the log, and closes everything. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 10_000;

function intervalsOf(config: GatewayConfig): GatewayIntervals {
  return {
    clock: 250,
    boardBusy: config.BOARD_INTERVAL_MS,
    boardIdle: 250,
    throughBusy: 100,
    throughIdle: 1_000,
    // With 250, sequential look-ups each wait for the next `through`: 1,472 of them took some 110 s.
    confirm: 25,
    presence: 250,
  };
}

/** Resolves when the gateway listens. It accepts entries as soon as it has a lease, which /readyz shows. */
export async function startGateway(
  config: GatewayConfig,
  { name, log }: { name: string; log: Logger },
): Promise<Gateway> {
  const keys = keysOf(config.NAMESPACE);
  const ring = new KeyRing(config, log);
  if (config.RECEIPTS === 'on') ring.require('slices', Date.now());
  await checkRedisMode(config.REDIS_URL);
  const outages = new OutageLog(log, 'Redis');
  const redis = connectRedis(config.REDIS_URL, {
    commandTimeoutMs: config.REDIS_TIMEOUT_MS,
    onError: outages.gone,
    onReady: outages.back,
  });
  await waitForRedis(redis, START_TIMEOUT_MS);
  const producer = await openProducer(config, log);
  const postgresOutages = new OutageLog(log, 'Postgres');
  const ledger = new Ledger({
    databaseUrl: config.DATABASE_URL,
    timeoutMs: config.LEDGER_TIMEOUT_MS,
    log,
    outages: postgresOutages,
  });
  const downloads = new Ledger({
    databaseUrl: config.DATABASE_URL,
    ...DOWNLOADS,
    log,
    outages: postgresOutages,
  });
  const verifier = new TicketVerifier(new Hmac(config.TICKET_SECRET), config.TICKET_AUDIENCE);
  const warmUpSlices = await tryWarmUp({ config, keys, log, redis, producer, ledger });
  ring.start();
  const assembled = assembleGateway({
    config,
    name,
    log,
    keys,
    servers: { redis, ranker: new Ranker(redis, keys), producer, ledger, downloads },
    intervals: intervalsOf(config),
    verifier,
    tickets: new TicketBatch(verifier, config.TICKET_SECRET),
    ring,
    tree: new SliceTree(config.RECEIPT_SALT_SECRET),
    metricsOf: live => {
      const metrics = new Metrics(live);
      metrics.watchProcess();
      metrics.warmUpSlices.set(warmUpSlices);
      return metrics;
    },
    failed: error => log.error({ err: error }, 'a handler failed'),
  });
  const { buildApp } = await import('./http/app.ts');
  const { listen } = await import('./http/listen.ts');
  const app = buildApp(assembled.app);
  const port = await listen(app, {
    host: config.GATEWAY_HOST,
    port: config.GATEWAY_PORT,
    prefix: 'GATEWAY',
  });
  log.info({ port, log: producer.kind }, 'listening');
  return {
    port,
    async stop() {
      await assembled.stop();
      app.close();
      ring.stop();
      await Promise.all([ledger.close(), downloads.close()]);
      await producer.close();
      redis.disconnect();
    },
  };
}

/**
 * Returns how many slices were run. A warm-up that failed, as without Redis, or was cut off does not stop the start: the first
 * slices are slower.
 */
async function tryWarmUp(servers: WarmUpServers): Promise<number> {
  const { config, log } = servers;
  if (config.WARM_UP_MS === 0) return 0;
  try {
    const { slices, entries, ms } = await warmUp(servers, config.WARM_UP_MS);
    const reached = { slices, of: WARM_UP_SLICES, entries, ms: Math.round(ms) };
    if (slices >= WARM_UP_SLICES) log.info(reached, 'warmed up');
    else log.warn(reached, 'the warm-up was cut off by WARM_UP_MS: the first slices cost more');
    return slices;
  } catch (error) {
    const slices = error instanceof WarmUpFailed ? error.slices : 0;
    const reached = { slices, of: WARM_UP_SLICES };
    log.warn({ err: error, ...reached }, 'the warm-up failed: the first slices cost more');
    return slices;
  }
}
