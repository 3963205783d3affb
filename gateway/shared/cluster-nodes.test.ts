/**
 * Which commands go to which node of a Redis Cluster, and what shows after a failover to a node that lacks writes accepted by
 * the previous one: look-ups there report that nothing is known.
 */
import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { openProducer } from '../../engine/contract/log/open.ts';
import { logConfig, quiet } from '../../engine/contract/log/testing/ledger.ts';
import {
  type BoardCampaign,
  beginBoard,
  openBoard,
  publishBoard,
} from '../../engine/contract/redis/board/board.ts';
import { boardCampaign } from '../../engine/contract/redis/board/testing/campaign.ts';
import {
  getCouponCopy,
  putCouponCopy,
  tellCouponsChanged,
} from '../../engine/contract/redis/coupons/copies.ts';
import { type Keys, keysOf } from '../../engine/contract/redis/keys.ts';
import { noteNodes } from '../../engine/contract/redis/lease/lease.ts';
import { readTimeUs } from '../../engine/contract/redis/lease/time.ts';
import { beginPresence, readPresence, tellPresence } from '../../engine/contract/redis/presence/presence.ts';
import {
  beginProjection,
  clearProjection,
  lookAt,
} from '../../engine/contract/redis/projection/projection.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../../engine/contract/redis/redis.ts';
import { checkRedisMode } from '../../engine/contract/redis/redis-mode.ts';
import { readNodes } from '../../engine/contract/redis/redis-nodes.ts';
import { appendGone } from '../../engine/projections/projections.ts';
import { Publisher } from '../../engine/projections/publish.ts';
import { beginAnew } from '../../engine/projections/rebuild.ts';
import { TestCluster } from '../../engine/test/redis-cluster.ts';
import { startSentinel } from '../../engine/test/redis-process.ts';
import { eventually, serversFromEnv, testDatabase, testNamespace } from '../../engine/test/support.ts';
import { findLoss } from '../../engine/watermark/redis-loss.ts';
import { openPool } from '../../sql/database.ts';
import { createCampaign } from '../../sql/statements/campaigns/campaigns.ts';
import { saveSettled } from '../../sql/statements/campaigns/settling.ts';
import { shelveCampaign } from '../../sql/statements/campaigns/shelving.ts';
import { beginEpoch } from '../../sql/statements/progress/watermarks.ts';
import { CouponReads } from '../coupons/reads.ts';
import { Ranker } from '../entry/rank.ts';
import { Board } from './board.ts';
import { Lookups } from './lookups.ts';

/**
 * The campaigns 2, 3 and 6 and coupons lie on the first master, the leases on the second, the board and presence on the third.
 */
const LAST_SLOTS = [8_191, 15_199, 16_383] as const;
const EPOCH = 3;
const CAMPAIGN = 2;
const COUPON = 7;
/** Copies of codes expire after this; the test is about what drops them earlier. */
const KEEP_MS = 600_000;
/** The poll interval of a gateway; longer than it takes to lose a change. */
const POLL_MS = 2_000;
/** The time-out of a command that a node does not answer. */
const GIVEN_UP_MS = 300;

let cluster: TestCluster;
let redis: RedisClient;
let keys: Keys;
const clients: RedisClient[] = [];
before(async () => {
  cluster = await TestCluster.start(LAST_SLOTS);
  redis = await connect(5_000);
  keys = keysOf(testNamespace());
  await beginBoard(redis, keys, EPOCH);
  await beginPresence(redis, keys, EPOCH);
  await openBoard(redis, keys, EPOCH);
  await beginProjection(redis, keys.campaign(CAMPAIGN), EPOCH, 'nobody');
  await noteAllNodes();
});
after(async () => {
  for (const client of clients) client.disconnect();
  await cluster.stop();
});

async function connect(commandTimeoutMs: number): Promise<RedisClient> {
  const client = connectRedis(cluster.urls, { commandTimeoutMs, onError: () => undefined });
  clients.push(client);
  await waitForRedis(client, 20_000);
  return client;
}

const noteAllNodes = async (): Promise<void> =>
  noteNodes(redis, keys.leases, await eventually(() => readNodes(redis)));

const findTakeOver = async (): Promise<void> => {
  ok((await eventually(() => findLoss(redis, keys, EPOCH))).includes('has failed over'));
};

