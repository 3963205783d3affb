/** The warm-up before a gateway is ready: it leaves nothing behind anywhere, and its failure does not stop the start. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Kafka, logLevel } from 'kafkajs';
import { newPrivateKey } from '../../engine/contract/keys/signing-keys.ts';
import { topicOf } from '../../engine/contract/log/kafka/kafka-topic.ts';
import type { LogKind } from '../../engine/contract/log/log.ts';
import { logConfig, quiet, TestLog } from '../../engine/contract/log/testing/ledger.ts';
import { decodeRecord } from '../../engine/contract/record/record.ts';
import { type Keys, keysOf } from '../../engine/contract/redis/keys.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../../engine/contract/redis/redis.ts';
import { availableLogs, eventually, serversFromEnv, testNamespace } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';
import { Ledger } from '../cold/ledger.ts';
import { readGatewayConfig } from '../config.ts';
import { Ranker } from '../entry/rank.ts';
import { warmUp } from './warm-up.ts';
import type { WarmUpServers } from './warm-up-parts.ts';

/** So long that the warm-up ends by itself, on any machine. */
const LONG_MS = 3_600_000;
const NO_CAMPAIGN = 0;

const servers = serversFromEnv();
let redis: RedisClient;
before(async () => {
  redis = connectRedis(servers.redisUrl, { commandTimeoutMs: 20_000, onError: () => undefined });
  await waitForRedis(redis, 10_000);
});
after(() => redis.disconnect());

/** A log with one record, and the servers of a gateway that starts on it. */
async function openService(kind: LogKind, env: Readonly<Record<string, string>> = {}) {
  const namespace = testNamespace();
  const log = await TestLog.open(logConfig(kind, servers, { NAMESPACE: namespace }));
  await log.append(0, Buffer.from('a record'));
  const config = readGatewayConfig({
    REDIS_URL: servers.redisUrl,
    LOG: kind,
    KAFKA_BROKERS: servers.kafkaBrokers ?? '',
    NAMESPACE: namespace,
    TICKET_SECRET: 't'.repeat(32),
    RECEIPT_SALT_SECRET: 's'.repeat(32),
    SIGNING_KEY: newPrivateKey(),
    SHOP_TOKEN: 'a-token-of-a-shop-for-tests',
    ...env,
  });
  const ledger = new Ledger({ databaseUrl: '', timeoutMs: 100, log: quiet });
  const keys = keysOf(namespace);
  const { producer } = log;
  const gateway: WarmUpServers = { config, keys, log: quiet, redis, producer, ledger };
  const close = async (): Promise<void> => {
    await log.close();
    await ledger.close();
  };
  return { gateway, keys, namespace, close };
}

/** Everything in the namespace: the keys of Redis with their contents, and the ends of the topic's partitions. */
async function everythingOf(namespace: string, kind: LogKind): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const key of await redis.keys(`${namespace}:*`))
    found.set(key, (await redis.dumpBuffer(key))?.toString('hex') ?? '');
  if (kind === 'redis') return found;
  const brokers = (servers.kafkaBrokers ?? '').split(',');
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  for (const { partition, offset } of await admin.fetchTopicOffsets(topicOf(namespace)))
    found.set(`partition ${partition}`, offset);
  await admin.disconnect();
  return found;
}

for (const kind of availableLogs()) {
  test(`leaves no trace: ${kind}`, async t => {
    const { gateway, namespace, close } = await openService(kind);
    t.after(close);
    const all = await everythingOf(namespace, kind);
    assert.ok(all.size > 0);
    const { slices, entries } = await warmUp(gateway, LONG_MS);
    assert.ok(slices >= 2_000 && entries > slices, `${slices} slices, ${entries} entries`);
    assert.deepEqual(await everythingOf(namespace, kind), all);
  });
}

test('warms up with trusted proxies and without signed slices', async t => {
  const env = { TRUSTED_PROXIES: '10.0.0.0/8', RECEIPTS: 'off' };
  const { gateway, close } = await openService('redis', env);
  t.after(close);
  assert.ok((await warmUp(gateway, LONG_MS)).slices >= 2_000);
});

test('XX ranks no new user, and still moves a ranked one to an earlier stamp', async () => {
  const keys = keysOf(testNamespace());
  await new Ranker(redis, keys).add(7, [{ userId: 'ann', stamp: 20 }]);
  const members = [
    { userId: 'ann', stamp: 10 },
    { userId: 'ben', stamp: 5 },
  ];
  const { added, total } = await new Ranker(redis, keys, 'XX LT').add(7, members);
  assert.deepEqual([added, total], [0, 1]);
  assert.deepEqual(await redis.zmscore(keys.campaign(7).rank, 'ann', 'ben'), ['10', null]);
});

