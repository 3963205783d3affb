import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serversFromEnv } from '../../engine/test/support.ts';
import { goalTable } from '../report/goals.ts';
import { closingAfter } from '../system/closing.ts';
import { serversAt } from '../system/servers.ts';
import { goalsOf, measureBurst, reportOf } from './burst.ts';
import type { BurstFigures } from './contestants.ts';

function figures(entriesPerSecond: number, p99Ms: number, gatewayUs: number): BurstFigures {
  return { entriesPerSecond, p50Ms: 1, p99Ms, cpuUs: { gateway: gatewayUs } };
}

test('takes ratios within each round, and gives no Kafka figures after losing Kafka', () => {
  const many = {
    echo: [figures(50_000, 10, 10), figures(100_000, 20, 11), figures(40_000, 10, 12)],
    redisLog: [figures(30_000, 15, 20), figures(70_000, 30, 22), figures(20_000, 20, 21)],
  };
  const few = { echo: [figures(50_000, 10, 10)], redisLog: [figures(20_000, 23, 20)] };
  const report = reportOf({ many, few }, { connections: 4_000, fewConnections: 400 });
  assert.deepEqual(report.ratios, { redisLog: 0.6 });
  assert.deepEqual(report.p99Ratios, { redisLog: 1.5 });
  assert.deepEqual(report.entriesPerSecond, { echo: 50_000, redisLog: 30_000 });
  assert.deepEqual(report.cpuUsPerEntry.redisLog, { gateway: 21 });
  assert.deepEqual([report.connections, report.few.connections], [4_000, 400]);
  assert.deepEqual([report.few.ratios, report.few.p99Ratios], [{ redisLog: 0.4 }, { redisLog: 2.3 }]);
  const tables = goalTable(goalsOf(report));
  assert.match(tables, /Redis Streams log ÷ echo, 4000 connections +0.6 .*must/);
  assert.match(tables, /Redis Streams log ÷ echo, 400 connections +0.4 .*MISSED/);
  assert.match(tables, /Kafka log ÷ echo, 4000 +– .*not measured/);
  assert.match(tables, /p99 ÷ echo's, Redis Streams, 400 +2.3 .*must/);
});

test('a small burst over the whole system balances its books', async () => {
  const { databaseUrl, redisUrl } = serversFromEnv();
  const servers = {
    ...serversAt({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, LOG: 'redis' }),
    // Other suites share this Redis.
    setFsync: async () => undefined,
  };
  const options = { rounds: 1, users: 2_000, connections: 40, fewConnections: 20, warmup: 0, receipts: true };
  const report = await closingAfter(async closing =>
    reportOf(await measureBurst(servers, options, closing, () => undefined), options),
  );
  assert.deepEqual(Object.keys(report.entriesPerSecond).sort(), ['echo', 'redisLog', 'redisLogNoReceipts']);
  assert.ok(report.ratios.redisLog > 0);
  assert.ok(report.few.ratios.redisLog > 0);
});