/** Resolves when the client reaches the node that has the key: while it connects, commands are rejected. */
const reached = async (key: string): Promise<void> => {
  await eventually(async () => (await redis.exists(key)) >= 0);
};

const failOver = async (key: string, lost: () => Promise<void>): Promise<void> => {
  await cluster.failOver(key, lost);
  await reached(key);
};

const demote = async (key: string, lost: () => Promise<void>): Promise<void> => {
  await cluster.demote(key, lost);
  await reached(key);
};

const nothing = async (): Promise<void> => undefined;

test('reads the time from the node that holds the leases, whichever others exist', async () => {
  const calls = await cluster.callsOf('time');
  for (let count = 0; count < 20; count++) ok((await readTimeUs(redis, keys.leases)) > 0);
  const holder = await cluster.holderOf(keys.leases);
  for (const [port, sinceStart] of await cluster.callsOf('time')) {
    equal(sinceStart - (calls.get(port) ?? 0), port === holder ? 20 : 0, `port ${port}`);
  }
});

test('rejects a REDIS_URL whose form does not match its servers, and says what to give', async t => {
  const [node = ''] = cluster.urls.split(',');
  const { redisUrl } = serversFromEnv();
  const sentinel = await startSentinel();
  t.after(() => sentinel.stop());
  for (const urls of [sentinel.url, `${sentinel.url},${sentinel.url}`])
    await rejects(checkRedisMode(urls), /is a Sentinel, and Sentinels are not supported: give an address/);
  await rejects(checkRedisMode(node), /is a node of a Redis Cluster: give several/);
  await rejects(
    checkRedisMode(`${redisUrl},${redisUrl}`),
    /is not a node of a Redis Cluster: give one server/,
  );
  for (const urls of [
    redisUrl,
    cluster.urls,
    'redis://127.0.0.1:1',
    'redis://127.0.0.1:1,redis://127.0.0.1:2',
  ])
    await checkRedisMode(urls);
});

test('on a promoted node, refuses ranks under the epoch, lookups and appends of the campaign', async () => {
  const ranker = new Ranker(redis, keys);
  const campaign = keys.campaign(CAMPAIGN);
  const rank = async (userId: string, stamp: number): Promise<string> =>
    (await ranker.add(CAMPAIGN, [{ userId, stamp }])).epoch;
  equal(await rank('kept', 1), String(EPOCH));
  for (const list of [campaign.gone, campaign.moves]) await appendGone(redis, campaign, list, 0, [0]);
  equal(await findLoss(redis, keys, EPOCH), undefined);

  await failOver(campaign.rank, async () => {
    equal(await rank('lost', 2), String(EPOCH));
  });
  // The board's node still has the board, under the same epoch.
  equal(await rank('later', 3), '');
  equal(await redis.zscore(campaign.rank, 'lost'), null);
  for (const outcomes of [campaign.won, campaign.claimants]) {
    const looked = await lookAt(redis, campaign, outcomes, String(EPOCH), ['kept']);
    deepEqual(looked, { state: 'unmade' });
  }
  for (const list of [campaign.gone, campaign.moves]) {
    await rejects(appendGone(redis, campaign, list, 1, [1]), /another server/);
    equal(await redis.llen(list), 1);
  }
  await findTakeOver();
});

test('after a failover, shows no copy that missed a change, and stores none versioned by the lost node', async t => {
  const copyOf = async (body: string) => {
    const { version, run } = await getCouponCopy(redis, keys, 'CODE');
    return { couponId: COUPON, version, run, shop: null, body, keepMs: KEEP_MS };
  };
  await tellCouponsChanged(redis, keys, [COUPON]);
  await putCouponCopy(redis, keys, 'CODE', await copyOf('"before"'));
  const reads = new CouponReads({ redis, keys, readCode: async () => undefined, pollMs: POLL_MS });
  t.after(() => reads.close());
  equal((await reads.read('CODE'))?.body, '"before"');
  const late = await copyOf('"late"');

  await failOver(keys.couponVersion, () => tellCouponsChanged(redis, keys, [COUPON]));
  equal((await getCouponCopy(redis, keys, 'CODE')).copy, undefined);
  await putCouponCopy(redis, keys, 'CODE', late);
  equal((await getCouponCopy(redis, keys, 'CODE')).copy, undefined);
  await eventually(() => reads.held('CODE') === undefined);
  const after = await copyOf('"after"');
  notEqual(after.run, late.run);
  await putCouponCopy(redis, keys, 'CODE', after);
  equal((await getCouponCopy(redis, keys, 'CODE')).copy?.body, '"after"');
});