test('fails on a Redis that refuses to rank', async t => {
  const { gateway, keys, close } = await openService('redis');
  t.after(close);
  await breakRanking(redis, keys);
  await assert.rejects(warmUp(gateway, LONG_MS), /did not rank a slice: WRONGTYPE/);
});

test('stops at its time limit when the log does not answer', async t => {
  const { gateway, close } = await openService('redis');
  t.after(close);
  const { producer } = gateway;
  const silent = {
    kind: producer.kind,
    writer: producer.writer.bind(producer),
    warmUp: () => new Promise<void>(() => undefined),
    close: async () => undefined,
  };
  assert.equal((await warmUp({ ...gateway, producer: silent }, 50)).slices, 0);
});

/** Makes ranking fail: the key of the ranks is not a sorted set. */
async function breakRanking(at: RedisClient, keys: Keys): Promise<void> {
  await at.set(keys.campaign(NO_CAMPAIGN).rank, 'no queue');
}

describe('a starting gateway', () => {
  let system: System;
  before(async () => {
    system = await startSystem({ log: 'redis', gateways: 0 });
  });
  after(() => system.close());

  const env = { WARM_UP_MS: '5000', LOG_LEVEL: 'info' };
  const slicesOf = async (url: string | undefined): Promise<number> => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    return Number(/^fairline_warm_up_slices (\d+)$/m.exec(metrics)?.[1]);
  };

  test('is ready after the warm-up, which nobody else sees', async () => {
    const gateway = await system.startGateway(env);
    // The gateway logs each step before the next one. Once it has joined, it is ready as soon as it listens.
    const steps = /"msg":"(warmed up|the warm-up was cut off|listening|serving)/g;
    const events = await eventually(() => {
      const messages = [...gateway.process.output().matchAll(steps)];
      return messages.length === 3 && messages.map(([, message]) => message);
    });
    const slices = await slicesOf(gateway.url);
    assert.equal(events[0], slices >= 2_000 ? 'warmed up' : 'the warm-up was cut off');
    assert.ok(slices > 0);
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    for (const name of ['entries_accepted_total', 'slices_total', 'slice_entries_count'])
      assert.match(metrics, new RegExp(`^fairline_${name} 0$`, 'm'));
    assert.doesNotMatch(metrics, /^fairline_refused_total\{/m);
    assert.match(metrics, /^process_cpu_seconds_total /m);
    for (const table of ['slices', 'entries'])
      assert.deepEqual((await system.pool.query(`select from ${table}`)).rows, []);
    for (let partition = 0; partition < 4; partition++) {
      const records = await system.redis.xrangeBuffer(system.keys.logPartition(partition), '-', '+');
      for (const [, [, bytes = Buffer.alloc(0)]] of records)
        assert.notEqual(decodeRecord(bytes).kind, 'slice');
    }
    await gateway.process.stop();
  });

  test('reports how far it came if WARM_UP_MS cuts it off', async () => {
    const gateway = await system.startGateway({ ...env, WARM_UP_MS: '1' });
    const warning = /"level":40.*"slices":(\d+),"of":2000,.*"msg":"the warm-up was cut off by WARM_UP_MS: /;
    const [, reached] = await eventually(() => warning.exec(gateway.process.output()) ?? undefined);
    assert.doesNotMatch(gateway.process.output(), /"msg":"warmed up"/);
    assert.ok(Number(reached) < 2_000);
    assert.equal(await slicesOf(gateway.url), Number(reached));
    await gateway.process.stop();
  });

  test('starts although the warm-up failed, and reports it', async () => {
    await breakRanking(system.redis, system.keys);
    system.gateways.push(await system.startGateway(env));
    const output = (): string => system.gateways[0]?.process.output() ?? '';
    const warning = /"level":40.*did not rank a slice: WRONGTYPE.*"msg":"the warm-up failed: /;
    await eventually(() => warning.test(output()));
    assert.doesNotMatch(output(), /"msg":"warmed up"/);
    assert.match(output(), /"slices":\d+,"of":2000,"msg":"the warm-up failed: /);
    assert.ok((await slicesOf(system.gateways[0]?.url)) < 2_000);
    const id = await system.offer({ kind: 'raffle', winners: 1 });
    assert.equal((await system.enter('ann', id)).status, 202);
  });
});
