/** What the log itself refuses, on real servers: everything from a writer that was ended, whatever its clocks show. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type NetworkProxy, startProxy } from '../../test/proxy.ts';
import { availableLogs, eventually, serversFromEnv } from '../../test/support.ts';
import { keysOf } from '../redis/keys.ts';
import { KafkaClient } from './kafka/kafka-client.ts';
import { KafkaConnection } from './kafka/kafka-connection.ts';
import { KafkaSender } from './kafka/kafka-sender.ts';
import { topicOf } from './kafka/kafka-topic.ts';
import { KafkaProducer } from './kafka/kafka-writer.ts';
import { Fenced, type LogConsumer, LogUnavailable } from './log.ts';
import { type LogConfig, openConsumer, openFencing, openProducer } from './open.ts';
import { logConfig, quiet, TestLedger, TestLog, TestOwnership, type TestWriter } from './testing/ledger.ts';

const FENCE = Buffer.from('fence');

for (const kind of availableLogs()) {
  describe(`an ended writer of the ${kind} log`, () => {
    const opened: { close(): Promise<void> }[] = [];
    after(async () => {
      for (const end of opened.reverse()) await end.close();
    });
    const open = async (config: LogConfig): Promise<TestLog> => {
      const log = await TestLog.open(config);
      opened.push(log);
      return log;
    };
    /** The records of a partition. */
    const read = async (config: LogConfig, partition: number, count: number): Promise<readonly string[]> => {
      const ledger = new TestLedger();
      const consumer: LogConsumer = await openConsumer(config, quiet, new TestOwnership().join());
      await consumer.run(ledger.handler());
      await eventually(() => ledger.rowsOf(partition).length >= count);
      await consumer.close();
      return ledger.rowsOf(partition);
    };
    const end = async (log: TestLog, { token, ...writer }: TestWriter): Promise<void> => {
      if (log.fencing.usesTokens) await log.fencing.retire(writer.partition, token, Buffer.from('retired'));
      await log.fencing.fence(writer, FENCE);
    };

    it('cannot append after its fence, nor record its leave', async () => {
      const config = logConfig(kind, serversFromEnv());
      const log = await open(config);
      const [old, other] = [await log.join(1), await log.join(2)];
      await old.writer.append(Buffer.from('counts'));
      await end(log, old);
      await assert.rejects(old.writer.append(Buffer.from('too late')), Fenced);
      await assert.rejects(old.writer.append(Buffer.from('later still')), Fenced);
      await assert.rejects(old.writer.leave(Buffer.from('leave')), Fenced);
      await other.writer.append(Buffer.from('of another number'));
      const successor = await log.join(1);
      await successor.writer.append(Buffer.from('of its successor'));
      const rows = await read(config, 1, log.fencing.usesTokens ? 4 : 3);
      const retired = log.fencing.usesTokens ? ['retired'] : [];
      assert.deepEqual(rows, ['counts', ...retired, 'fence', 'of its successor']);
    });

    it('is refused although it never appended, and may be ended twice', async () => {
      const log = await open(logConfig(kind, serversFromEnv()));
      const mute = await log.join(0);
      await end(log, mute);
      await end(log, mute);
      await assert.rejects(mute.writer.append(Buffer.from('first')), Fenced);
    });

    it('gets Fenced and never "written" when the server answers after the fence', async () => {
      const servers = serversFromEnv();
      const proxied = await proxiedLog(kind, servers);
      opened.push({ close: () => proxied.proxy.close() });
      const log = await open(logConfig(kind, servers, { NAMESPACE: proxied.config.NAMESPACE }));
      const slow = await proxied.open();
      opened.push(slow);
      const old = await log.join(1);
      const writer = slow.writer({ ...old, givenAtMs: Date.now(), nowMs: Date.now });
      await writer.append(Buffer.from('counts'));
      // The next append is in transit while the writer is ended.
      proxied.proxy.delay(1_000);
      const late = assert.rejects(writer.append(Buffer.from('too late')), Fenced);
      await end(log, old);
      await late;
      const rows = await read(logConfig(kind, servers, { NAMESPACE: proxied.config.NAMESPACE }), 1, 2);
      assert.equal(rows.includes('too late'), false);
      assert.ok(rows.includes('fence'));
    });

    it('may leave one append whose result it does not know', async () => {
      const servers = serversFromEnv();
      const proxied = await proxiedLog(kind, servers);
      opened.push({ close: () => proxied.proxy.close() });
      const log = await open(logConfig(kind, servers, { NAMESPACE: proxied.config.NAMESPACE }));
      const slow = await proxied.open();
      opened.push(slow);
      for (const isWritten of [true, false]) {
        const old = await log.join(isWritten ? 1 : 2);
        const writer = slow.writer({ ...old, givenAtMs: Date.now(), nowMs: Date.now });
        await writer.append(Buffer.from('counts'));
        proxied.proxy.delay(300);
        const lost = assert.rejects(writer.append(Buffer.from('lost')), LogUnavailable);
        // It arrives after 300 ms and the answer after 600; or it never arrives.
        await sleep(isWritten ? 450 : 100);
        proxied.proxy.cut();
        await lost;
        proxied.proxy.delay(0);
        proxied.proxy.mend();
        await assert.rejects(writer.append(Buffer.from('never')), LogUnavailable);
        await eventually(() =>
          writer.leave(Buffer.from('leave')).then(
            () => true,
            (error: unknown) => {
              if (error instanceof LogUnavailable) return false;
              throw error;
            },
          ),
        );
        const rows = await read(
          logConfig(kind, servers, { NAMESPACE: proxied.config.NAMESPACE }),
          old.partition,
          2,
        );
        assert.deepEqual([rows[0], rows.at(-1), rows.includes('never')], ['counts', 'leave', false]);
        assert.equal(rows.includes('lost'), isWritten);
      }
    });

    interface ProxiedLog {
      readonly proxy: NetworkProxy;
      readonly config: LogConfig;
      open(): ReturnType<typeof openProducer>;
    }

    /** A log whose appends can be delayed: with Kafka, only requests to the leader are. */
    async function proxiedLog(
      of: typeof kind,
      servers: ReturnType<typeof serversFromEnv>,
    ): Promise<ProxiedLog> {
      const url = new URL(of === 'kafka' ? `kafka://${servers.kafkaBrokers}` : servers.redisUrl);
      const proxy = await startProxy({ host: url.hostname, port: Number(url.port) });
      if (of === 'redis') {
        url.port = String(proxy.port);
        const config = logConfig('redis', { redisUrl: url.href });
        return { proxy, config, open: () => openProducer(config, quiet) };
      }
      const config = logConfig('kafka', servers);
      return {
        proxy,
        config,
        open: async () =>
          new KafkaProducer(
            new KafkaSender({
              brokers: config.KAFKA_BROKERS,
              topic: topicOf(config.NAMESPACE),
              partitions: config.LOG_PARTITIONS,
              log: quiet,
              requestTimeoutMs: 3_000,
              appendTimeoutMs: 5_000,
              connect: () => KafkaConnection.connect('127.0.0.1', proxy.port),
            }),
          ),
      };
    }
  });
}