test('a master that was demoted meanwhile loses its earlier projection', async () => {
  const campaign = keys.campaign(CAMPAIGN);
  const look = async () => lookAt(redis, campaign, campaign.won, String(EPOCH + 1), ['kept', 'lost']);
  await noteAllNodes();
  await beginProjection(redis, campaign, EPOCH + 1, 'nobody');
  await redis.zadd(campaign.rank, 1, 'kept');
  await demote(campaign.rank, async () => {
    await redis.zadd(campaign.rank, 2, 'lost');
    deepEqual(await look(), { state: 'building', stamps: [1, 2] });
  });
  await eventually(async () => (await look()).state === 'unmade');
  await findTakeOver();
  await noteAllNodes();
  // Neither process has ended, and the node on which the projection began is the master again.
  await demote(campaign.rank, nothing);
  await eventually(async () => (await redis.zscore(campaign.rank, 'kept')) === '1');
  equal(await redis.zscore(campaign.rank, 'lost'), null);
  deepEqual(await look(), { state: 'unmade' });
  await findTakeOver();
});

test('a promoted node never executes an abandoned command', async () => {
  const hasty = await connect(GIVEN_UP_MS);
  const { won } = keys.campaign(CAMPAIGN);
  await hasty.hset(won, 'kept', '1:CODE');
  await failOver(won, async () => {
    await cluster.suspend(won);
    await rejects(hasty.hset(won, 'given up', '2:CODE'));
  });
  // Sent after the given-up command, in whatever way the client sends them.
  await eventually(async () => (await hasty.hset(won, 'later', '3:CODE')) >= 0);
  await sleep(4 * GIVEN_UP_MS);
  deepEqual(Object.keys(await redis.hgetall(won)).sort(), ['kept', 'later']);
});

test('reads no board and no presence from a promoted node, whatever it has replicated', async () => {
  const publish = async (revision: number, here: string): Promise<void> => {
    await publishBoard(redis, keys, EPOCH, {
      campaigns: [boardCampaign({ campaignId: CAMPAIGN, kind: 'room', revision })],
    });
    const rooms = [{ campaignId: CAMPAIGN, here: [here], gone: [] }];
    await tellPresence(redis, keys.presence(EPOCH), { incarnation: 1, rooms });
  };
  await noteAllNodes();
  await publish(1, 'kept');
  equal((await readPresence(redis, keys, EPOCH, '0-0')).length, 1);
  await failOver(keys.boardState, () => publish(2, 'lost'));
  equal(await redis.hget(keys.boardState, 'epoch'), String(EPOCH));
  const board = new Board(redis, keys);
  await board.refresh();
  deepEqual([board.epoch, board.campaigns()], ['', []]);
  await rejects(readPresence(redis, keys, EPOCH, '0-0'), /another server/);
  equal(await findLoss(redis, keys, EPOCH), 'Redis has lost the board');
});

