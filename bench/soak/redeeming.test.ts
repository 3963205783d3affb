import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';
import { redeemCode, type Shop, TERMS } from './redeeming.ts';

let system: System;
let shop: Shop;
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 1 });
  shop = { base: system.gateways[0]?.url ?? '', token: system.shopToken };
});
after(() => system.close());

async function codeOf(user: string, campaign: number): Promise<string> {
  assert.equal((await system.enter(user, campaign)).status, 202);
  return await eventually(async () => {
    const { body } = await system.ask(user, 'GET', `/v1/campaigns/${campaign}/entries/me`);
    return typeof body.code === 'string' ? body.code : undefined;
  });
}

test('a granted code is shown and redeemed, once, for the user who was granted it', async () => {
  const id = await system.offer({ kind: 'coupon', stock: 2, terms: TERMS });
  const [ofAnn, ofCat] = [await codeOf('ann', id), await codeOf('cat', id)];
  // A soak may look at a user again: the same request, which is answered as before.
  for (let time = 0; time < 2; time++) await redeemCode(shop, 'ann', ofAnn);
  await assert.rejects(redeemCode(shop, 'bob', ofCat), /409 .*"reason":"another_user"/);
  const { rows } = await system.pool.query('select user_id from redemptions');
  assert.deepEqual(rows, [{ user_id: 'ann' }]);
});
