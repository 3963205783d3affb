import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { availableLogs, eventually } from '../../test/support.ts';
import { type LogConsumer, LogUnavailable } from './log.ts';
import { openConsumer } from './open.ts';
import { logConfig, quiet, TestLedger, TestLog, TestOwnership } from './test-ledger.ts';
import { TestServer } from './test-servers.ts';

/** A gateway without a door: appends 0, 1, 2, ... to one partition, one at a time, each number once. */
class Appender {
  readonly acknowledged: number[] = [];
  readonly faults: unknown[] = [];
  failed = 0;
  #next = 0;
  #isEnding = false;
  readonly #ended: Promise<void>;

  constructor(producer: TestLog, partition: number) {
    this.#ended = this.#append(producer, partition);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#ended;
  }

  async #append(producer: TestLog, partition: number): Promise<void> {
    while (!this.#isEnding) {
      const number = this.#next++;
      try {
        await producer.append(partition, Buffer.from(String(number)));
        this.acknowledged.push(number);
      } catch (error) {
        if (!(error instanceof LogUnavailable)) this.faults.push(error);
        this.failed += 1;
        await sleep(20);
      }
    }
  }
}

for (const kind of availableLogs()) {
  describe(`the ${kind} log in an outage`, {
    timeout: 200_000,
  }, () => {
    const partition = 1;
    const ledger = new TestLedger();
    let server: TestServer;
    let producer: TestLog;
    let consumer: LogConsumer;

    before(async () => {
      server = await TestServer.start(kind);
      const config = logConfig(kind, server.servers);
      producer = await TestLog.open(config);
      consumer = await openConsumer(config, quiet, new TestOwnership().join());
      await consumer.run(ledger.handler());
    });
    after(async () => {
      await producer.close();
      await consumer.close();
      await server.remove();
    });

    /** Appends while `outage` happens, and until appends succeed again; then compares with what was read. */
    const through = async (outage: (appender: Appender) => Promise<void>): Promise<void> => {
      const offset = ledger.rowsOf(partition).length;
      const appender = new Appender(producer, partition);
      await eventually(() => appender.acknowledged.length > 20);
      await outage(appender);
      const before = appender.acknowledged.length;
      await eventually(() => appender.acknowledged.length > before + 20, { timeoutMs: 60_000 });
      await appender.end();
      assert.deepEqual(appender.faults, []);
      assert.ok(appender.failed > 0);
      const last = String(appender.acknowledged.at(-1));
      await eventually(() => ledger.rowsOf(partition).at(-1) === last, { timeoutMs: 90_000 });
      const read = ledger.rowsOf(partition).slice(offset).map(Number);
      const readAtAll = new Set(read);
      assert.deepEqual(
        appender.acknowledged.filter(number => !readAtAll.has(number)),
        [],
        'acknowledged and never read',
      );
      // One that was given up may turn up behind those that came after it.
      const acknowledged = new Set(appender.acknowledged);
      const inOrder = read.filter(number => acknowledged.has(number));
      assert.deepEqual(
        inOrder.filter((number, at) => at > 0 && number < (inOrder[at - 1] ?? 0)),
        [],
        'read behind a later one',
      );
      assert.deepEqual(ledger.faults, []);
    };

    it('refuses appends while the server is killed, loses nothing acknowledged, and heals', async () => {
      await through(async appender => {
        await server.signal('SIGKILL');
        await eventually(() => appender.failed > 0);
        await server.start();
      });
    });

    it('gives up an append that a frozen server does not answer, and heals', async () => {
      await through(async appender => {
        const before = appender.failed;
        await server.signal('SIGSTOP');
        await eventually(() => appender.failed > before);
        await server.signal('SIGCONT');
      });
    });
  });
}