test('a campaign shelved by another engine closes no registry; one lost by its node does', async t => {
  const database = await testDatabase();
  const pool = openPool(database.url, { max: 2, applicationName: 'test', onError: () => undefined });
  const own = keysOf(testNamespace());
  const clocks = { nowUs: () => readTimeUs(redis, own.leases) };
  const engine = (): Publisher => new Publisher({ pool, redis, keys: own, clocks, log: quiet });
  const [publisher, ...heldUp] = [engine(), engine(), engine()];
  t.after(async () => {
    for (const each of [publisher, ...heldUp]) await each.close();
    await pool.end();
    await database.drop();
  });
  const opensAt = new Date('2020-01-01');
  const rules = { kind: 'coupon', title: 'x', stock: 1, opensAt, closesAt: new Date('2020-01-02') } as const;
  const campaigns = [await createCampaign(pool, rules), await createCampaign(pool, rules)];
  await beginAnew(pool, redis, own, EPOCH);
  await beginEpoch(pool, EPOCH);
  await redis.hset(own.leases, 'epoch', EPOCH);
  await publisher.publish({ epoch: EPOCH, watermarkUs: 0, rankedUs: 0 });

  for (const [index, asRead] of campaigns.entries()) {
    const { campaignId } = asRead;
    const isShelved = index === 0;
    if (isShelved) {
      const nothing = { settledStamp: -1, settledCount: 0, grantedCount: 0, goneCount: 0 };
      await saveSettled(pool, campaignId, nothing, true);
      ok(await shelveCampaign(pool, campaignId, -1_000));
    }
    await clearProjection(redis, own.campaign(campaignId));
    equal(await redis.hexists(own.boardCampaigns, String(campaignId)), 1);
    // An engine that has read the campaign before the change, and nothing since.
    const publishing =
      heldUp[index]?.tell([asRead]) ?? Promise.reject(new Error('there is an engine for each'));
    if (isShelved) await publishing;
    else await rejects(publishing, /is on another node: the registry is closed/);
    equal(await redis.hget(own.leases, 'epoch'), isShelved ? String(EPOCH) : null);
  }
});

test('checks the persistence of every node, replicas included', async () => {
  const config = logConfig('redis', { redisUrl: cluster.urls }, { REDIS_LOG_CLUSTER: 'accepted' });
  await cluster.configureAll(['appendfsync', 'always']);
  await cluster.configureAll(['appendonly', 'yes']);
  await (await openProducer(config, quiet)).close();
  for (const role of ['master', 'replica'] as const) {
    for (const [name, weaker, kept] of [
      ['appendonly', 'no', 'yes'],
      ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
    ] as const) {
      await cluster.configure(keys.boardState, role, [name, weaker]);
      await rejects(openProducer(config, quiet), new RegExp(`REDIS_URL, 127.*: .* ${name} ${weaker}`));
      await cluster.configure(keys.boardState, role, [name, kept]);
    }
  }
  await cluster.withoutReplica(keys.boardState, async () => {
    await rejects(openProducer(config, quiet), /does not say how it would keep the log/);
  });
});

test('a node that answers nothing delays the look-ups of its campaigns, and of no others', async t => {
  const own = keysOf(testNamespace());
  const boardNode = await cluster.holderOf(own.boardState);
  const isBesideBoard = async (campaignId: number): Promise<boolean> =>
    (await cluster.holderOf(own.campaign(campaignId).mark)) === boardNode;
  const findCampaign = async (beside: boolean): Promise<number> => {
    for (let campaignId = 1; ; campaignId++)
      if ((await isBesideBoard(campaignId)) === beside) return campaignId;
  };
  const campaigns = [await findCampaign(false), await findCampaign(true)].map(campaignId =>
    boardCampaign({ campaignId }),
  );
  const [hung, other] = campaigns;
  ok(hung !== undefined && other !== undefined);
  await beginBoard(redis, own, EPOCH);
  await publishBoard(redis, own, EPOCH, { campaigns });
  await openBoard(redis, own, EPOCH);
  for (const { campaignId } of campaigns) {
    await beginProjection(redis, own.campaign(campaignId), EPOCH, 'nobody');
    const { epoch } = await new Ranker(redis, own).add(campaignId, [{ userId: 'known', stamp: 7 }]);
    equal(epoch, String(EPOCH));
    await redis.hset(own.campaign(campaignId).mark, 'whole', EPOCH);
  }
  const lookups = new Lookups({
    redis,
    keys: own,
    board: new Board(redis, own),
    shelved: { standing: async () => undefined },
    epochs: { isLatest: async () => true },
  });
  const ended: string[] = [];
  const look = async (campaign: BoardCampaign, name: string): Promise<number | undefined> => {
    const standing = await lookups.find(campaign, 'known');
    ended.push(name);
    return standing?.stamp;
  };
  const resume = await cluster.suspend(own.campaign(hung.campaignId).mark);
  t.after(resume);
  const waiting = look(hung, 'hung');
  // Its questions are on their way when the others come.
  await turn();
  const behind = look(hung, 'behind it');
  equal(await look(other, 'other'), 7);
  deepEqual(ended, ['other']);
  resume();
  deepEqual(await Promise.all([waiting, behind]), [7, 7]);
  deepEqual(ended, ['other', 'hung', 'behind it']);
});
