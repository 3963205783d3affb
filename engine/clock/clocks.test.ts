/**
 * Clocks that contradict each other, on real servers: the engine's sessions see another PostgreSQL clock, so Redis' clock is
 * ahead of it, as after a step or a failover to another machine.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inMs } from '../api/testing/api.ts';
import { closeRegistry, readRegistry } from '../contract/redis/lease/lease.ts';
import { eventually } from '../test/support.ts';
import { type Answer, type System, startSystem, toAnswer } from '../test/system.ts';

const AHEAD_MS = 120_000;
const HELD_MS = 3_000;
const SLOW = { timeoutMs: 180_000 };

describe('an engine whose clocks contradict each other', () => {
  let system: System;
  before(async () => {
    system = await startSystem({ log: 'redis', gateways: 1 });
    const { rows } = await system.pool.query('select current_database() as name');
    await system.pool.query(`
      create schema fake;
      create table fake.clock (behind_ms integer not null);
      insert into fake.clock values (0);
      create function fake.clock_timestamp() returns timestamptz language sql volatile as
        $$ select pg_catalog.clock_timestamp() - (select behind_ms from fake.clock) * interval '1 ms' $$;
      alter database ${rows[0].name} set search_path = fake, pg_catalog, public;`);
    await restart({});
  });
  after(() => system.close());

  const restart = async (env: Readonly<Record<string, string>>): Promise<void> => {
    await system.engine.process.stop();
    system.engine = await system.startEngine(env);
  };
  const setBehind = (ms: number): Promise<unknown> =>
    system.pool.query('update fake.clock set behind_ms = $1', [ms]);
  const ready = async (): Promise<Answer> => toAnswer(await fetch(`${system.engine.url}/readyz`));
  const isHeld = async (): Promise<boolean> =>
    (await ready()).text.includes('differ by more than CLOCK_STOP_MS');
  const stateOf = async (id: number) => {
    const { rows } = await system.pool.query(
      'select frozen_at, finished_at, closes_at < now() as is_due from campaigns where campaign_id = $1',
      [id],
    );
    return rows[0];
  };

  test('decides and admits nothing, reports both clocks, and resumes when they agree', async () => {
    const open = await system.offer({ kind: 'coupon', stock: 5 });
    const drawn = await system.offer({ kind: 'raffle', winners: 1, closes_at: inMs(10_000) });
    await eventually(async () => (await system.enter('ann', drawn)).status === 202);
    await setBehind(AHEAD_MS);
    await eventually(isHeld);
    const { status, text } = await ready();
    assert.equal(status, 503);
    assert.match(text, /Redis says \S+Z, PostgreSQL \S+Z, this engine \S+Z/);
    const metrics = await (await fetch(`${system.engine.url}/metrics`)).text();
    assert.match(metrics, /^fairline_clocks_held 1$/m);
    assert.match(metrics, /^fairline_clock_ahead_seconds\{of="postgres"\} (119\.9|120)/m);

    // The gateway learns of it with its next renewal.
    const refused = await eventually(async () => {
      const answer = await system.enter('eve', open);
      return answer.status === 503 && answer;
    });
    assert.match(refused.text, /the engines report that Redis' clock contradicts other clocks/);
    const close = await system.operate('POST', `/v1/campaigns/${open}/close`);
    assert.equal(close.status, 503, close.text);
    await eventually(async () => (await stateOf(drawn)).is_due);
    assert.deepEqual(await stateOf(drawn), { frozen_at: null, finished_at: null, is_due: true });

    await setBehind(0);
    await eventually(async () => (await ready()).status === 200);
    await eventually(async () => (await stateOf(drawn)).finished_at !== null);
    await eventually(async () => (await system.enter('bob', open)).status === 202);
    const { rows } = await system.pool.query(
      'select user_id, outcome from entry_outcomes where campaign_id = $1',
      [drawn],
    );
    assert.deepEqual(rows, [{ user_id: 'ann', outcome: 'won' }]);
  });

  test('a registry that is closed while clocks contradict each other stays closed', async () => {
    const campaign = await system.offer({ kind: 'coupon', stock: 1 });
    await eventually(async () => (await system.enter('eva', campaign)).status === 202);
    await setBehind(AHEAD_MS);
    await eventually(isHeld);
    const { leases } = system.keys;
    const { epoch } = await readRegistry(system.redis, leases);
    assert.ok(epoch !== undefined);
    await closeRegistry(system.redis, leases, epoch);
    // Several times as long as an engine needs to open it.
    await sleep(HELD_MS);
    assert.ok(await isHeld());
    assert.equal((await readRegistry(system.redis, leases)).epoch, undefined);
    await setBehind(0);
    await eventually(async () => (await readRegistry(system.redis, leases)).epoch !== undefined, SLOW);
    await eventually(async () => (await system.enter('fay', campaign)).status === 202, SLOW);
  });

  let ada: { readonly authorization: string };
  const trust = async (aheadMs: number, of = 'postgres'): Promise<Answer> => {
    ada ??= await system.operator('Ada', 'owner');
    const said = { right: 'redis', ahead_of: of, ahead_ms: aheadMs, reason: 'its NTP is gone' };
    return await system.operate('POST', '/v1/clocks/trust', said, ada);
  };
  const clocks = async (): Promise<Record<string, unknown>> =>
    (await system.operate('GET', '/v1/clocks')).body;
  const aheadMs = async () => {
    const { redis_ahead_ms: ahead } = await clocks();
    assert.ok(typeof ahead === 'object' && ahead !== null && 'postgres' in ahead);
    return ahead;
  };
  const readTrust = async () => {
    const { rows } = await system.pool.query(
      'select said_by, reason, ahead_of, ahead_ms, ended from clock_trusts order by trust_id',
    );
    return rows;
  };

  test('refuses to trust agreeing clocks or another difference', async () => {
    const agreed = await clocks();
    assert.deepEqual(
      [agreed.state, agreed.held, agreed.held_for_ms, agreed.trust],
      ['agreed', [], null, null],
    );
    assert.equal((await trust(AHEAD_MS)).body.type, 'urn:fairline:problem:clocks-agree');
    await setBehind(AHEAD_MS);
    await eventually(isHeld);
    for (const [aheadMs, of] of [
      [AHEAD_MS / 2, 'postgres'],
      [-AHEAD_MS, 'postgres'],
      [AHEAD_MS, 'engine'],
    ] as const) {
      const { status, body } = await trust(aheadMs, of);
      assert.deepEqual([status, body.type], [409, 'urn:fairline:problem:other-difference']);
      assert.ok(Math.abs(Number(body.ahead_ms) - AHEAD_MS) < 50, String(body.detail));
    }
    assert.deepEqual(await readTrust(), []);
    const held = await clocks();
    assert.equal(held.state, 'apart');
    assert.ok(Number(held.held_for_ms) > 0);
    assert.ok(Array.isArray(held.held) && held.held.includes('drawings'));
  });

  test("the operator's decision holds on every engine, survives a restart, and ends with the difference", async () => {
    const other = await system.startEngine();
    const isReady = async (url: string): Promise<boolean> => (await fetch(`${url}/readyz`)).ok;
    await eventually(async () => !(await isReady(other.url)));
    for (let time = 0; time < 2; time++) {
      const { status, text, body } = await trust(AHEAD_MS);
      assert.equal(status, 200, text);
      assert.deepEqual([body.state, body.held], ['agreed', []]);
    }
    const decision = { said_by: 'Ada', reason: 'its NTP is gone', ahead_of: 'postgres', ahead_ms: AHEAD_MS };
    assert.deepEqual(await readTrust(), [{ ...decision, ended: null }], 'two requests create one decision');
    await eventually(() => isReady(other.url));
    await restart({});
    await eventually(() => isReady(system.engine.url));
    const id = await system.offer({ kind: 'coupon', stock: 1 });
    await eventually(async () => (await system.enter('cid', id)).status === 202);

    await setBehind(AHEAD_MS + 10_000);
    await eventually(isHeld);
    await eventually(async () => (await readTrust())[0]?.ended === 'moved');
    await setBehind(AHEAD_MS);
    await eventually(async () => Math.abs(Number((await aheadMs()).postgres) - AHEAD_MS) < 50);
    assert.ok(await isHeld(), 'an ended decision stays ended');
    assert.equal((await trust(AHEAD_MS)).status, 200);
    await setBehind(0);
    await eventually(async () => (await readTrust())[1]?.ended === 'agreed');
    await eventually(() => isReady(system.engine.url));
    await eventually(() => isReady(other.url));
    await other.process.stop();
  });
});
