import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Admin } from 'kafkajs';
import { pino } from 'pino';
import { startProxy } from '../../../test/proxy.ts';
import { availableLogs, eventually, serversFromEnv } from '../../../test/support.ts';
import { type LogConfig, openConsumer, openFencing, openProducer } from '../open.ts';
import { logConfig, PARTITIONS, quiet, TestLedger, TestLog, TestOwnership } from '../testing/ledger.ts';
import { KafkaClient } from './kafka-client.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { topicSettings } from './kafka-durability.ts';
import { askMetadata } from './kafka-metadata.ts';
import { KafkaPartition } from './kafka-partition.ts';
import { KafkaSender } from './kafka-sender.ts';
import { ensureReadable, topicOf } from './kafka-topic.ts';
import { KafkaProducer } from './kafka-writer.ts';

/** Like the tests' own configuration. */
const ONE_BROKER = {
  replication: 1,
  minInsyncReplicas: 2,
  uncleanElection: 'refused',
  retentionMs: 7 * 86_400_000,
} as const;

function senderTo(config: LogConfig, connect = KafkaConnection.connect): KafkaSender {
  return new KafkaSender({
    brokers: config.KAFKA_BROKERS,
    topic: topicOf(config.NAMESPACE),
    partitions: config.LOG_PARTITIONS,
    log: quiet,
    requestTimeoutMs: 3_000,
    appendTimeoutMs: 5_000,
    connect,
  });
}

/** A producer whose first append the broker writes and answers with that error code. */
function answeringOnce(config: LogConfig, code: number): KafkaProducer {
  let hasFailed = false;
  const connect = async (host: string, port: number): Promise<KafkaConnection> => {
    const connection = await KafkaConnection.connect(host, port);
    const ask = connection.ask.bind(connection);
    connection.ask = async (correlationId, request) => {
      const answer = await ask(correlationId, request);
      if (!hasFailed) answer.writeInt16BE(code, 18 + answer.readInt16BE(8));
      hasFailed = true;
      return answer;
    };
    return connection;
  };
  return new KafkaProducer(senderTo(config, connect));
}

