import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serversFromEnv } from '../../engine/test/support.ts';
import { closingAfter } from '../system/closing.ts';
import { serversAt } from '../system/servers.ts';
import { scheduleOf } from './clients.ts';
import { measureFairness, scenariosOf } from './fairness.ts';
import { tablesOf } from './report.ts';

test('scenarios go up to the given number of servers', () => {
  const titles = (gateways: number): readonly string[] => scenariosOf(gateways).map(({ title }) => title);
  assert.deepEqual(titles(1).slice(0, 2), ['1 server', '1 server, slow link before one']);
  assert.deepEqual(titles(3).slice(0, 3), ['1 server', '2 servers', '3 servers']);
  assert.deepEqual(titles(4).slice(0, 3), ['1 server', '2 servers', '4 servers']);
});

test('a seed gives one schedule: the same clients at the same instants at the same servers', () => {
  const crowd = {
    path: '/',
    clients: 1_000,
    connections: 1,
    ticket: { secret: '', audience: '' },
    prefix: '',
  };
  const schedule = (seed: number) => scheduleOf({ ...crowd, bases: ['a', 'b'], perSecond: 500, seed });
  assert.deepEqual(schedule(3), schedule(3));
  assert.notDeepEqual(schedule(3), schedule(4));
  const lastMs = (schedule(3).at(-1)?.dueUs ?? 0) / 1e3;
  assert.ok(lastMs > 1_800 && lastMs < 2_200, `1,000 clients at 500 a second take ${lastMs} ms`);
  const atFirst = schedule(3).filter(({ base }) => base === 0).length;
  assert.ok(atFirst > 400 && atFirst < 600, `${atFirst} of 1,000 at the first of two`);
});

test('a small crowd in every scenario: counts each pair', async () => {
  const { databaseUrl, redisUrl } = serversFromEnv();
  const servers = {
    ...serversAt({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, LOG: 'redis' }),
    // Other suites share this Redis.
    setFsync: async () => undefined,
  };
  const options = { rounds: 2, clients: 100, rate: 1_000, gateways: 2, link: 20, seed: 1 };
  const report = await closingAfter(closing => measureFairness(servers, options, closing, () => undefined));
  assert.equal(report.outcomes.length, 3 * 5 + 1);
  for (const { way, scenario, pairs, swapped } of report.outcomes) {
    const all = pairs.reduce((sum, count) => sum + count, 0);
    assert.equal(all, 2 * ((100 * 99) / 2), `${way}, ${scenario}`);
    for (const [gap, count] of swapped.entries()) assert.ok(count <= (pairs[gap] ?? 0));
  }
  const swappedBy = (way: string): number =>
    report.outcomes
      .filter(outcome => outcome.way === way)
      .reduce((sum, { swapped }) => sum + swapped.reduce((a, b) => a + b, 0), 0);
  assert.ok(swappedBy('buckets') > 9_000, 'a random order swaps about half of the pairs');
  const text = tablesOf(report);
  assert.match(text, /2 servers, slow link before one, X-Request-Start: % of pairs, by gap +<1 ms/);
  assert.match(text, /The servers' clocks are off by \+200 ms \+80 ppm, -200 ms -80 ppm;/);
});
