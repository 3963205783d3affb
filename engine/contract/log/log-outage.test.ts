import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { availableLogs, eventually } from '../../test/support.ts';
import type { LogConsumer } from './log.ts';
import { openConsumer } from './open.ts';
import { type Appender, appendThrough } from './testing/appender.ts';
import { logConfig, quiet, TestLedger, TestLog, TestOwnership } from './testing/ledger.ts';
import { TestServer } from './testing/servers.ts';

for (const kind of availableLogs()) {
  describe(`the ${kind} log during an outage`, {
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

    const through = async (outage: (appender: Appender) => Promise<void>): Promise<void> => {
      const { failed } = await appendThrough(producer, ledger, partition, outage);
      assert.ok(failed > 0);
    };

    it('refuses appends while the server is down, loses nothing acknowledged, and recovers', async () => {
      await through(async appender => {
        await server.signal('SIGKILL');
        await eventually(() => appender.failed > 0);
        await server.start();
      });
    });

    it('abandons an append that a frozen server does not answer, and recovers', async () => {
      await through(async appender => {
        const before = appender.failed;
        await server.signal('SIGSTOP');
        await eventually(() => appender.failed > before);
        await server.signal('SIGCONT');
      });
    });
  });
}
