/**
 * `npm run rebuild`: rebuilds everything that Redis holds, from ledger and log. It closes the registry of leases; the lease
 * reaper, here or in a running engine, then does the same as for an emptied Redis (see watermark/lease-reaper.ts). Gateways
 * answer 503 until the registry is open again, and show nothing of a campaign before it is rebuilt.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { SchemaMismatch } from '../../sql/schema/schema.ts';
import { type RuntimeConfig, readRuntimeConfig } from '../config.ts';
import { ConfigError } from '../contract/process/config.ts';
import { logDestination } from '../contract/process/service.ts';
import { keysOf } from '../contract/redis/keys.ts';
import { readRegistry } from '../contract/redis/lease/lease.ts';
import { connectRedis, waitForRedis } from '../contract/redis/redis.ts';
import { prepareDatabase } from '../prepare-database.ts';
import { startRuntime } from '../runtime.ts';

const POLL_MS = 100;
const CONNECT_TIMEOUT_MS = 5_000;

async function main(): Promise<void> {
  const config = readRuntimeConfig(process.env);
  const log = pino({ name: 'rebuild', level: config.LOG_LEVEL }, logDestination);
  const stopping = new AbortController();
  process.on('SIGTERM', () => stopping.abort());
  process.on('SIGINT', () => stopping.abort());
  await prepareDatabase(config.DATABASE_URL, log, stopping.signal);
  const epoch = await rebuild(config, log, stopping.signal);
  process.stdout.write(`${JSON.stringify({ ready: 'rebuild', epoch })}\n`);
}

/** Resolves with the new epoch; rejects with an AbortError if `signal` is aborted first. */
async function rebuild(config: RuntimeConfig, log: Logger, signal: AbortSignal): Promise<number> {
  const { leases } = keysOf(config.NAMESPACE);
  const redis = connectRedis(config.REDIS_URL, {
    commandTimeoutMs: config.REDIS_TIMEOUT_MS,
    onError: error => log.debug({ reason: error.message }, 'no connection to Redis'),
  });
  try {
    await waitForRedis(redis, CONNECT_TIMEOUT_MS);
    const before = await readRegistry(redis, leases);
    await redis.hdel(leases, 'epoch');
    log.info({ epoch: before.epoch }, 'the registry is closed');
    const runtime = await startRuntime(config, log);
    try {
      for (;;) {
        const { epoch } = await readRegistry(redis, leases);
        if (epoch !== undefined && epoch !== before.epoch) return epoch;
        await sleep(POLL_MS, undefined, { signal });
      }
    } finally {
      await runtime.stop();
    }
  } finally {
    redis.disconnect();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const isPlain = error instanceof ConfigError || error instanceof SchemaMismatch;
    process.stderr.write(
      `${isPlain ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
    );
    process.exit(1);
  },
);
