/** Real servers that are killed or cut off: what is logged of their loss, however often a client tries again. */
import { deepEqual, rejects } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { openPool } from '../../../sql/database.ts';
import { choosePorts } from '../../stack/servers/ports.ts';
import { Cut } from '../../test/cut.ts';
import { RedisProcess, redisProgram } from '../../test/redis-process.ts';
import { eventually, serversFromEnv } from '../../test/support.ts';
import { connectRedis, waitForRedis } from '../redis/redis.ts';
import { OutageLog } from './outage-log.ts';

const OUTAGES = 2;
const ATTEMPTS = 3;
const CONNECTIONS = 3;

function outageLog(server: string): { readonly outages: OutageLog; readonly lines: () => string[] } {
  const lines: string[] = [];
  const log = pino({}, { write: line => lines.push(JSON.parse(line).msg) });
  return { outages: new OutageLog(log, server), lines: () => lines };
}

function linesOf(server: string): string[] {
  const lost = `lost the connection to ${server}; trying again until it is back`;
  return Array.from({ length: OUTAGES }, () => [lost, `connected to ${server} again`]).flat();
}

test('a Redis that is gone is logged once for each outage', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'fairline-outages-'));
  const [port = 0] = await choosePorts(1, []);
  const server = new RedisProcess({ program: await redisProgram(), port, dir, configuration: 'save ""\n' });
  t.after(async () => {
    server.client.disconnect();
    await server.kill();
    await rm(dir, { recursive: true, force: true });
  });
  await server.start();
  const { outages, lines } = outageLog('Redis');
  let errors = 0;
  const redis = connectRedis(`redis://127.0.0.1:${port}`, {
    commandTimeoutMs: 5_000,
    onError: error => {
      errors += 1;
      outages.gone(error);
    },
    onReady: outages.back,
  });
  t.after(() => redis.disconnect());
  await waitForRedis(redis, 10_000);
  deepEqual(lines(), [], 'nothing was lost yet');
  for (let outage = 1; outage <= OUTAGES; outage++) {
    const before = errors;
    await server.kill();
    await eventually(() => errors >= before + ATTEMPTS);
    await server.start();
    await eventually(() => redis.status === 'ready');
  }
  deepEqual(lines(), linesOf('Redis'));
});

test('a Postgres that is gone is logged once for each outage, however many connections were lost', async t => {
  const cut = await Cut.before(serversFromEnv().databaseUrl);
  t.after(() => cut.close());
  const { outages, lines } = outageLog('Postgres');
  let errors = 0;
  const pool = openPool(cut.url, {
    max: CONNECTIONS,
    applicationName: 'test',
    onError: error => {
      errors += 1;
      outages.gone(error);
    },
    onConnect: outages.back,
  });
  t.after(() => pool.end());
  const useAll = (): Promise<unknown> =>
    Promise.all(Array.from({ length: CONNECTIONS }, () => pool.query('select pg_sleep(0.1)')));
  await useAll();
  for (let outage = 1; outage <= OUTAGES; outage++) {
    cut.cut();
    await eventually(() => errors === outage * CONNECTIONS);
    await rejects(pool.query('select 1'));
    cut.mend();
    await useAll();
  }
  deepEqual(lines(), linesOf('Postgres'));
});
