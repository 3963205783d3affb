import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { pino } from 'pino';
import { availableLogs, eventually, serversFromEnv } from '../../test/support.ts';
import { KafkaClient } from './kafka-client.ts';
import { KafkaPartition } from './kafka-partition.ts';
import { topicOf } from './kafka-topic.ts';
import { type LogConfig, openConsumer, openProducer } from './open.ts';
import { logConfig, PARTITIONS, quiet, TestLedger, TestLog, TestOwnership } from './test-ledger.ts';

describe('what a fetch has for a Kafka partition', () => {
  const errors: string[] = [];
  const log = pino({ level: 'error' }, { write: line => errors.push(line) });
  const fetched = (...offsets: number[]) =>
    offsets.map(offset => ({
      offset: String(offset),
      key: null,
      value: Buffer.from(String(offset)),
      timestamp: '0',
      attributes: 0,
      headers: {},
    }));
  const positions = (found: { records: readonly { position: string }[] }) =>
    found.records.map(({ position }) => position);

  it('is taken where it begins at the position, or before it', () => {
    const partition = new KafkaPartition(0, log);
    assert.equal(partition.goTo(''), '0');
    assert.deepEqual(positions(partition.accept(fetched(0, 1))), ['0', '1']);
    assert.equal(partition.goTo('2'), '2');
    const found = partition.accept(fetched(0, 1, 2, 3));
    assert.deepEqual(positions(found), ['2', '3']);
    assert.equal(found.next, '4');
    assert.deepEqual(errors, []);
  });

  it('is sought once more where it begins behind the position, and then taken with an error', () => {
    const partition = new KafkaPartition(0, log);
    partition.goTo('5');
    assert.deepEqual(partition.accept(fetched(7, 8)), { next: '5', records: [] });
    assert.deepEqual(errors, []);
    assert.deepEqual(positions(partition.accept(fetched(7, 8))), ['7', '8']);
    assert.match(errors.pop() ?? '', /RECORDS ARE MISSING/);
  });

  it('is sought once more where it ends before the position, and then taken with an error', () => {
    const partition = new KafkaPartition(0, log);
    partition.goTo('5');
    assert.deepEqual(partition.accept(fetched(0, 1)), { next: '5', records: [] });
    const found = partition.accept(fetched(0, 1));
    assert.deepEqual(positions(found), ['0', '1']);
    assert.equal(found.next, '2');
    assert.match(errors.pop() ?? '', /THE LOG IS SHORTER/);
  });

  it('is not compared with what is no offset', () => {
    assert.throws(() => new KafkaPartition(0, log).goTo('1-0'), /"1-0" is not an offset/);
  });
});

if (availableLogs().includes('kafka')) {
  describe('the topic', () => {
    const fresh = (): LogConfig => logConfig('kafka', serversFromEnv());
    const opened: { close(): Promise<void> }[] = [];
    const open = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
      const end = await opening;
      opened.push(end);
      return end;
    };
    after(async () => {
      await Promise.all(opened.map(end => end.close()));
    });

    it('is made once by several that open it at once, with as many partitions as LOG_PARTITIONS', async () => {
      const config = fresh();
      const ends = await Promise.all([
        open(TestLog.open(config)),
        open(openProducer(config, quiet)),
        open(openConsumer(config, quiet, new TestOwnership().join())),
      ]);
      await ends[0].append(PARTITIONS - 1, Buffer.from('a'));
      assert.match(ends[2].name, new RegExp(`^kafka:.+:${topicOf(config.NAMESPACE)}$`));
    });

    it('is refused with another number of partitions, naming what would be right', async () => {
      const config = fresh();
      await open(openProducer(config, quiet));
      const other = { ...config, LOG_PARTITIONS: PARTITIONS + 1 };
      const pattern = new RegExp(
        `LOG_PARTITIONS is ${PARTITIONS + 1}.*LOG_PARTITIONS=${PARTITIONS} would be right`,
      );
      await assert.rejects(openProducer(other, quiet), pattern);
      await assert.rejects(openConsumer(other, quiet, new TestOwnership().join()), pattern);
    });

    it('goes on behind records that were deleted, and says so loudly', async () => {
      const config = fresh();
      const producer = await open(TestLog.open(config));
      for (const text of ['a', 'b', 'c']) await producer.append(0, Buffer.from(text));
      const client = new KafkaClient(
        { brokers: config.KAFKA_BROKERS, log: quiet, requestTimeoutMs: 5_000 },
        2,
      );
      const admin = client.kafka.admin();
      await admin.connect();
      // deleteTopicRecords knows the topic's partitions only once something else has asked for them.
      await admin.fetchTopicOffsets(topicOf(config.NAMESPACE));
      await admin.deleteTopicRecords({
        topic: topicOf(config.NAMESPACE),
        partitions: [{ partition: 0, offset: '2' }],
      });
      client.end();
      const errors: string[] = [];
      const ledger = new TestLedger();
      ledger.positions.set(0, '1');
      const log = pino({ level: 'error' }, { write: line => errors.push(line) });
      const consumer = await open(openConsumer(config, log, new TestOwnership().join()));
      await consumer.run(ledger.handler());
      await eventually(() => ledger.count > 0);
      assert.deepEqual(ledger.rowsOf(0), ['c']);
      assert.equal(ledger.positions.get(0), '3');
      assert.ok(errors.some(line => line.includes('RECORDS ARE MISSING')));
    });

    it('is read by consumers that are each alone in a group, so that none waits for one that was killed', async () => {
      const config = fresh();
      const [ledger, ownership] = [new TestLedger(), new TestOwnership()];
      for (let number = 0; number < 2; number++) {
        const consumer = await open(openConsumer(config, quiet, ownership.join()));
        await consumer.run(ledger.handler());
        await eventually(() => consumer.assigned().length > 0);
      }
      const client = new KafkaClient(
        { brokers: config.KAFKA_BROKERS, log: quiet, requestTimeoutMs: 5_000 },
        2,
      );
      const admin = client.kafka.admin();
      await admin.connect();
      const { groups } = await admin.listGroups();
      const ours = groups.map(({ groupId }) => groupId).filter(id => id.startsWith(config.NAMESPACE));
      const described = await admin.describeGroups(ours);
      client.end();
      assert.deepEqual(
        described.groups.map(({ members }) => members.length),
        [1, 1],
      );
    });
  });
}
