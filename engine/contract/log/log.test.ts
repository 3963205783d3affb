import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { availableLogs, eventually, serversFromEnv } from '../../test/support.ts';
import { keysOf } from '../redis/keys.ts';
import type { LogConsumer, LogHandler } from './log.ts';
import { LogUnavailable } from './log.ts';
import { type LogConfig, openConsumer } from './open.ts';
import { logConfig, PARTITIONS, quiet, TestLedger, TestLog, TestOwnership } from './testing/ledger.ts';

const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);

for (const kind of availableLogs()) {
  describe(`the ${kind} log`, () => {
    const opened: { close(): Promise<void> }[] = [];
    after(async () => {
      await Promise.all(opened.map(end => end.close()));
    });

    const produce = async (config: LogConfig): Promise<TestLog> => {
      const producer = await TestLog.open(config);
      opened.push(producer);
      return producer;
    };
    const consume = async (
      config: LogConfig,
      handler: LogHandler,
      ownership = new TestOwnership(),
      log = quiet,
    ): Promise<LogConsumer> => {
      const consumer = await openConsumer(config, log, ownership.join());
      opened.push(consumer);
      await consumer.run(handler);
      return consumer;
    };
    const fresh = (): LogConfig => logConfig(kind, serversFromEnv());

    it('reads in each partition exactly what was appended, in order', async () => {
      const config = fresh();
      const producer = await produce(config);
      const ledger = new TestLedger();
      const appended = ALL.map(() => [] as string[]);
      const append = async (partition: number, text: string): Promise<void> => {
        await producer.append(partition, Buffer.from(text));
        appended[partition]?.push(text);
      };
      for (let number = 0; number < 150; number++) await append(number % PARTITIONS, `before ${number}`);
      await consume(config, ledger.handler());
      for (let number = 0; number < 150; number++) await append(number % PARTITIONS, `after ${number}`);
      await eventually(() => ledger.count >= 300);
      for (const partition of ALL) assert.deepEqual(ledger.rowsOf(partition), appended[partition]);
      assert.deepEqual(ledger.faults, []);
    });

    it('keeps every byte of a large record, even if the buffer is reused after the append', async () => {
      const config = fresh();
      const producer = await produce(config);
      const bytes = randomBytes(900_000);
      const copy = Buffer.from(bytes);
      await producer.append(1, bytes);
      bytes.fill(0);
      const received: Buffer[] = [];
      await consume(config, {
        start: async () => '',
        batch: async batch => {
          received.push(...batch.records.map(record => record.bytes));
        },
      });
      await eventually(() => received.length > 0);
      assert.equal(received.length, 1);
      assert.ok(received[0]?.equals(copy));
    });

    it("resumes at the ledger's offset, not at the broker's", async () => {
      const config = fresh();
      const producer = await produce(config);
      const ledger = new TestLedger();
      const first = await consume(config, ledger.handler());
      for (const text of ['a', 'b', 'c']) await producer.append(2, Buffer.from(text));
      await eventually(() => ledger.count === 3);
      const [reached] = [ledger.positions.get(2)];
      await first.close();
      assert.deepEqual(first.assigned(), []);
      for (const text of ['d', 'e']) await producer.append(2, Buffer.from(text));

      const second = await consume(config, ledger.handler());
      await eventually(() => ledger.count === 5);
      await second.close();
      assert.deepEqual(ledger.rowsOf(2), ['a', 'b', 'c', 'd', 'e']);

      ledger.positions.set(2, reached ?? '');
      await consume(config, ledger.handler());
      await eventually(() => ledger.count === 7);
      assert.deepEqual(ledger.rowsOf(2), ['a', 'b', 'c', 'd', 'e', 'd', 'e']);
    });

    it('redelivers a batch that the handler rejected, after reading the offset again', async () => {
      const config = fresh();
      const producer = await produce(config);
      const ledger = new TestLedger();
      let refused = 0;
      const refuse = ({ partition }: { partition: number }): void => {
        if (partition === 0 && refused < 3) {
          refused += 1;
          throw new Error('the ledger is down');
        }
      };
      await consume(config, ledger.handler(refuse));
      for (let number = 0; number < 20; number++) {
        await producer.append(0, Buffer.from(String(number)));
        await producer.append(1, Buffer.from(String(number)));
      }
      await eventually(() => ledger.count === 40);
      const expected = Array.from({ length: 20 }, (_, number) => String(number));
      assert.deepEqual(ledger.rowsOf(0), expected);
      assert.deepEqual(ledger.rowsOf(1), expected);
      assert.equal(refused, 3);
      assert.ok(ledger.starts.filter(partition => partition === 0).length >= 4);
      assert.deepEqual(ledger.faults, []);
    });

    it('retries when the ledger gives no offset or one that is not in this log', async () => {
      const config = fresh();
      const producer = await produce(config);
      const ledger = new TestLedger();
      const handler = ledger.handler();
      const answers = ['no such place'];
      let failures = 0;
      await consume(config, {
        batch: handler.batch,
        start: async partition => {
          if (partition === 3 && failures < 2) {
            failures += 1;
            throw new Error('the ledger is down');
          }
          return (partition === 3 ? answers.pop() : undefined) ?? (await handler.start(partition));
        },
      });
      await producer.append(3, Buffer.from('a'));
      await eventually(() => ledger.count === 1);
      assert.equal(failures, 2);
    });

    it('shares the partitions among consumers, and reassigns those of a closed one', async () => {
      const config = fresh();
      const producer = await produce(config);
      const ledger = new TestLedger();
      const ownership = new TestOwnership();
      const first = await consume(config, ledger.handler(), ownership);
      await eventually(() => first.assigned().length === PARTITIONS);
      const second = await consume(config, ledger.handler(), ownership);
      await eventually(() => first.assigned().length === 2 && second.assigned().length === 2);
      assert.deepEqual(
        [...first.assigned(), ...second.assigned()].sort((a, b) => a - b),
        ALL,
      );
      for (let number = 0; number < 40; number++) {
        await producer.append(number % PARTITIONS, Buffer.from(String(number)));
      }
      await eventually(() => ledger.count === 40);
      await first.close();
      await eventually(() => second.assigned().length === PARTITIONS);
      for (let number = 40; number < 80; number++) {
        await producer.append(number % PARTITIONS, Buffer.from(String(number)));
      }
      await eventually(() => ledger.count === 80);
      for (const partition of ALL) {
        const numbers = ledger.rowsOf(partition).map(Number);
        assert.deepEqual(
          numbers,
          Array.from({ length: 20 }, (_, at) => partition + at * PARTITIONS),
        );
      }
      assert.deepEqual(ledger.faults, []);
    });

    it('reports loudly that the log is shorter than the ledger, and continues', async () => {
      const config = fresh();
      const producer = await produce(config);
      const errors: string[] = [];
      const log = pino({ level: 'error' }, { write: line => errors.push(line) });
      const ledger = new TestLedger();
      ledger.positions.set(0, kind === 'kafka' ? '1000' : '99999999999999-0');
      await producer.append(0, Buffer.from('a'));
      await consume(config, ledger.handler(), new TestOwnership(), log);
      await eventually(() => ledger.count === 1);
      await producer.append(0, Buffer.from('b'));
      await eventually(() => ledger.count === 2);
      assert.deepEqual(ledger.rowsOf(0), ['a', 'b']);
      assert.ok(errors.some(line => line.includes('THE LOG IS SHORTER')));
    });

    it('trims what the ledger has taken in, and nothing after it', async () => {
      const config = fresh();
      const producer = await produce(config);
      const ledger = new TestLedger();
      for (let number = 0; number < 300; number++) await producer.append(0, Buffer.from(String(number)));
      const first = await consume(config, ledger.handler());
      await eventually(() => ledger.count === 300);
      await first.trim(0, '');
      await first.trim(0, ledger.positions.get(0) ?? '');
      await first.close();
      if (kind === 'redis') {
        const redis = new Redis(config.REDIS_URL);
        const left = await redis.xlen(keysOf(config.NAMESPACE).logPartition(0));
        redis.disconnect();
        assert.ok(left >= 1 && left < 300, `${left} are left`);
      }
      await producer.append(0, Buffer.from('300'));
      const errors: string[] = [];
      const log = pino({ level: 'error' }, { write: line => errors.push(line) });
      await consume(config, ledger.handler(), new TestOwnership(), log);
      await eventually(() => ledger.count === 301);
      assert.equal(ledger.rowsOf(0).at(-1), '300');
      assert.deepEqual(errors, []);
    });

    it('refuses an unknown partition, and every append after it was closed', async () => {
      const producer = await produce(fresh());
      await assert.rejects(producer.append(PARTITIONS, Buffer.from('a')), RangeError);
      await assert.rejects(producer.append(-1, Buffer.from('a')), RangeError);
      await producer.append(0, Buffer.from('a'));
      await producer.close();
      await assert.rejects(producer.append(0, Buffer.from('b')), LogUnavailable);
    });

    it('closes an idle consumer, and closes twice', async () => {
      const consumer = await openConsumer(fresh(), quiet, new TestOwnership().join());
      assert.equal(consumer.kind, kind);
      await consumer.close();
      await consumer.close();
    });
  });
}