describe('a Redis log', () => {
  it('refuses every writer in an epoch that is not open: emptied, never marked, or another', async () => {
    const config = logConfig('redis', serversFromEnv());
    const log = await TestLog.open(config);
    const redis = new Redis(config.REDIS_URL);
    const { logWriters } = keysOf(config.NAMESPACE);
    const [first, second, third] = [await log.join(0), await log.join(1), await log.join(2)];
    await first.writer.append(Buffer.from('counts'));
    await redis.del(logWriters(0));
    await assert.rejects(first.writer.append(Buffer.from('emptied')), Fenced);
    assert.equal(await log.fencing.mark(1, 2, FENCE), true);
    await assert.rejects(second.writer.append(Buffer.from('of an older epoch')), Fenced);
    assert.equal(await log.fencing.mark(1, 1, FENCE), false, 'an older epoch cannot be reopened');
    await third.writer.append(Buffer.from('of another partition'));
    assert.deepEqual(await log.fencing.unmarked(2), [0, 2, 3]);
    redis.disconnect();
    await log.close();
  });
});

if (availableLogs().includes('kafka')) {
  describe('a Kafka log', () => {
    it('refuses a writer that was silent so long that the broker may have forgotten the fence', async () => {
      const log = await TestLog.open(logConfig('kafka', serversFromEnv()));
      const { writer: _writer, ...identity } = await log.join(0);
      const writer = log.producer.writer({
        ...identity,
        givenAtMs: Date.now() - 7 * 3_600_000,
        nowMs: Date.now,
      });
      await assert.rejects(writer.append(Buffer.from('after seven hours')), /silent for too long/);
      await log.close();
    });

    it('refuses the second of two writers with one identity, and never reports "written" to both', async () => {
      const log = await TestLog.open(logConfig('kafka', serversFromEnv()));
      const { writer, ...identity } = await log.join(0);
      const twin = log.producer.writer({ ...identity, givenAtMs: Date.now(), nowMs: Date.now });
      await writer.append(Buffer.from('first'));
      await assert.rejects(twin.append(Buffer.from('of the twin')), Fenced);
      await writer.append(Buffer.from('second'));
      await log.close();
    });

    it('refuses a topic that may forget a fence, and says what to run', async () => {
      const config = logConfig('kafka', serversFromEnv());
      await (await openProducer(config, quiet)).close();
      const client = new KafkaClient(
        { brokers: config.KAFKA_BROKERS, log: quiet, requestTimeoutMs: 5_000 },
        2,
      );
      const admin = client.kafka.admin();
      await admin.connect();
      const entry = { name: 'message.timestamp.before.max.ms', value: '864000000' };
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: 2, name: topicOf(config.NAMESPACE), configEntries: [entry] }],
      });
      // The controller has it; the broker learns of it a moment later.
      const asked = { type: 2, name: topicOf(config.NAMESPACE), configNames: [entry.name] };
      await eventually(async () => {
        const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [asked] });
        return resources[0]?.configEntries[0]?.configValue === entry.value;
      });
      client.end();
      const wanted = /kafka-configs.sh .*message.timestamp.before.max.ms=21600000/;
      await assert.rejects(openProducer(config, quiet), wanted);
      await assert.rejects(openFencing(config, quiet), wanted);
    });
  });
}