describe('a fetched batch of a Kafka partition', () => {
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

  it('is accepted when it begins at or before the position', () => {
    const partition = new KafkaPartition(0, log);
    assert.equal(partition.goTo(''), '0');
    assert.deepEqual(positions(partition.accept(fetched(0, 1))), ['0', '1']);
    assert.equal(partition.goTo('2'), '2');
    const found = partition.accept(fetched(0, 1, 2, 3));
    assert.deepEqual(positions(found), ['2', '3']);
    assert.equal(found.next, '4');
    assert.deepEqual(errors, []);
  });

  it('is fetched once more when it begins after the position, then accepted with an error', () => {
    const partition = new KafkaPartition(0, log);
    partition.goTo('5');
    assert.deepEqual(partition.accept(fetched(7, 8)), { next: '5', records: [] });
    assert.deepEqual(errors, []);
    assert.deepEqual(positions(partition.accept(fetched(7, 8))), ['7', '8']);
    assert.match(errors.pop() ?? '', /RECORDS ARE MISSING/);
  });

  it('is fetched once more when it ends before the position, then accepted with an error', () => {
    const partition = new KafkaPartition(0, log);
    partition.goTo('5');
    assert.deepEqual(partition.accept(fetched(0, 1)), { next: '5', records: [] });
    const found = partition.accept(fetched(0, 1));
    assert.deepEqual(positions(found), ['0', '1']);
    assert.equal(found.next, '2');
    assert.match(errors.pop() ?? '', /THE LOG IS SHORTER/);
  });

  it('is not checked against an invalid offset', () => {
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

    it('is created once by several that open it concurrently, with LOG_PARTITIONS partitions', async () => {
      const config = fresh();
      const ends = await Promise.all([
        open(TestLog.open(config)),
        open(openProducer(config, quiet)),
        open(openConsumer(config, quiet, new TestOwnership().join())),
      ]);
      await ends[0].append(PARTITIONS - 1, Buffer.from('a'));
      assert.match(ends[2].name, new RegExp(`^kafka:.+:${topicOf(config.NAMESPACE)}$`));
    });

    it('is refused with another number of partitions, naming the remedy', async () => {
      const config = fresh();
      await open(openProducer(config, quiet));
      const other = { ...config, LOG_PARTITIONS: PARTITIONS + 1 };
      const pattern = new RegExp(
        `LOG_PARTITIONS is ${PARTITIONS + 1}.*expected LOG_PARTITIONS=${PARTITIONS}`,
      );
      await assert.rejects(openProducer(other, quiet), pattern);
      await assert.rejects(openConsumer(other, quiet, new TestOwnership().join()), pattern);
    });

    const withAdmin = async <T>(config: LogConfig, work: (admin: Admin) => Promise<T>): Promise<T> => {
      const client = new KafkaClient(
        { brokers: config.KAFKA_BROKERS, log: quiet, requestTimeoutMs: 5_000 },
        2,
      );
      try {
        const admin = client.kafka.admin();
        await admin.connect();
        return await work(admin);
      } finally {
        client.end();
      }
    };
    /** Creates the topic beforehand, as configured except for `changes`. */
    const makeOtherwise = async (
      config: LogConfig,
      changes: Readonly<Record<string, string>>,
    ): Promise<void> => {
      const topic = topicOf(config.NAMESPACE);
      const settings = Object.entries({ ...topicSettings(ONE_BROKER), ...changes });
      const configEntries = settings.map(([name, value]) => ({ name, value }));
      const made = { topic, numPartitions: PARTITIONS, replicationFactor: 1, configEntries };
      // kafkajs would wait for leaders, and give up if the broker does not know the topic yet.
      await withAdmin(config, admin => admin.createTopics({ waitForLeaders: false, topics: [made] }));
      await eventually(async () => {
        const asked = { brokers: config.KAFKA_BROKERS, topic, requestTimeoutMs: 3_000 };
        const { partitions } = await askMetadata(asked);
        return partitions.length === PARTITIONS && partitions.every(({ leader }) => leader >= 0);
      });
    };

    it('is created with the configured settings, not with those of the broker', async () => {
      const config = { ...fresh(), KAFKA_RETENTION_MS: 2 * 86_400_000 };
      await open(openProducer(config, quiet));
      const { resources } = await withAdmin(config, admin =>
        admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: 2, name: topicOf(config.NAMESPACE) }],
        }),
      );
      const own = (resources[0]?.configEntries ?? []).filter(({ isDefault }) => !isDefault);
      assert.deepEqual(
        Object.fromEntries(own.map(({ configName, configValue }) => [configName, configValue])),
        topicSettings({ ...ONE_BROKER, retentionMs: 2 * 86_400_000 }),
      );
    });

    it('is not created on fewer brokers than configured', async () => {
      const config = { ...fresh(), KAFKA_REPLICATION: 3 };
      await assert.rejects(
        openProducer(config, quiet),
        /KAFKA_REPLICATION is 3, but 1 broker is up, .*start the others.*KAFKA_REPLICATION=1 accepts/,
      );
      const topics = await withAdmin(config, admin => admin.listTopics());
      assert.equal(topics.includes(topicOf(config.NAMESPACE)), false);
    });

    it('is refused on fewer brokers than configured, unless accepted by name', async () => {
      const config = fresh();
      await makeOtherwise(config, {});
      const pattern =
        /is on 1 broker, and KAFKA_REPLICATION is 3.*KAFKA_REPLICATION=1 accepts.*start the other brokers.*kafka-reassign-partitions.sh/;
      await assert.rejects(openProducer({ ...config, KAFKA_REPLICATION: 3 }, quiet), pattern);
      await assert.rejects(openFencing({ ...config, KAFKA_REPLICATION: 3 }, quiet), pattern);
      await open(openProducer(config, quiet));
    });

    it('is refused with unclean elections or short retention, unless accepted by name', async () => {
      const unclean = fresh();
      await makeOtherwise(unclean, { 'unclean.leader.election.enable': 'true' });
      await assert.rejects(
        openProducer(unclean, quiet),
        /has unclean.leader.election.enable=true.*KAFKA_UNCLEAN_ELECTION=accepted.*kafka-configs.sh .*unclean.leader.election.enable=false fixes it/,
      );
      await open(openProducer({ ...unclean, KAFKA_UNCLEAN_ELECTION: 'accepted' }, quiet));
      const brief = fresh();
      await makeOtherwise(brief, { 'retention.ms': '86400000' });
      await assert.rejects(
        openProducer(brief, quiet),
        /has retention.ms=86400000.*KAFKA_RETENTION_MS=86400000 accepts/,
      );
      await open(openProducer({ ...brief, KAFKA_RETENTION_MS: 86_400_000 }, quiet));
    });

    it('is refused without unlimited retention or with broker timestamps, which no setting accepts', async () => {
      const others = {
        'retention.bytes': '1000000',
        'cleanup.policy': 'compact',
        'message.timestamp.type': 'LogAppendTime',
      };
      for (const [name, value] of Object.entries(others)) {
        const config = fresh();
        await makeOtherwise(config, { [name]: value });
        await assert.rejects(openProducer(config, quiet), new RegExp(`has ${name}=${value}, .* fixes it$`));
      }
    });

    it('would accept late appends of an ended gateway if brokers set timestamps', async () => {
      for (const [type, code] of [
        ['CreateTime', 32],
        ['LogAppendTime', 0],
      ] as const) {
        const config = fresh();
        await makeOtherwise(config, { 'message.timestamp.type': type });
        const sender = await open(Promise.resolve(senderTo(config)));
        const writer = { producerId: await sender.initProducerId(), epoch: 0, sequence: 5 };
        const timestampMs = Date.now() - 7 * 3_600_000;
        assert.equal(await sender.send(0, Buffer.from('late'), { ...writer, timestampMs }), code, type);
      }
    });

    it('is still read when it has become weaker since the start', async () => {
      const config = fresh();
      await makeOtherwise(config, { 'unclean.leader.election.enable': 'true' });
      await ensureReadable({
        brokers: config.KAFKA_BROKERS,
        topic: topicOf(config.NAMESPACE),
        partitions: config.LOG_PARTITIONS,
        durability: ONE_BROKER,
        log: quiet,
        requestTimeoutMs: 3_000,
      });
    });

    it('holds a record once when its leader wrote it but answered NOT_LEADER or UNKNOWN_TOPIC', async () => {
      for (const code of [3, 6]) {
        const config = fresh();
        const log = await open(TestLog.open(config));
        const { writer: _writer, ...identity } = await log.join(0);
        const producer = await open(Promise.resolve(answeringOnce(config, code)));
        const writer = producer.writer({ ...identity, givenAtMs: Date.now(), nowMs: Date.now });
        await writer.append(Buffer.from('first'));
        await writer.append(Buffer.from('second'));
        const ledger = new TestLedger();
        const consumer = await open(openConsumer(config, quiet, new TestOwnership().join()));
        await consumer.run(ledger.handler());
        await eventually(() => ledger.rowsOf(0).includes('second'));
        assert.deepEqual(ledger.rowsOf(0), ['first', 'second']);
      }
    });

    it('is appended to over another connection when the broker closed one between two appends', async () => {
      const config = fresh();
      const log = await open(TestLog.open(config));
      const { writer: _writer, ...identity } = await log.join(0);
      const { port } = new URL(`kafka://${config.KAFKA_BROKERS}`);
      const proxy = await startProxy({ host: '127.0.0.1', port: Number(port) });
      opened.push(proxy);
      const reached: KafkaConnection[] = [];
      const sender = senderTo(config, async () => {
        const connection = await KafkaConnection.connect('127.0.0.1', proxy.port);
        reached.push(connection);
        return connection;
      });
      const producer = await open(Promise.resolve(new KafkaProducer(sender)));
      const writer = producer.writer({ ...identity, givenAtMs: Date.now(), nowMs: Date.now });
      await writer.append(Buffer.from('first'));
      proxy.cut();
      proxy.mend();
      await eventually(() => reached[0]?.isOpen === false);
      await writer.append(Buffer.from('second'));
      assert.equal(reached.length, 2);
    });

    it('skips deleted records and reports it loudly', async () => {
      const config = fresh();
      const producer = await open(TestLog.open(config));
      for (const text of ['a', 'b', 'c']) await producer.append(0, Buffer.from(text));
      const client = new KafkaClient(
        { brokers: config.KAFKA_BROKERS, log: quiet, requestTimeoutMs: 5_000 },
        2,
      );
      const admin = client.kafka.admin();
      await admin.connect();
      // deleteTopicRecords knows the topic's partitions only after another request has fetched them.
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

    it('has consumers each alone in their group, so none waits for a killed one', async () => {
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
