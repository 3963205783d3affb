/**
 * A Redis whose own clock is set, on real servers: it steps while engine and gateway run, and a failover leads to another Redis
 * whose clock is ahead. Nothing becomes due by a clock that only Redis has.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis, waitForRedis } from '../contract/redis/redis.ts';
import { type NetworkProxy, startProxy } from '../test/proxy.ts';
import { type SteppedRedis, startSteppedRedis } from '../test/stepped-redis.ts';
import { eventually, unlessLinux } from '../test/support.ts';
import { type Answer, type System, startSystem, toAnswer } from '../test/system.ts';

/** Leases last 1.5 s, so several would end in this time. */
const WATCHED_MS = 4_000;

const skip = unlessLinux('a Redis whose clock steps, by a library that is preloaded into it');

describe('a Redis with a stepped clock', { skip }, () => {
  let first: SteppedRedis;
  let second: SteppedRedis;
  let proxy: NetworkProxy;
  const target = { host: '127.0.0.1', port: 0 };
  let system: System;
  before(async () => {
    [first, second] = await Promise.all([startSteppedRedis(), startSteppedRedis()]);
    target.port = Number(first.url.port);
    proxy = await startProxy(target);
    const redisUrl = new URL(first.url);
    redisUrl.host = `127.0.0.1:${proxy.port}`;
    system = await startSystem({ log: 'redis', gateways: 1, redisUrl });
  });
  after(async () => {
    await system.close();
    await proxy.close();
    await Promise.all([first.stop(), second.stop()]);
  });

  const ready = async (): Promise<Answer> => toAnswer(await fetch(`${system.engine.url}/readyz`));
  const isHeld = async (): Promise<boolean> =>
    (await ready()).text.includes('differ by more than CLOCK_STOP_MS');
  const isReady = async (): Promise<boolean> => (await ready()).status === 200;
  /** How far the clock that determines everything is ahead. */
  let aheadMs = 0;
  const nowMs = (): number => Date.now() + aheadMs;
  const takes = (user: string, id: number): Promise<unknown> =>
    eventually(async () => (await system.enter(user, id)).status === 202, { timeoutMs: 180_000 });
  const awaitOutcome = (user: string, id: number, outcome: string): Promise<unknown> =>
    eventually(
      async () => {
        const { rows } = await system.pool.query(
          'select outcome from entry_outcomes where campaign_id = $1 and user_id = $2',
          [id, user],
        );
        return rows[0]?.outcome === outcome;
      },
      { timeoutMs: 180_000 },
    );

  interface Campaigns {
    readonly raffle: number;
    readonly coupon: number;
    /** Stays open for long. */
    readonly open: number;
    readonly closesMs: number;
  }

  /** Creates campaigns with a user in each. */
  async function closingIn(ms: number): Promise<Campaigns> {
    const closesMs = nowMs() + ms;
    const closes_at = new Date(closesMs).toISOString();
    const raffle = await system.offer({ kind: 'raffle', winners: 1, closes_at });
    const coupon = await system.offer({ kind: 'coupon', stock: 2, closes_at });
    const open = await system.offer({ kind: 'coupon', stock: 2 });
    await takes('ann', raffle);
    await takes('ann', coupon);
    await awaitOutcome('ann', coupon, 'granted');
    return { raffle, coupon, open, closesMs };
  }

  /** Campaigns that are frozen, drawn or finished although they were not due by the correct clocks. */
  async function early({ raffle, coupon }: Campaigns): Promise<unknown[]> {
    const { rows } = await system.pool.query(
      `select campaign_id, frozen_at, finished_at, closes_at from campaigns where campaign_id = any ($1)
          and closes_at - $2 * interval '1 ms' > least(coalesce(frozen_at, now()), coalesce(finished_at, now()))
          and (frozen_at is not null or finished_at is not null)`,
      [[raffle, coupon], aheadMs],
    );
    return rows;
  }

  /** The step shows as Redis being ahead of PostgreSQL, and for several leases nothing results from it. */
  async function nothingIsDue(steppedMs: number, campaigns: Campaigns): Promise<void> {
    await eventually(isHeld);
    const { status, text } = await ready();
    assert.equal(status, 503);
    assert.match(text, /Redis says \S+Z, PostgreSQL \S+Z, this engine \S+Z/);
    const logged = /"level":50.*decisions are on hold: the clocks of Redis and PostgreSQL/;
    assert.match(system.engine.process.output(), logged);
    const metrics = await (await fetch(`${system.engine.url}/metrics`)).text();
    assert.match(metrics, /^fairline_clocks_held 1$/m);
    const [, shown] = /^fairline_clock_ahead_seconds\{of="postgres"\} (\S+)$/m.exec(metrics) ?? [];
    assert.ok(Math.abs(Number(shown) * 1_000 - steppedMs) < 100, `${shown}`);
    // The gateway learns of it with its next renewal.
    await eventually(async () => (await system.enter('late', campaigns.open)).status === 503);
    for (const untilMs = performance.now() + WATCHED_MS; performance.now() < untilMs; await sleep(200)) {
      assert.deepEqual(await early(campaigns), []);
      assert.equal((await system.enter('late', campaigns.open)).status, 503);
    }
  }

  async function trust(steppedMs: number): Promise<void> {
    const { redis_ahead_ms: ahead } = (await system.operate('GET', '/v1/clocks')).body;
    assert.ok(typeof ahead === 'object' && ahead !== null && 'postgres' in ahead);
    assert.ok(Math.abs(Number(ahead.postgres) - steppedMs) < 100, String(ahead.postgres));
    const decision = { right: 'redis', ahead_of: 'postgres', ahead_ms: ahead.postgres };
    const trusted = await system.operate('POST', '/v1/clocks/trust', decision);
    assert.equal(trusted.status, 200, trusted.text);
    aheadMs = steppedMs;
  }

  /** What is due by the clock that is now right is done, and gateways accept entries. */
  async function goesOn({ raffle, open }: Campaigns): Promise<void> {
    await eventually(isReady);
    await awaitOutcome('ann', raffle, 'won');
    await takes('bob', open);
    await awaitOutcome('bob', open, 'granted');
  }

  for (const [steppedMs, closingMs] of [
    [5_000, 15_000],
    [120_000, 60_000],
  ] as const) {
    test(`steps by ${steppedMs / 1_000} s and back: nothing ends early, and service resumes by itself`, async () => {
      const campaigns = await closingIn(closingMs);
      // By the stepped clock both would be due at once.
      await sleep(Math.max(0, campaigns.closesMs - nowMs() - steppedMs + 500));
      await first.setAhead(steppedMs);
      await nothingIsDue(steppedMs, campaigns);
      await first.setAhead(0);
      await eventually(isReady);
      await takes('bob', campaigns.open);
      await awaitOutcome('bob', campaigns.open, 'granted');
      assert.deepEqual(await early(campaigns), []);
    });
  }

  test('steps by two minutes and the operator trusts it: due work is done', async () => {
    const campaigns = await closingIn(60_000);
    await first.setAhead(120_000);
    await nothingIsDue(120_000, campaigns);
    await trust(120_000);
    await goesOn(campaigns);
  });

  test('a failover to a node two minutes ahead counts as such a step', async () => {
    const campaigns = await closingIn(60_000);
    await second.setAhead(240_000);
    const replica = connectRedis(second.url.href, { commandTimeoutMs: 5_000, onError: () => undefined });
    await waitForRedis(replica, 10_000);
    await replica.config('SET', 'masterauth', first.url.password);
    await replica.config('SET', 'requirepass', first.url.password);
    await replica.replicaof('127.0.0.1', first.url.port);
    await eventually(async () => (await replica.info('replication')).includes('master_link_status:up'));
    proxy.cut();
    await replica.replicaof('NO', 'ONE');
    replica.disconnect();
    target.port = Number(second.url.port);
    proxy.mend();
    await nothingIsDue(240_000, campaigns);
    await trust(240_000);
    await goesOn(campaigns);
    const { rows } = await system.pool.query('select ended from clock_trusts order by trust_id');
    assert.deepEqual(rows, [{ ended: 'moved' }, { ended: null }]);
  });
});
