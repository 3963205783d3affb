/** The list of redemptions over a real ledger: pages, what each filter finds, and what a look-up leaves in the operator log. */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { listActs } from '../../../../sql/statements/operators/operator-log.ts';
import { startApi } from '../../testing/api.ts';

const api = await startApi();
after(() => api.close());

/** Redemption n of ann (odd) or bob (even), of 1,000 + n; those above 4 are held, 5 has lapsed. */
async function fill(couponId: number): Promise<void> {
  await api.pool.query(`
    insert into redemptions (user_id, state, basket, pricing, created_at, expires_at, redeemed_at)
    select case when n % 2 = 1 then 'ann' else 'bob' end, case when n > 4 then 'held' else 'redeemed' end,
           '{"currency":"EUR"}', json_build_object('total', 1000 + n)::text, now(),
           case when n = 5 then now() when n > 5 then now() + interval '1 hour' end, case when n <= 4 then now() end
      from generate_series(1, 6) n`);
  await api.pool.query(
    `insert into redemption_uses (redemption_id, coupon_id, code, user_id, held_until)
     select redemption_id, $1, 'LISTED', user_id, expires_at from redemptions`,
    [couponId],
  );
  await api.pool.query(
    `insert into refunds (redemption_id, refund_number, refund, refunded_at)
     values (1, 1, '{"amount":400}', now()), (1, 2, '{"amount":100}', now())`,
  );
}

async function list(query = '') {
  const answer = await api.call('GET', `/v1/redemptions${query}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.body as { redemptions: Record<string, unknown>[]; next: number | null };
}

it('lists redemptions by page, and those of one user, code or coupon', async () => {
  const terms = { discount: 'percentage', basis_points: 1_000 };
  const made = await api.call('POST', '/v1/coupons', { body: { code: 'LISTED', terms } });
  const other = await api.call('POST', '/v1/coupons', { body: { code: 'OTHER', terms } });
  await fill(Number(made.body.id));
  const first = await list('?limit=4');
  assert.deepEqual([first.redemptions.map(({ id }) => id), first.next], [[1, 2, 3, 4], 4]);
  const rest = await list('?limit=4&after=4');
  assert.deepEqual(
    rest.redemptions.map(({ id, state }) => [id, state]),
    [
      [5, 'lapsed'],
      [6, 'held'],
    ],
  );
  assert.equal(rest.next, null);
  const [one] = first.redemptions;
  assert.deepEqual(
    [one?.user, one?.currency, one?.total, one?.refunded, one?.codes],
    ['ann', 'EUR', 1_001, 500, [{ code: 'LISTED', coupon: made.body.id, given_back: false }]],
  );
  const idsOf = async (query: string) => (await list(query)).redemptions.map(({ id }) => id);
  assert.deepEqual(await idsOf('?user=ann'), [1, 3, 5]);
  assert.deepEqual(await idsOf('?user=ann&after=1&limit=1'), [3]);
  assert.deepEqual(await idsOf('?user=nobody'), []);
  assert.deepEqual(await idsOf('?code=LISTED&after=2&limit=3'), [3, 4, 5]);
  assert.deepEqual(await idsOf(`?coupon=${made.body.id}&limit=2`), [1, 2]);
  assert.deepEqual(await idsOf(`?coupon=${other.body.id}`), []);
});

it('notes who looked a person up, and not whom', async () => {
  const viewer = await api.tokenOf('Vera', 'viewer');
  const before = (await listActs(api.pool, { after: 0, limit: 1_000 })).length;
  for (const query of ['', '?coupon=1', '?user=ann', '?code=LISTED'])
    assert.equal((await api.call('GET', `/v1/redemptions${query}`, { token: viewer })).status, 200);
  const acts = (await listActs(api.pool, { after: 0, limit: 1_000 })).slice(before);
  assert.deepEqual(
    acts.map(({ operator, role, action, details }) => [operator, role, action, details]),
    [
      ['Vera', 'viewer', 'listRedemptions', '{"by":"user"}'],
      ['Vera', 'viewer', 'listRedemptions', '{"by":"code"}'],
    ],
  );
  assert.ok(!JSON.stringify(acts).includes('ann'));
});

it('takes one filter at a time', async () => {
  for (const [query, field] of [
    ['?user=ann&code=LISTED', 'code'],
    ['?code=LISTED&coupon=1', 'coupon'],
    ['?coupon=none', 'coupon'],
    ['?state=held', 'state'],
  ] as const) {
    const refused = await api.call('GET', `/v1/redemptions${query}`);
    assert.equal(refused.status, 400, refused.text);
    assert.equal(Object(refused.body.errors)[0].field, field, refused.text);
  }
});
