/** The mark of a projection: what makes it whole, and what invalidates it. */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { serversFromEnv, testNamespace } from '../../../test/support.ts';
import { type CampaignKeys, keysOf } from '../keys.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../redis.ts';
import {
  advanceProjection,
  beginProjection,
  finishProjection,
  joinProjection,
  lookAt,
  readJoined,
  sweepProjection,
  takeProjection,
} from './projection.ts';

const PATIENCE_MS = 60_000;
const ONE = { epoch: 3, maker: 'one', by: 'one/1' };
const OTHER = { epoch: 3, maker: 'other', by: 'other/1' };
let redis: RedisClient;
let keys: CampaignKeys;
before(async () => {
  redis = connectRedis(serversFromEnv().redisUrl, { commandTimeoutMs: 5_000, onError: () => undefined });
  await waitForRedis(redis, 10_000);
});
after(() => redis.disconnect());
beforeEach(() => {
  keys = keysOf(testNamespace()).campaign(1);
});

const look = () => lookAt(redis, keys, keys.won, '3', ['ann', 'bob']);

test('while being built, shows only entries ranked since', async () => {
  await redis.zadd(keys.rank, 1, 'ann');
  deepEqual(await look(), { state: 'unmade' });
  await beginProjection(redis, keys, 3, 'nobody');
  deepEqual(await look(), { state: 'building', stamps: [undefined, undefined] });
  await redis.zadd(keys.rank, 7, 'bob');
  deepEqual(await look(), { state: 'building', stamps: [undefined, 7] });
  await takeProjection(redis, keys, ONE, PATIENCE_MS);
  await redis.zadd(keys.rank, 5, 'ann');
  await redis.hset(keys.won, 'ann', '1:code');
  equal(await finishProjection(redis, keys, ONE.by, await readJoined(redis, keys)), true);
  deepEqual(await look(), {
    state: 'whole',
    users: [
      { stamp: 5, rank: 0, outcome: '1:code', withdrawn: false },
      { stamp: 7, rank: 1, outcome: undefined, withdrawn: false },
    ],
  });
});

test('reads the ledger again when the board changed meanwhile', async () => {
  await beginProjection(redis, keys, 3, 'nobody');
  await takeProjection(redis, keys, ONE, PATIENCE_MS);
  const joined = await readJoined(redis, keys);
  equal(await joinProjection(redis, keys, 3), 'building');
  equal(await finishProjection(redis, keys, ONE.by, joined), false);
  equal(await finishProjection(redis, keys, ONE.by, await readJoined(redis, keys)), true);
  equal(await joinProjection(redis, keys, 3), 'whole');
});

test('emptied midway, refuses the builder that began it and any earlier attempt', async () => {
  await beginProjection(redis, keys, 3, 'nobody');
  await takeProjection(redis, keys, ONE, PATIENCE_MS);
  await redis.unlink(keys.mark);
  await rejects(advanceProjection(redis, keys, ONE.by, 5));
  await rejects(finishProjection(redis, keys, ONE.by, '0'));
  await beginProjection(redis, keys, 3, 'nobody');
  await takeProjection(redis, keys, { ...ONE, by: 'one/2' }, PATIENCE_MS);
  await rejects(finishProjection(redis, keys, ONE.by, '0'));
});

test('another engine continues a stopped build, and no running one', async () => {
  await beginProjection(redis, keys, 3, 'nobody');
  await takeProjection(redis, keys, ONE, PATIENCE_MS);
  await advanceProjection(redis, keys, ONE.by, 41);
  deepEqual(await takeProjection(redis, keys, OTHER, PATIENCE_MS), { state: 'taken' });
  const taken = await takeProjection(redis, keys, OTHER, 0);
  deepEqual(taken, { state: 'yours', ranked: 41, isLacking: false, before: ONE.by });
  await rejects(advanceProjection(redis, keys, ONE.by, 50));
});

test('is unmade after a server restart or an older epoch, which begins nothing', async () => {
  await beginProjection(redis, keys, 3, 'nobody');
  await redis.hset(keys.mark, 'run', 'another');
  equal(await joinProjection(redis, keys, 3), 'unmade');
  await redis.zadd(keys.rank, 1, 'ann');
  await beginProjection(redis, keys, 3, 'gateways');
  // The ranks of gateways may have been deleted: nothing can be told about anybody.
  deepEqual(await look(), { state: 'unmade' });
  await rejects(beginProjection(redis, keys, 2, 'nobody'));
  equal(await joinProjection(redis, keys, 2), 'unmade');
});

test('a builder that reports progress is not taken over, and keeps its progress', async () => {
  await beginProjection(redis, keys, 3, 'nobody');
  await takeProjection(redis, keys, ONE, PATIENCE_MS);
  await advanceProjection(redis, keys, ONE.by, 41);
  // As if it had been taken longer ago than the patience.
  await redis.hset(keys.mark, 'atUs', 1);
  await advanceProjection(redis, keys, ONE.by);
  deepEqual(await takeProjection(redis, keys, OTHER, PATIENCE_MS), { state: 'taken' });
  deepEqual(await redis.hget(keys.mark, 'ranked'), '41');
});

test('removes what an older epoch left, and nothing of the current one', async () => {
  await beginProjection(redis, keys, 3, 'nobody');
  await redis.zadd(keys.rank, 5, 'ann');
  await sweepProjection(redis, keys, 3);
  equal(await redis.exists(keys.mark, keys.rank), 2);
  await sweepProjection(redis, keys, 4);
  equal(await redis.exists(keys.mark, keys.rank), 0);
});
