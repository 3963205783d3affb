/** What a gateway and an engine log while PostgreSQL or Kafka is gone: as processes, over connections that are cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProxy } from '../../engine/test/proxy.ts';
import { availableLogs, eventually, serversFromEnv } from '../../engine/test/support.ts';
import { ERROR, logLinesOf, type RunningProcess, startSystem, WARN } from '../../engine/test/system.ts';

const REDIRECTED = new URL('../../engine/test/preloaded/redirected.mjs', import.meta.url);
/** Processes try again after 2 s at most: several attempts of each. */
const GONE_MS = 5_000;
/** A gateway asks a lost ledger once a second. */
const ASK_MS = 500;
/** A gateway needs the ledger for these. */
const OF_THE_LEDGER = '/v1/heads';

interface Lost {
  readonly server: string;
  readonly address: URL;
  /** The names that the logs use: of the connections that every process has, and of those that only engines have. */
  readonly everywhere: string;
  readonly inEngines: readonly string[];
}

const { databaseUrl, kafkaBrokers } = serversFromEnv();
const hasKafka = availableLogs().includes('kafka');
const postgres = {
  server: 'PostgreSQL',
  address: new URL(databaseUrl),
  everywhere: 'Postgres',
  inEngines: ['Postgres for locks'],
};
const kafka = {
  server: 'Kafka',
  address: new URL(`kafka://${kafkaBrokers}`),
  everywhere: 'Kafka for appends of the log',
  inEngines: [],
};
const losses: readonly Lost[] = hasKafka ? [postgres, kafka] : [postgres];

for (const { server, address, everywhere, inEngines } of losses) {
  test(`a lost ${server} is one warning of each part that needs it, and one line each when it is back`, async t => {
    const proxy = await startProxy({ host: address.hostname, port: Number(address.port) });
    t.after(() => proxy.close());
    const env = {
      ...{ NODE_OPTIONS: `--import=${REDIRECTED.href}`, LOG_LEVEL: 'info' },
      ...{ REDIRECT_FROM: address.port, REDIRECT_TO: String(proxy.port) },
    };
    const system = await startSystem({
      ...{ log: hasKafka ? 'kafka' : 'redis', gatewayEnv: env, engineEnv: env },
    });
    t.after(() => system.close());
    const [gateway] = system.gateways;
    assert.ok(gateway !== undefined);
    const askLedger = async (): Promise<number> => (await system.ask('anybody', 'GET', OF_THE_LEDGER)).status;
    const campaign = await system.offer({ kind: 'coupon', stock: 10 });
    await eventually(async () => (await system.enter('before', campaign)).status === 202);
    assert.equal(await askLedger(), 200);

    const connections = [
      { process: gateway, names: [everywhere] },
      { process: system.engine, names: [everywhere, ...inEngines] },
    ].flatMap(({ process, names }) => names.map(name => ({ process, name })));
    const told = (process: RunningProcess, name: string): string[] =>
      logLinesOf(process).flatMap(({ msg }) =>
        msg.includes(` to ${name}; `) || msg === `connected to ${name} again` ? msg : [],
      );
    const lost = (name: string): string => `lost the connection to ${name}; trying again until it is back`;
    const back = (name: string): string => `connected to ${name} again`;

    proxy.cut();
    await eventually(async () => {
      await askLedger();
      return connections.every(({ process, name }) => told(process, name).includes(lost(name)));
    });
    for (const untilMs = performance.now() + GONE_MS; performance.now() < untilMs; await sleep(ASK_MS))
      await askLedger();
    proxy.mend();
    await eventually(async () => {
      await askLedger();
      return connections.every(({ process, name }) => told(process, name).includes(back(name)));
    });
    for (const { process, name } of connections)
      assert.deepEqual(told(process, name), [lost(name), back(name)]);

    await eventually(async () => (await system.enter('after', campaign)).status === 202);
    await eventually(async () => {
      const { rows } = await system.pool.query("select from entries where user_id = 'after'");
      return rows.length === 1;
    });
    for (const process of [gateway, system.engine]) {
      const messages = logLinesOf(process).map(({ msg }) => msg);
      const failed = messages.flatMap(msg => /^(.*): failed, retrying$/.exec(msg)?.[1] ?? []);
      for (const what of failed)
        await eventually(() => logLinesOf(process).some(({ msg }) => msg === `${what}: recovered`));
      const serious = logLinesOf(process).filter(({ level }) => level >= WARN);
      assert.deepEqual(
        serious.filter(({ level }) => level >= ERROR),
        [],
      );
      const warned = serious.map(({ msg }) => msg);
      assert.deepEqual(warned, [...new Set(warned)]);
    }
  });
}
