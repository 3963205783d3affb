/**
 * A log over three real brokers: the topic is made on all of them or not at all. When a leader is lost in the middle of a
 * burst, no acknowledged record is lost, none is doubled, and nobody overtakes.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { topicSettings } from '../../engine/contract/log/kafka/kafka-durability.ts';
import { topicOf } from '../../engine/contract/log/kafka/kafka-topic.ts';
import { type LogConfig, openConsumer, openProducer } from '../../engine/contract/log/open.ts';
import { appendThrough } from '../../engine/contract/log/testing/appender.ts';
import { BROKERS, CONTROLLER, TestKafkaCluster } from '../../engine/contract/log/testing/kafka-cluster.ts';
import {
  logConfig,
  PARTITIONS,
  quiet,
  TestLedger,
  TestLog,
  TestOwnership,
} from '../../engine/contract/log/testing/ledger.ts';
import { availableLogs, eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';
import { assertWhole, burst } from '../testing/burst.ts';

const USERS = 12_000;
/** Enough for everybody: gateways answer "sold out" themselves, so no entry would be logged after the kill. */
const STOCK = USERS;
/** The leader is killed once this many have entered; as many must enter afterwards. */
const EARLY = 1_000;

if (availableLogs().includes('kafka')) {
  describe('a log over three brokers', { timeout: 450_000 }, () => {
    let cluster: TestKafkaCluster;
    const config = () =>
      logConfig('kafka', { redisUrl: '', kafkaBrokers: cluster.brokers }, { KAFKA_REPLICATION: BROKERS });

    before(async () => {
      cluster = await TestKafkaCluster.make();
      await cluster.start(CONTROLLER);
    });
    after(() => cluster.remove());

    it('is not created with one of three brokers up, and spans all three once they are up', async () => {
      const wanted = config();
      const topic = topicOf(wanted.NAMESPACE);
      await assert.rejects(
        openProducer(wanted, quiet),
        /KAFKA_REPLICATION is 3, but 1 broker is up, .*start the others.*KAFKA_REPLICATION=1 accepts/,
      );
      assert.deepEqual(await cluster.layout(topic), []);
      // A gateway is restarted again and again while the other brokers start one after another.
      const opening = eventually(() => openProducer(wanted, quiet), { timeoutMs: 200_000 });
      const others = [1, 2, 3].filter(id => id !== CONTROLLER);
      for (const id of others) await cluster.start(id);
      await (await opening).close();
      for (const { replicas } of await cluster.laidOut(topic)) {
        assert.deepEqual(replicas.toSorted(), [1, 2, 3]);
      }
      assert.equal(await minInsyncOf(cluster, topic), '2');
    });

    it('refuses a topic that an earlier version created on one broker, and prints the command that spreads it', async () => {
      const wanted = config();
      const topic = topicOf(wanted.NAMESPACE);
      await makeOnOne(cluster, topic);
      const refusal = await openProducer(wanted, quiet).then(
        () => assert.fail('the topic was accepted'),
        (error: Error) => error.message,
      );
      assert.match(refusal, /is on 1 broker, and KAFKA_REPLICATION is 3.*has min.insync.replicas=1/);
      const [, file] = /echo '(.*)' >replicas.json && kafka-reassign-partitions.sh/.exec(refusal) ?? [];
      const { partitions }: { partitions: { partition: number; replicas: number[] }[] } = JSON.parse(
        file ?? '',
      );
      // Does what the suggested command does with the file.
      await cluster.ask(admin =>
        admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment: partitions }] }),
      );
      await cluster.inSync(topic);
      await assert.rejects(
        openProducer(wanted, quiet),
        /kafka-configs.sh .*--add-config min.insync.replicas=2 fixes it$/,
      );
      await (await openProducer({ ...wanted, KAFKA_MIN_INSYNC_REPLICAS: 1 }, quiet)).close();
    });

    it('keeps every acknowledged record once and in order when its leader is killed', async () => {
      const wanted = config();
      const producer = await TestLog.open(wanted);
      const consumer = await openConsumer(wanted, quiet, new TestOwnership().join());
      const ledger = new TestLedger();
      await consumer.run(ledger.handler());
      try {
        await surviveKill(cluster, wanted, config, { producer, ledger });
      } finally {
        await producer.close();
        await consumer.close();
        await cluster.startAll();
      }
      await cluster.inSync(topicOf(wanted.NAMESPACE));
    });

    it('loses no acknowledged entry when a leader is killed in the middle of a burst', async context => {
      const variables = { KAFKA_BROKERS: cluster.brokers, KAFKA_REPLICATION: String(BROKERS) };
      const system = await startSystem({
        log: 'kafka',
        gateways: 2,
        gatewayEnv: variables,
        engineEnv: variables,
      });
      try {
        await surviveBurst(context, cluster, system);
      } finally {
        await system.close();
      }
    });
  });
}

