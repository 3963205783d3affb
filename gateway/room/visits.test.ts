import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeJwt } from 'jose';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';
import { line } from '../testing/room.ts';

const VISIT_S = 600;
const LEFT_S = 100;
/** Times of tokens are whole seconds, each rounded by itself. */
const ROUNDED_S = 1;

let system: System;
before(async () => {
  system = await startSystem({ log: 'redis' });
});
after(() => system.close());

function lifetimeOf(token: unknown): number {
  const { iat = 0, exp = 0 } = decodeJwt(String(token));
  return exp - iat;
}

/** Sets what is left of alice's visit, in available time. */
async function setLeft(room: number, leftMs: number): Promise<void> {
  const { rowCount } = await system.pool.query(
    `update room_people p set due_ms = a.available_ms + $2 from availability a
      where p.campaign_id = $1 and p.user_id = 'alice' and p.state = 'inside'`,
    [room, leftMs],
  );
  assert.equal(rowCount, 1);
}

test('a pass that is shown again admits for what is left of the visit', async () => {
  const room = await system.offer({ kind: 'room', per_second: 100, capacity: 1, visit_seconds: VISIT_S });
  const [alice] = await line(system, room, ['alice']);
  await alice?.ended;
  const { body } = await system.ask('alice', 'POST', `/v1/campaigns/${room}/pass`);
  const pass = String(body.pass);
  const report = (): Promise<Answer> =>
    system.shop('POST', `/v1/campaigns/${room}/reports`, {
      body: JSON.stringify({ event: 'used', pass, session: 'shop-1' }),
    });
  const check = (): Promise<Answer> =>
    system.shop('GET', `/v1/campaigns/${room}/check`, { headers: { 'x-fairline-pass': pass } });

  const first = await report();
  assert.equal(first.status, 200, first.text);
  const whole = lifetimeOf(first.body.visit);
  assert.ok(whole > LEFT_S + ROUNDED_S && whole <= VISIT_S + ROUNDED_S, `${whole} s of ${VISIT_S}`);

  await setLeft(room, LEFT_S * 1_000);
  const again = await report();
  assert.equal(again.status, 200, again.text);
  const left = lifetimeOf(again.body.visit);
  assert.ok(left <= LEFT_S + ROUNDED_S, `${left} s of ${LEFT_S}`);
  const checked = await check();
  assert.equal(checked.status, 204, checked.text);
  const [, seconds] = /; Max-Age=(\d+);/.exec(checked.headers.get('set-cookie') ?? '') ?? [];
  assert.ok(Number(seconds) <= LEFT_S, `a cookie for ${seconds} s of ${LEFT_S}`);

  await setLeft(room, 0);
  assert.equal((await report()).body.type, 'urn:fairline:problem:no-pass');
  assert.equal((await check()).status, 403);
});

test('a visit without an end has a token for half a day, whenever the pass is shown', async () => {
  const room = await system.offer({ kind: 'room', per_second: 100 });
  const [alice] = await line(system, room, ['alice']);
  await alice?.ended;
  const { body } = await system.ask('alice', 'POST', `/v1/campaigns/${room}/pass`);
  for (const time of ['first', 'second']) {
    const used = await system.shop('POST', `/v1/campaigns/${room}/reports`, {
      body: JSON.stringify({ event: 'used', pass: body.pass }),
    });
    assert.ok(Math.abs(lifetimeOf(used.body.visit) - 12 * 3_600) <= ROUNDED_S, time);
  }
});
