/** The schedule end to end: an engine and gateways as processes, over Postgres, Redis and a log. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inMs } from '../api/testing/api.ts';
import { openEvents } from '../test/events.ts';
import { eventually } from '../test/support.ts';
import { type Answer, type System, startSystem } from '../test/system.ts';

const HOUR = 3_600_000;

let system: System;
let ada: { readonly authorization: string };
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 2 });
  ada = await system.operator('Ada', 'editor');
});
after(() => system.close());

async function change(id: number, what: string, body: object = {}, match = '*'): Promise<Answer> {
  const method = what === '' ? 'PATCH' : 'POST';
  const headers = { 'if-match': match, ...ada };
  return await system.operate(method, `/v1/campaigns/${id}${what}`, body, headers);
}

async function operatorSees(id: number): Promise<Record<string, unknown>> {
  return (await system.operate('GET', `/v1/campaigns/${id}`)).body;
}

async function gatewaySees(id: number, gateway = 0): Promise<Record<string, unknown>> {
  const response = await fetch(`${system.gateways[gateway]?.url}/v1/campaigns/${id}`);
  return (await response.json()) as Record<string, unknown>;
}

describe('the schedule', () => {
  it('moves an opening on every gateway before anybody can enter', async () => {
    const opens_at = inMs(HOUR);
    const id = await system.offer({ kind: 'coupon', stock: 5, opens_at, closes_at: inMs(2 * HOUR) });
    const sooner = inMs(5_000);
    const moved = await change(id, '', { opens_at: sooner, reason: 'all is ready' }, '"1"');
    assert.equal(moved.status, 200, moved.text);
    for (const gateway of [0, 1]) {
      await eventually(async () => (await gatewaySees(id, gateway)).opens_at === sooner);
      const early = await system.enter('early', id, gateway);
      assert.equal(early.body.opens_at, sooner, early.text);
    }
    const entered = await Promise.all(
      ['ann', 'bob'].map((user, gateway) =>
        eventually(async () => {
          const answer = await system.enter(user, id, gateway);
          return answer.status === 202 && answer;
        }),
      ),
    );
    for (const { body } of entered) assert.ok(Number(body.stamp) >= 0);
    const late = await change(id, '', { opens_at: inMs(HOUR) });
    assert.deepEqual([late.status, late.body.reason], [409, 'passed']);
  });

  it('does not change while a gateway is silent, and changes when it returns', async () => {
    const id = await system.offer({
      kind: 'coupon',
      stock: 5,
      opens_at: inMs(HOUR),
      closes_at: inMs(2 * HOUR),
    });
    const silent = system.gateways[1]?.process.child;
    const before = await operatorSees(id);
    silent?.kill('SIGSTOP');
    let refused: Answer;
    try {
      refused = await change(id, '', { opens_at: inMs(HOUR / 2) });
    } finally {
      silent?.kill('SIGCONT');
    }
    assert.deepEqual([refused.status, refused.body.reason], [409, 'gateway_silent'], refused.text);
    assert.deepEqual(await operatorSees(id), before);
    await eventually(async () => {
      const again = await change(id, '', { opens_at: inMs(HOUR / 2) });
      return again.status === 200;
    });
    const { body } = await system.operate('GET', `/v1/campaigns/${id}/versions`);
    const states = (body.versions as { state: string }[]).map(({ state }) => state);
    assert.deepEqual([states[1], states.at(-1)], ['refused', 'effective']);
  });

  it('holds while a change is pending, and resumes when it is refused', async () => {
    const silent = system.gateways[1]?.process.child;
    const askAndHold = async (id: number): Promise<Answer> => {
      silent?.kill('SIGSTOP');
      try {
        const asked = change(id, '/cancel');
        await eventually(async () => {
          const held = await system.enter('ann', id);
          return held.status === 503 && held.text.includes('is being changed');
        });
        return await asked;
      } finally {
        silent?.kill('SIGCONT');
      }
    };
    // On a busy machine the lease of the silent gateway may end first: then the change is made without it.
    const { id, refused } = await eventually(async () => {
      const offered = await system.offer({ kind: 'raffle', winners: 1 });
      const answer = await askAndHold(offered);
      return answer.status !== 200 && { id: offered, refused: answer };
    });
    assert.deepEqual([refused.status, refused.body.reason], [409, 'gateway_silent'], refused.text);
    await eventually(async () => (await system.enter('ann', id)).status === 202);
  });

  it('the next engine decides a change when one is killed midway', async () => {
    const id = await system.offer({
      kind: 'coupon',
      stock: 5,
      opens_at: inMs(HOUR),
      closes_at: inMs(2 * HOUR),
    });
    const silent = system.gateways[1]?.process.child;
    silent?.kill('SIGSTOP');
    try {
      const asked = change(id, '', { opens_at: inMs(HOUR / 2) }).catch(() => undefined);
      await eventually(async () => (await operatorSees(id)).pending === 2);
      await system.engine.process.stop('SIGKILL');
      await asked;
    } finally {
      silent?.kill('SIGCONT');
    }
    system.engine = await system.startEngine();
    const decided = await eventually(async () => {
      const campaign = await operatorSees(id);
      return campaign.pending === null && campaign;
    });
    const { body } = await system.operate('GET', `/v1/campaigns/${id}/versions`);
    const [, version] = body.versions as { state: string }[];
    assert.equal(version?.state, decided.version === 2 ? 'effective' : 'refused');
    for (const gateway of [0, 1]) {
      await eventually(async () => (await gatewaySees(id, gateway)).opens_at === decided.opens_at);
    }
  });

  it('pauses admission, not the queue', async () => {
    const id = await system.offer({ kind: 'coupon', stock: 5 });
    assert.equal((await system.enter('ann', id)).status, 202);
    assert.equal((await change(id, '/pause', { reason: 'a fault' })).status, 200);
    const refused = await system.enter('bob', id, 1);
    assert.equal(refused.body.type, 'urn:fairline:problem:paused', refused.text);
    assert.equal(refused.status, 503);
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    await eventually(async () => (await gatewaySees(id)).status === 'paused');
    await eventually(async () => {
      const own = await system.ask('ann', 'GET', `/v1/campaigns/${id}/entries/me`);
      return own.body.outcome === 'granted';
    });
    assert.equal((await change(id, '/resume')).status, 200);
    await eventually(async () => (await system.enter('bob', id, 1)).status === 202);
  });

  it('cancels all waiting entries', async () => {
    const id = await system.offer({ kind: 'raffle', winners: 1, closes_at: inMs(HOUR) });
    for (const [index, user] of ['ann', 'bob', 'cid'].entries()) await system.enter(user, id, index % 2);
    const authorization = `Bearer ${await system.ticket('ann')}`;
    const stream = await openEvents(`${system.gateways[0]?.url}/v1/campaigns/${id}/queue`, { authorization });
    await eventually(() => stream.events.length > 0);
    const cancelled = await change(id, '/cancel', { reason: 'no bicycle' });
    assert.deepEqual([cancelled.status, cancelled.body.status], [200, 'cancelled'], cancelled.text);
    await eventually(() => stream.events.some(({ event }) => event === 'outcome'));
    assert.equal(Object(stream.events.at(-1)?.data).outcome, 'cancelled');
    stream.close();
    await eventually(async () => {
      const own = await system.ask('bob', 'GET', `/v1/campaigns/${id}/entries/me`);
      return own.body.outcome === 'cancelled';
    });
    const late = await eventually(async () => {
      const answer = await system.enter('dan', id, 1);
      return answer.body.type === 'urn:fairline:problem:cancelled' && answer;
    });
    assert.equal(late.status, 409);
    await eventually(async () => (await operatorSees(id)).settled_at !== null);
    const totals = await system.operate('GET', `/v1/campaigns/${id}/totals`);
    assert.deepEqual([totals.body.entries, totals.body.cancelled, totals.body.won], [3, 3, 0]);
    const book = await fetch(`${system.gateways[0]?.url}/v1/campaigns/${id}/book`);
    assert.equal(book.status, 404);
    assert.match(await book.text(), /was cancelled/);
    assert.equal((await change(id, '/archive')).body.status, 'archived');
    await eventually(async () => {
      const listed = await (await fetch(`${system.gateways[0]?.url}/v1/campaigns`)).text();
      return !listed.includes(`"id":${id},`);
    });
  });

  it('draws at the drawing time, not at the close', async () => {
    const closes_at = inMs(2_500);
    const draws_at = inMs(5_500);
    const id = await system.offer({ kind: 'raffle', winners: 1, closes_at, draws_at });
    await system.enter('ann', id);
    await eventually(async () => (await gatewaySees(id)).pool_root !== undefined);
    const frozen = await operatorSees(id);
    assert.deepEqual([frozen.status, frozen.draws_at, frozen.drawn], ['closed', draws_at, 0]);
    await eventually(async () => (await operatorSees(id)).status === 'settled');
    const { rows } = await system.pool.query(
      'select finished_at >= draws_at as is_after, seed is not null as has_seed from campaigns where campaign_id = $1',
      [id],
    );
    assert.deepEqual(rows, [{ is_after: true, has_seed: true }]);
  });

  it('is unchanged after Redis was emptied midway', async () => {
    const opens_at = inMs(9_000);
    const id = await system.offer({ kind: 'coupon', stock: 5, opens_at, closes_at: inMs(HOUR) });
    const later = await system.offer({
      kind: 'raffle',
      winners: 1,
      opens_at: inMs(HOUR),
      closes_at: inMs(2 * HOUR),
    });
    assert.equal((await change(later, '/pause')).status, 200);
    const before = [await operatorSees(id), await operatorSees(later)];
    const { redis, keys } = system;
    const gone = await redis.keys(keys.projectionPattern);
    assert.ok(gone.length > 0);
    await redis.del(...gone);
    await eventually(
      async () => (await redis.hlen(keys.boardCampaigns)) > 0 && (await redis.hlen(keys.leases)) > 0,
    );
    assert.deepEqual([await operatorSees(id), await operatorSees(later)], before);
    await eventually(async () => (await system.enter('ann', id)).status === 202);
    const { rows } = await system.pool.query(
      'select min(stamp) as first from entries where campaign_id = $1',
      [id],
    );
    assert.ok(rows.length === 1);
    const entry = await system.enter('ann', id);
    assert.ok(Number(entry.body.stamp) >= 0, 'nobody entered before the opening');
    await eventually(async () => (await gatewaySees(later, 1)).status === 'paused');
    const resumed = await eventually(async () => {
      const answer = await change(later, '/resume');
      return answer.status === 200 && answer;
    });
    assert.equal(resumed.body.status, 'scheduled');
  });

  it('an engine that was down at a due time catches up, once', async () => {
    const closes_at = inMs(2_000);
    const id = await system.offer({ kind: 'raffle', winners: 1, closes_at });
    await system.enter('ann', id);
    await system.engine.process.stop('SIGKILL');
    await eventually(() => Date.now() > Date.parse(closes_at) + 1_500);
    const engines = await Promise.all([system.startEngine(), system.startEngine()]);
    const [engine] = engines;
    assert.ok(engine);
    system.engine = engine;
    await eventually(async () => (await operatorSees(id)).status === 'settled');
    const { body } = await system.operate('GET', `/v1/campaigns/${id}/versions`);
    const late = body.late as { kind: string; due_at: string; late_ms: number }[];
    assert.deepEqual(
      late.map(({ kind, due_at }) => [kind, due_at]),
      [
        ['closing', closes_at],
        ['drawing', closes_at],
      ],
    );
    for (const { late_ms } of late) assert.ok(late_ms >= 1_500, String(late_ms));
    const countMatches = async (): Promise<number> => {
      const texts = await Promise.all(engines.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
      const counts = texts.flatMap(text => [
        ...text.matchAll(/^fairline_scheduled_late_seconds_count\{kind="drawing"\} (\d+)$/gm),
      ]);
      return counts.reduce((sum, [, count]) => sum + Number(count), 0);
    };
    await eventually(async () => (await countMatches()) === 1);
  });
});
