/** Answers about a campaign that is being rebuilt in Redis: what the ledger knows for certain, and nothing else. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readRequestedProjections } from '../../engine/contract/redis/projection/requested.ts';
import { eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';

let system: System;
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 1 });
});
after(() => system.close());

const mine = (user: string, campaign: number): Promise<Answer> =>
  system.ask(user, 'GET', `/v1/campaigns/${campaign}/entries/me`);
const awaitOutcome = (user: string, campaign: number, outcome: string): Promise<unknown> =>
  eventually(async () => (await mine(user, campaign)).body.outcome === outcome, { timeoutMs: 180_000 });

test('answers final outcomes from the ledger, without a position, and everything else with 503', async () => {
  const coupon = await system.offer({ kind: 'coupon', stock: 1 });
  const raffle = await system.offer({ kind: 'raffle', winners: 1 });
  const claimed = await system.offer({ kind: 'coupon', stock: 1, claim_within_s: 3_600 });
  for (const user of ['ann', 'bob']) {
    await eventually(async () => [200, 202].includes((await system.enter(user, coupon)).status));
    await system.enter(user, raffle);
  }
  await system.enter('ann', claimed);
  await awaitOutcome('ann', coupon, 'granted');
  await awaitOutcome('bob', coupon, 'sold_out');
  await awaitOutcome('ann', claimed, 'offered');
  await awaitOutcome('ann', raffle, 'waiting');
  const before = await Promise.all([mine('ann', coupon), mine('bob', coupon)]);

  // So that nobody rebuilds the campaigns meanwhile.
  await system.engine.process.stop();
  for (const campaign of [coupon, raffle, claimed]) {
    const { mark } = system.keys.campaign(campaign);
    await system.redis.multi().hset(mark, 'lacking', '0').hdel(mark, 'whole').exec();
  }
  for (const [index, user] of ['ann', 'bob'].entries()) {
    // On a busy machine the ledger's first answer may come too late.
    const { body } = await eventually(async () => {
      const answer = await mine(user, coupon);
      assert.ok(answer.status === 200 || answer.status === 503, answer.text);
      return answer.status === 200 && answer;
    });
    const { stamp, outcome, serial, code } = before[index]?.body ?? {};
    assert.deepEqual(
      { stamp: body.stamp, outcome: body.outcome, serial: body.serial, code: body.code },
      { stamp, outcome, serial, code },
    );
    assert.deepEqual([body.position, body.provisional], [null, false]);
  }
  for (const [user, campaign] of [
    ['ann', raffle],
    ['ann', claimed],
    ['eve', coupon],
    ['eve', raffle],
  ] as const) {
    const { status, body } = await mine(user, campaign);
    assert.deepEqual(
      [status, body.type],
      [503, 'urn:fairline:problem:unavailable'],
      `${user} of ${campaign}`,
    );
  }

  const requested = await readRequestedProjections(system.redis, system.keys);
  assert.deepEqual(
    [...requested].sort(),
    [coupon, raffle, claimed].sort(),
    'engines see the requested campaigns',
  );

  system.engine = await system.startEngine();
  await awaitOutcome('ann', raffle, 'waiting');
  await awaitOutcome('ann', claimed, 'offered');
});
