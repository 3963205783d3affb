/** What is asked of which node of a Redis Cluster, and what shows when a node is another one. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { beginBoard, openBoard } from '../engine/contract/board/board.ts';
import { type Keys, keysOf } from '../engine/contract/keys.ts';
import { noteNodes } from '../engine/contract/lease/lease.ts';
import { readTimeUs } from '../engine/contract/lease/time.ts';
import { beginProjection, lookAt } from '../engine/contract/projection/projection.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../engine/contract/redis.ts';
import { readNodes } from '../engine/contract/redis-nodes.ts';
import { appendGone } from '../engine/projections.ts';
import { findLoss } from '../engine/redis-loss.ts';
import { TestCluster } from '../engine/test/redis-cluster.ts';
import { eventually, testNamespace } from '../engine/test/support.ts';
import { Ranker } from './rank.ts';

/** The leases and the board lie on the last two masters, the campaign 2 on the first. */
const LAST_SLOTS = [8_191, 15_199, 16_383] as const;
const EPOCH = 3;
const CAMPAIGN = 2;

let cluster: TestCluster;
let redis: RedisClient;
let keys: Keys;
before(async () => {
  cluster = await TestCluster.start(LAST_SLOTS);
  redis = connectRedis(cluster.urls, { commandTimeoutMs: 5_000, onError: () => undefined });
  await waitForRedis(redis, 10_000);
  keys = keysOf(testNamespace());
  await beginBoard(redis, keys, EPOCH);
  await openBoard(redis, keys, EPOCH);
  await beginProjection(redis, keys.campaign(CAMPAIGN), EPOCH, 'nobody');
  await noteNodes(redis, keys.leases, await eventually(() => readNodes(redis)));
});
after(async () => {
  redis.disconnect();
  await cluster.stop();
});

test('the time is that of the node which has the leases, whichever others there are', async () => {
  const before = await cluster.callsOf('time');
  for (let count = 0; count < 20; count++) ok((await readTimeUs(redis, keys.leases)) > 0);
  const holder = await cluster.holderOf(keys.leases);
  for (const [port, calls] of await cluster.callsOf('time')) {
    equal(calls - (before.get(port) ?? 0), port === holder ? 20 : 0, `port ${port}`);
  }
});

test('a campaign on a node that took over is not ranked under the epoch, told of, or added to', async () => {
  const ranker = new Ranker(redis, keys);
  const campaign = keys.campaign(CAMPAIGN);
  const rank = async (userId: string, stamp: number): Promise<string> =>
    (await ranker.add(CAMPAIGN, [{ userId, stamp }])).epoch;
  equal(await rank('heard', 1), String(EPOCH));
  await appendGone(redis, campaign, campaign.gone, 0, [0]);
  equal(await findLoss(redis, keys, EPOCH), undefined);

  await cluster.failOver(campaign.rank, async () => {
    equal(await rank('unheard', 2), String(EPOCH));
  });
  // The board is still there, and of the epoch.
  equal(await rank('later', 3), '');
  equal(await redis.zscore(campaign.rank, 'unheard'), null);
  const looked = await lookAt(redis, campaign, campaign.won, String(EPOCH), ['heard']);
  deepEqual(looked, { state: 'unmade' });
  await appendGone(redis, campaign, campaign.gone, 1, [1]).then(
    () => ok(false, 'it was appended to'),
    (error: unknown) => ok(String(error).includes('another server')),
  );
  equal(await redis.llen(campaign.gone), 1);
  ok((await eventually(() => findLoss(redis, keys, EPOCH))).includes('has taken over'));
});

test('the node that was before shows as another one when it is back', async () => {
  const { rank } = keys.campaign(CAMPAIGN);
  const taken = await eventually(() => readNodes(redis));
  await noteNodes(redis, keys.leases, taken);
  equal(await findLoss(redis, keys, EPOCH), undefined);
  const nothing = async (): Promise<void> => undefined;
  await cluster.failOver(rank, nothing);
  ok((await eventually(() => findLoss(redis, keys, EPOCH))).includes('has taken over'));
  notEqual(await eventually(() => readNodes(redis)), taken);
});

test('a board on a node that took over is lost, whatever that node has heard of it', async () => {
  await noteNodes(redis, keys.leases, await eventually(() => readNodes(redis)));
  await cluster.failOver(keys.boardState, async () => undefined);
  equal(await redis.hget(keys.boardState, 'epoch'), String(EPOCH));
  equal(await findLoss(redis, keys, EPOCH), 'Redis has lost the board');
});
