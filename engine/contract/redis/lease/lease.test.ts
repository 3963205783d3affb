/** The registry of leases at its limits: epochs that have grown for years, and a registry that an older version has opened. */
import { equal, ok } from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { serversFromEnv, testNamespace } from '../../../test/support.ts';
import { keysOf } from '../keys.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../redis.ts';
import {
  acquireLease,
  beginOpening,
  freeLease,
  openRegistry,
  putUpNumbers,
  readRegistry,
  renewLease,
  revokeLease,
  tellClock,
} from './lease.ts';

const LEASE_MS = 60_000;
let redis: RedisClient;
let key: string;
before(async () => {
  redis = connectRedis(serversFromEnv().redisUrl, { commandTimeoutMs: 5_000, onError: () => undefined });
  await waitForRedis(redis, 10_000);
});
after(() => redis.disconnect());
beforeEach(() => {
  key = keysOf(testNamespace()).leases;
});

async function open(epoch: number): Promise<void> {
  equal((await beginOpening(redis, key, epoch)).state, 'begun');
  ok(await openRegistry(redis, key, { epoch, floorUs: 0, leaseMs: LEASE_MS }));
  await putUpNumbers(redis, key, epoch, [{ gateway: 0, token: 't' }]);
}

test('renews, revokes and frees a lease with the largest incarnations', async () => {
  // The largest epoch whose incarnations a number holds exactly: cjson alone would round from 10^14 on.
  const epoch = 2 ** 21 - 1;
  await open(epoch);
  const lease = await acquireLease(redis, key, LEASE_MS, 'test');
  ok(lease.state === 'ok');
  equal(lease.incarnation, epoch * 2 ** 32 + 1);
  equal((await renewLease(redis, key, lease, LEASE_MS)).state, 'ok');
  const [held] = (await readRegistry(redis, key)).leases;
  ok(held !== undefined);
  equal(held.incarnation, lease.incarnation);
  ok(await revokeLease(redis, key, held));
  equal((await renewLease(redis, key, lease, LEASE_MS)).state, 'lost');
  ok(await freeLease(redis, key, lease));
});

test('grants no number while engines doubt the clock of Redis', async () => {
  await open(5);
  await tellClock(redis, key, 'held');
  equal((await acquireLease(redis, key, LEASE_MS, 'test')).state, 'held');
  await tellClock(redis, key, { agreedUs: 1, reading: 1 });
  equal((await acquireLease(redis, key, LEASE_MS, 'test')).state, 'ok');
});

test('a registry without a lease length is closed to all until it is opened again', async () => {
  await open(3);
  await redis.hdel(key, 'leaseUs');
  equal((await readRegistry(redis, key)).epoch, undefined);
  await open(4);
  equal((await readRegistry(redis, key)).epoch, 4);
});