/** Makes a topic as earlier versions did while only one broker was up; on the given broker, or on any. */
async function makeOnOne(cluster: TestKafkaCluster, topic: string, broker?: number): Promise<void> {
  const settings = topicSettings({
    replication: 1,
    minInsyncReplicas: 1,
    retentionMs: 7 * 86_400_000,
    uncleanElection: 'refused',
  });
  const placement =
    broker === undefined
      ? { numPartitions: PARTITIONS, replicationFactor: 1 }
      : { replicaAssignment: [{ partition: 0, replicas: [broker] }] };
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  await cluster.ask(admin =>
    admin.createTopics({ waitForLeaders: false, topics: [{ topic, ...placement, configEntries }] }),
  );
  await cluster.laidOut(topic);
}

async function minInsyncOf(cluster: TestKafkaCluster, topic: string): Promise<string | undefined> {
  const { resources } = await cluster.ask(admin =>
    admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: topic }] }),
  );
  return resources[0]?.configEntries.find(({ configName }) => configName === 'min.insync.replicas')
    ?.configValue;
}

async function surviveKill(
  cluster: TestKafkaCluster,
  wanted: LogConfig,
  config: () => LogConfig,
  { producer, ledger }: { readonly producer: TestLog; readonly ledger: TestLedger },
): Promise<void> {
  const topic = topicOf(wanted.NAMESPACE);
  const led = await cluster.killable(topic, [0, 1, 2, 3]);
  // A topic of another service, without a leader after the kill.
  const foreign = `foreign-${wanted.NAMESPACE}`;
  await makeOnOne(cluster, foreign, led.leader);
  await appendThrough(producer, ledger, led.partition, async () => {
    await cluster.kill(led.leader);
    await cluster.moved(topic, led);
    // Each broker hears of the kill on its own, and any of them may be asked.
    await eventually(async () => (await cluster.laidOut(foreign)).every(({ leader }) => leader < 0));
  });
  await (await openProducer(wanted, quiet)).close();
  // Nor does it keep another fairline from making its topic on the remaining brokers.
  const another = { ...config(), KAFKA_REPLICATION: BROKERS - 1 };
  await (await openProducer(another, quiet)).close();
  const left = [1, 2, 3].filter(id => id !== led.leader);
  for (const { replicas } of await cluster.laidOut(topicOf(another.NAMESPACE))) {
    assert.deepEqual(replicas.toSorted(), left);
  }
}

async function surviveBurst(context: TestContext, cluster: TestKafkaCluster, system: System): Promise<void> {
  const campaign = await system.offer({ kind: 'coupon', stock: STOCK });
  const topic = topicOf(system.namespace);
  const led = await eventually(async () => cluster.killable(topic, await partitionsOfGateways(system)));
  const entered = (): Promise<number> => system.redis.zcard(system.keys.campaign(campaign).rank);
  let before = 0;
  let granted = new Map<string, number>();
  const rows = await burst(system, campaign, USERS, async () => {
    await eventually(async () => (await entered()) >= EARLY, { timeoutMs: 180_000 });
    await cluster.kill(led.leader);
    before = await entered();
    granted = await grantsOf(system, campaign);
    await cluster.moved(topic, led);
  });
  const accepted = await assertWhole(system, campaign, STOCK, rows);
  assert.ok(accepted - before >= EARLY, `${accepted} were accepted, ${before} of them before the kill`);
  assert.equal(accepted, USERS, 'every retry was accepted');
  const after = await grantsOf(system, campaign);
  for (const [user, serial] of granted) assert.equal(after.get(user), serial, `${user} keeps ${serial}`);
  const again = rows.filter(({ attempts }) => attempts > 1).length;
  const unanswered = rows.filter(({ lost }) => lost > 0).length;
  context.diagnostic(
    `three brokers, the leader killed: ${USERS} asked, ${accepted} answered 202 (${before} in the queue when it was ` +
      `killed), ${again} asked more than once, ${unanswered} had a request without an answer; 0 lost, 0 twice, 0 overtaken`,
  );
}

async function partitionsOfGateways(system: System): Promise<readonly number[]> {
  const { rows } = await system.pool.query<{ partition: number }>(
    `select distinct partition from gateways where state = 'live'`,
  );
  return rows.map(({ partition }) => partition);
}

async function grantsOf(system: System, campaign: number): Promise<Map<string, number>> {
  const { rows } = await system.pool.query<{ user_id: string; serial: number }>(
    'select user_id, serial from grants where campaign_id = $1',
    [campaign],
  );
  return new Map(rows.map(({ user_id, serial }) => [user_id, serial]));
}
