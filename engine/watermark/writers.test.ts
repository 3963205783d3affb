/** Which identities in the log a delayed lease reaper retires, and which it must not. */
import { deepEqual, equal } from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { openPool, type Pool } from '../../sql/database.ts';
import { beginEpoch, INCARNATIONS_PER_EPOCH } from '../../sql/statements/progress/watermarks.ts';
import type { LogFencing } from '../contract/log/log.ts';
import { type Keys, keysOf } from '../contract/redis/keys.ts';
import {
  acquireLease,
  beginOpening,
  freeLease,
  openRegistry,
  readRegistry,
} from '../contract/redis/lease/lease.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../contract/redis/redis.ts';
import { quiet } from '../test/gateway.ts';
import { serversFromEnv, type TestDatabase, testDatabase, testNamespace } from '../test/support.ts';
import { Writers } from './writers.ts';

const LEASE_MS = 60_000;
const EPOCH = 3;
let database: TestDatabase;
let pool: Pool;
let redis: RedisClient;
let keys: Keys;
let writers: Writers;
const retired: string[] = [];
before(async () => {
  redis = connectRedis(serversFromEnv().redisUrl, { commandTimeoutMs: 5_000, onError: () => undefined });
  await waitForRedis(redis, 10_000);
});
after(() => redis.disconnect());

beforeEach(async () => {
  database = await testDatabase();
  pool = openPool(database.url, { max: 2, applicationName: 'test', onError: () => undefined });
  keys = keysOf(testNamespace());
  retired.length = 0;
  let prepared = 0;
  const fencing: LogFencing = {
    kind: 'kafka',
    usesTokens: true,
    prepare: async () => {
      prepared += 1;
      return `token ${prepared}`;
    },
    retire: async (_partition, token) => {
      retired.push(token);
    },
    fence: async () => undefined,
    mark: async () => true,
    unmarked: async () => [],
    close: async () => undefined,
  };
  writers = new Writers({ pool, redis, keys, fencing, logName: 'log', partitions: 4, log: quiet });
  await openEpoch(EPOCH);
});

afterEach(async () => {
  await pool.end();
  await database.drop();
});

async function openEpoch(epoch: number): Promise<void> {
  await beginEpoch(pool, epoch);
  await redis.hdel(keys.leases, 'epoch');
  equal((await beginOpening(redis, keys.leases, epoch)).state, 'begun');
  equal(await openRegistry(redis, keys.leases, { epoch, floorUs: 1, leaseMs: LEASE_MS }), true);
  await writers.putUp(epoch, await readRegistry(redis, keys.leases));
}

async function join() {
  const acquired = await acquireLease(redis, keys.leases, LEASE_MS, 'test');
  if (acquired.state !== 'ok') throw new Error(`no lease: ${acquired.state}`);
  return acquired;
}

test('a delayed lease reaper retires nobody who acquired the number since', async () => {
  const old = await join();
  // Meanwhile another reaper has ended it, and the number was prepared and taken again.
  await freeLease(redis, keys.leases, old);
  await writers.putUp(EPOCH, await readRegistry(redis, keys.leases));
  const since = await join();
  deepEqual([since.gateway, since.token === old.token], [old.gateway, false]);
  await writers.retireLease(old);
  deepEqual(retired, [old.token]);
});

test('for a gateway lost by Redis, retires every writer prepared for its number except those in use', async () => {
  const lost = await join();
  await redis.hdel(keys.leases, `g:${lost.gateway}`);
  await writers.putUp(EPOCH, await readRegistry(redis, keys.leases));
  const incarnation = EPOCH * INCARNATIONS_PER_EPOCH + 1;
  const who = { gateway: lost.gateway, incarnation };
  await writers.retireLost(who);
  deepEqual(retired, [lost.token], 'a prepared writer stays');
  const since = await join();
  equal(since.gateway, lost.gateway);
  await writers.retireLost(who);
  deepEqual(retired, [lost.token], 'so does one in use');
  await redis.del(keys.leases);
  await writers.retireLost({ gateway: lost.gateway, incarnation: incarnation - INCARNATIONS_PER_EPOCH });
  deepEqual(retired, [lost.token], 'so does one prepared in a later epoch');
});

test('a delayed attempt at opening retires older epochs only, never later ones', async () => {
  const old = await join();
  await writers.retireBefore(EPOCH);
  equal(retired.length, 0);
  await writers.retireBefore(EPOCH + 1);
  equal(retired.includes(old.token), true);
  const count = retired.length;
  await openEpoch(EPOCH + 2);
  await writers.retireBefore(EPOCH + 1);
  equal(retired.length, count);
});
