import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serversFromEnv } from '../../engine/test/support.ts';
import { closingAfter } from '../system/closing.ts';
import { serversAt } from '../system/servers.ts';
import { measureBurst, reportOf, tablesOf } from './burst.ts';
import type { BurstFigures } from './contestants.ts';

function figures(entriesPerSecond: number, p99Ms: number, gatewayUs: number): BurstFigures {
  return { entriesPerSecond, p50Ms: 1, p99Ms, cpuUs: { gateway: gatewayUs } };
}

test('ratios are those of the rounds, and what has lost its Kafka has no figures of it', () => {
  const report = reportOf({
    echo: [figures(50_000, 10, 10), figures(100_000, 20, 11), figures(40_000, 10, 12)],
    redisLog: [figures(30_000, 15, 20), figures(70_000, 30, 22), figures(20_000, 20, 21)],
  });
  assert.deepEqual(report.ratios, { redisLog: 0.6 });
  assert.deepEqual(report.p99Ratios, { redisLog: 1.5 });
  assert.deepEqual(report.entriesPerSecond, { echo: 50_000, redisLog: 30_000 });
  assert.deepEqual(report.cpuUsPerEntry.redisLog, { gateway: 21 });
  assert.match(tablesOf(report), /Kafka log ÷ echo +– .*not measured/);
});

test('a small burst through everything balances its books', async () => {
  const { databaseUrl, redisUrl } = serversFromEnv();
  const servers = {
    ...serversAt({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, LOG: 'redis' }),
    // Other suites share this Redis.
    setFsync: async () => undefined,
  };
  const options = { rounds: 1, users: 2_000, connections: 20, warmup: 0, receipts: true };
  const report = await closingAfter(async closing =>
    reportOf(await measureBurst(servers, options, closing, () => undefined)),
  );
  assert.deepEqual(Object.keys(report.entriesPerSecond).sort(), ['echo', 'redisLog', 'redisLogNoReceipts']);
  assert.ok(report.ratios.redisLog > 0);
});
