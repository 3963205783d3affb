import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';
import { redeemCode, TERMS } from './redeeming.ts';

let system: System;
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 1 });
});
after(() => system.close());

test('a granted code is shown and redeemed, once', async () => {
  const id = await system.offer({ kind: 'coupon', stock: 1, terms: TERMS });
  await system.enter('ann', id);
  const code = await eventually(async () => {
    const { body } = await system.ask('ann', 'GET', `/v1/campaigns/${id}/entries/me`);
    return typeof body.code === 'string' ? body.code : undefined;
  });
  const shop = { base: system.gateways[0]?.url ?? '', token: system.shopToken };
  await redeemCode(shop, 'ann', code);
  const { rows } = await system.pool.query('select user_id from redemptions');
  assert.deepEqual(rows, [{ user_id: 'ann' }]);
  await assert.rejects(redeemCode(shop, 'bob', code), /409|403|404|422/);
});
