/** A log over three real brokers: what it is made on, and that the loss of a leader loses nothing acknowledged. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { availableLogs, eventually } from '../../test/support.ts';
import { type System, startSystem } from '../../test/system.ts';
import { topicOf } from './kafka-topic.ts';
import { openConsumer, openProducer } from './open.ts';
import { appendThrough } from './test-appender.ts';
import { TestKafkaCluster } from './test-kafka-cluster.ts';
import { logConfig, quiet, TestLedger, TestLog, TestOwnership } from './test-ledger.ts';

const PARTITION = 1;
const WORKERS = 8;
/** Without it those who are refused would keep the machine from what they wait for. */
const REFUSED_WAIT_MS = 50;

if (availableLogs().includes('kafka')) {
  describe('a log over three brokers', { timeout: 400_000 }, () => {
    let cluster: TestKafkaCluster;
    const config = () =>
      logConfig('kafka', { redisUrl: '', kafkaBrokers: cluster.brokers }, { KAFKA_REPLICATION: 3 });
    const layout = (topic: string) =>
      cluster.ask(
        async admin => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions ?? [],
      );
    const allInSync = (topic: string) =>
      eventually(async () => (await layout(topic)).every(({ isr }) => isr.length === 3), {
        timeoutMs: 120_000,
      });

    before(async () => {
      cluster = await TestKafkaCluster.start();
    });
    after(() => cluster.remove());

    it('is made on all three, whichever of them were up when it was asked for', async () => {
      const wanted = config();
      await cluster.kill(3);
      await eventually(
        async () => (await cluster.ask(admin => admin.describeCluster())).brokers.length === 2,
        {
          timeoutMs: 60_000,
        },
      );
      await assert.rejects(
        openProducer(wanted, quiet),
        /KAFKA_REPLICATION is 3, and the brokers that are up are 2/,
      );
      await cluster.start(3);
      await cluster.serves();
      await (await openProducer(wanted, quiet)).close();
      const partitions = await layout(topicOf(wanted.NAMESPACE));
      assert.deepEqual(
        partitions.map(({ replicas }) => replicas.length),
        partitions.map(() => 3),
      );
    });

    it('keeps every acknowledged record, in order, when its leader is killed in the middle of a burst', async () => {
      const wanted = config();
      const topic = topicOf(wanted.NAMESPACE);
      const producer = await TestLog.open(wanted);
      const consumer = await openConsumer(wanted, quiet, new TestOwnership().join());
      const ledger = new TestLedger();
      await consumer.run(ledger.handler());
      for (let round = 0; round < 2; round++) {
        await allInSync(topic);
        const leader = await cluster.leaderOf(topic, PARTITION);
        await appendThrough(producer, ledger, PARTITION, () => cluster.kill(leader));
        assert.notEqual(await cluster.leaderOf(topic, PARTITION), leader);
        await cluster.start(leader);
      }
      await producer.close();
      await consumer.close();
    });

    it('loses no entry that was answered with 202 when a leader is killed in the middle of a burst', async () => {
      await cluster.serves();
      const variables = { KAFKA_BROKERS: cluster.brokers, KAFKA_REPLICATION: '3' };
      const system = await startSystem({
        log: 'kafka',
        gateways: 2,
        gatewayEnv: variables,
        engineEnv: variables,
      });
      try {
        await surviveBurst(system, async () => {
          const topic = topicOf(system.namespace);
          const leaders = (await layout(topic)).map(({ leader }) => leader);
          const leader = leaders[0];
          assert.ok(leader !== undefined);
          await cluster.kill(leader);
        });
      } finally {
        await system.close();
      }
    });
  });
}

/** Enters one user after another at both gateways; holds every 202 against the ledger, before `outage` and behind it. */
async function surviveBurst(system: System, outage: () => Promise<void>): Promise<void> {
  const campaign = await system.offer({ kind: 'raffle', winners: 5 });
  const answered = new Set<string>();
  let isEnding = false;
  const workers = Array.from({ length: WORKERS }, async (_, worker) => {
    for (let number = 0; !isEnding; number++) {
      const user = `user-${worker}-${number}`;
      const answer = await system.enter(user, campaign, worker % 2).catch(() => undefined);
      if (answer?.status === 202) answered.add(user);
      else await sleep(REFUSED_WAIT_MS);
    }
  });
  const more = async (count: number): Promise<void> => {
    const wanted = answered.size + count;
    await eventually(() => answered.size >= wanted, { timeoutMs: 120_000 });
  };
  try {
    await more(100);
    await outage();
    await more(100);
  } finally {
    isEnding = true;
    await Promise.all(workers);
  }
  const inLedger = async (): Promise<number> => {
    const { rows } = await system.pool.query(
      'select count(*)::integer as count from entries where campaign_id = $1 and user_id = any($2)',
      [campaign, [...answered]],
    );
    return rows[0]?.count ?? 0;
  };
  await eventually(async () => (await inLedger()) === answered.size, { timeoutMs: 60_000 });
}
