/** A gateway drops what it keeps about a campaign when that is over; later requests get the same answers by look-ups. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';

let system: System;
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 1 });
});
after(() => system.close());

const kept = async (what: string): Promise<number> => {
  const text = await (await fetch(`${system.gateways[0]?.url}/metrics`)).text();
  return Number(new RegExp(`^fairline_campaigns_kept\\{what="${what}"\\} (\\d+)`, 'm').exec(text)?.[1]);
};
const mine = (user: string, id: number): Promise<Answer> =>
  system.ask(user, 'GET', `/v1/campaigns/${id}/entries/me`);
const awaitOutcome = (user: string, id: number, outcome: string): Promise<unknown> =>
  eventually(async () => (await mine(user, id)).body.outcome === outcome, { timeoutMs: 180_000 });

test('keeps the winners of a coupon until its close, and answers from the ledger afterwards', async () => {
  const id = await system.offer({ kind: 'coupon', stock: 1 });
  await system.enter('ann', id);
  await awaitOutcome('ann', id, 'granted');
  await eventually(async () => (await kept('winners')) === 1);
  const before = await system.enter('ann', id);
  assert.deepEqual([before.status, before.body.outcome], [200, 'granted'], before.text);
  assert.equal((await system.enter('bob', id)).body.type, 'urn:fairline:problem:sold-out');
  await system.operate('POST', `/v1/campaigns/${id}/close`);
  await eventually(async () => (await kept('winners')) === 0, { timeoutMs: 180_000 });
  const after = await system.enter('ann', id);
  assert.deepEqual([after.status, after.body.outcome], [200, 'granted'], after.text);
  assert.deepEqual([after.body.serial, after.body.code], [before.body.serial, before.body.code]);
  assert.equal((await system.enter('bob', id)).body.type, 'urn:fairline:problem:closed');
});

test('keeps the winners of a cancelled coupon until its planned close, and answers from the ledger afterwards', async () => {
  const closes_at = new Date(Date.now() + 5_000).toISOString();
  const id = await system.offer({ kind: 'coupon', stock: 1, closes_at });
  await system.enter('hal', id);
  await awaitOutcome('hal', id, 'granted');
  await eventually(async () => (await kept('winners')) === 1);
  const cancelled = await system.operate(
    'POST',
    `/v1/campaigns/${id}/cancel`,
    { reason: 'no truck' },
    { 'if-match': '*' },
  );
  assert.equal(cancelled.status, 200, cancelled.text);
  const before = await system.enter('hal', id);
  assert.deepEqual([before.status, before.body.outcome], [200, 'granted'], before.text);
  await eventually(async () => (await kept('winners')) === 0, { timeoutMs: 180_000 });
  const after = await system.enter('hal', id);
  assert.deepEqual([after.status, after.body.outcome], [200, 'granted'], after.text);
  assert.equal((await system.enter('ida', id)).body.type, 'urn:fairline:problem:cancelled');
});

test('keeps withdrawals until all have their outcome', async () => {
  const id = await system.offer({ kind: 'raffle', winners: 1 });
  for (const user of ['cid', 'dan', 'eve']) await system.enter(user, id);
  await awaitOutcome('cid', id, 'waiting');
  await system.ask('cid', 'DELETE', `/v1/campaigns/${id}/entries/me`);
  await eventually(async () => (await kept('gone')) === 1, { timeoutMs: 180_000 });
  await system.operate('POST', `/v1/campaigns/${id}/close`);
  await eventually(async () => (await kept('gone')) === 0, { timeoutMs: 180_000 });
  assert.equal((await mine('cid', id)).body.outcome, 'withdrawn');
  const others = [(await mine('dan', id)).body.outcome, (await mine('eve', id)).body.outcome];
  assert.deepEqual(others.sort(), ['not_drawn', 'won']);
});

test('keeps the moves of claimants until the last offer has ended', async () => {
  const id = await system.offer({ kind: 'coupon', stock: 1, waitlist: 1, claim_within_s: 3_600 });
  await system.enter('fay', id);
  await awaitOutcome('fay', id, 'offered');
  await system.enter('gus', id);
  await awaitOutcome('gus', id, 'waitlisted');
  await system.ask('fay', 'DELETE', `/v1/campaigns/${id}/entries/me`);
  await awaitOutcome('gus', id, 'offered');
  await eventually(async () => (await kept('moves')) === 1, { timeoutMs: 180_000 });
  await system.operate('POST', `/v1/campaigns/${id}/close`);
  await system.ask('gus', 'POST', `/v1/campaigns/${id}/entries/me/claim`);
  await awaitOutcome('gus', id, 'granted');
  await eventually(async () => (await kept('moves')) === 0, { timeoutMs: 180_000 });
  assert.equal((await mine('fay', id)).body.outcome, 'declined');
});
