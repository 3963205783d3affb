import assert from 'node:assert/strict';
import { type Answer, coupon } from '../../testing/api.ts';
import type { Checked } from './checked.ts';
import { COUPON, couponPaths, TEN_PERCENT } from './paths.ts';

/** Coupons in use and their terms. */
export async function matchCoupons({ api, call }: Checked): Promise<void> {
  const made = (of: object): Promise<Answer> =>
    call(api, 'POST', '/v1/coupons', { body: { ...of, terms: TEN_PERCENT } });
  const summer = await made({ code: 'SUMMER' });
  assert.equal(summer.status, 201, summer.text);
  const id = Number(summer.body.id);
  assert.equal((await call(api, 'GET', COUPON, { id })).status, 200);
  const terms = { id, body: { ...TEN_PERCENT, exclusive: true } };
  assert.equal((await call(api, 'PUT', `${COUPON}/terms`, terms)).status, 428);
  const match = { headers: { 'if-match': '"1"' } };
  assert.equal((await call(api, 'PUT', `${COUPON}/terms`, { ...terms, ...match })).body.version, 2);
  assert.equal((await call(api, 'PUT', `${COUPON}/terms`, { ...terms, ...match })).status, 412);
  assert.equal((await call(api, 'GET', '/v1/coupons', { query: '?limit=1' })).status, 200);
  const withTerms = await call(api, 'POST', '/v1/campaigns', { body: { ...coupon(), terms: TEN_PERCENT } });
  assert.equal(typeof withTerms.body.coupon, 'number');
  assert.equal((await call(api, 'GET', '/v1/coupons', { query: '?limit=0' })).status, 400);
  for (const [method, path, body] of couponPaths) {
    const with_ = body === undefined ? {} : { body };
    if (path !== '/v1/coupons') {
      assert.equal((await call(api, method, path, { id: 'first', ...with_ })).status, 400);
      assert.equal((await call(api, method, path, { id: 999, ...with_ })).status, 404);
    }
    if (body === undefined) continue;
    const text = { raw: 'a=1', headers: { 'content-type': 'text/plain' } };
    assert.equal((await call(api, method, path, text)).status, 415);
    assert.equal((await call(api, method, path, { body: 'x'.repeat(16 * 1024) })).status, 413);
  }
  assert.equal((await made({})).status, 400);
  assert.equal((await call(api, 'POST', '/v1/coupons', { body: {} })).status, 400);
  assert.equal((await made({ campaign: 999 })).status, 404);
  const held = await made({ code: 'HELD' });
  assert.equal((await made({ code: 'HELD' })).status, 409);
  await api.pool.query(
    `insert into redemptions (user_id, state, basket, pricing, created_at, redeemed_at)
     values ('ann', 'redeemed', '{"currency":"EUR"}', '{"total":900}', now(), now())`,
  );
  await api.pool.query(
    `insert into redemption_uses (redemption_id, coupon_id, code, user_id) values (1, $1, 'HELD', 'ann')`,
    [held.body.id],
  );
  assert.equal((await call(api, 'GET', '/v1/redemptions', { query: '?code=HELD' })).status, 200);
  assert.equal((await call(api, 'GET', '/v1/redemptions', { query: '?limit=0' })).status, 400);
  const restriction = { id: Number(held.body.id), body: { limit_total: 0, reason: 'Leaked' } };
  assert.equal((await call(api, 'PUT', `${COUPON}/restriction`, restriction)).status, 428);
  const restricted = await call(api, 'PUT', `${COUPON}/restriction`, { ...restriction, ...match });
  assert.deepEqual(restricted.body.restriction, { disabled: false, ...restriction.body });
  assert.equal((await call(api, 'PUT', `${COUPON}/restriction`, { ...restriction, ...match })).status, 412);
  const ofHeld = { id: Number(held.body.id), body: TEN_PERCENT, headers: { 'if-match': '"2"' } };
  const change = await call(api, 'PUT', `${COUPON}/terms`, ofHeld);
  assert.equal(change.status, 409);
}
