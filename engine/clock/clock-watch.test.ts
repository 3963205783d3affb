/** What an engine that watches the clocks tells gateways about Redis' clock. */
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { openPool } from '../../sql/database.ts';
import { keysOf } from '../contract/redis/keys.ts';
import { readClockReport } from '../contract/redis/lease/lease.ts';
import { connectRedis, waitForRedis } from '../contract/redis/redis.ts';
import { quiet } from '../test/gateway.ts';
import { serversFromEnv, testDatabase, testNamespace } from '../test/support.ts';
import { ClockWatch } from './clock-watch.ts';

const STOP_MS = 200;

test('an answer too slow to exclude a stepped clock confirms nothing', async t => {
  const database = await testDatabase();
  t.after(() => database.drop());
  const pool = openPool(database.url, { max: 1, applicationName: 'test', onError: () => undefined });
  t.after(() => pool.end());
  const { redisUrl } = serversFromEnv();
  const redis = connectRedis(redisUrl, { commandTimeoutMs: 10_000, onError: () => undefined });
  t.after(() => redis.disconnect());
  await waitForRedis(redis, 10_000);
  const { leases } = keysOf(testNamespace());
  const watch = new ClockWatch({ pool, redis, leases, stopMs: STOP_MS, log: quiet });
  await watch.sample();
  const foundAfter = async (pauseMs: number): Promise<readonly unknown[]> => {
    if (pauseMs > 0) await redis.client('PAUSE', pauseMs);
    await watch.readRegistry('reaper');
    const { verdict, readings } = await readClockReport(redis, leases);
    return [verdict === 'held' ? verdict : verdict?.reading, readings];
  };
  deepEqual(await foundAfter(0), [1, 1]);
  deepEqual(await foundAfter(2 * STOP_MS), [1, 2]);
  deepEqual(await foundAfter(0), [3, 3]);
});
