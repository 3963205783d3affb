/** A shop retries at another gateway while its first request is still under way: both answers show the same use. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type System, startSystem } from '../../engine/test/system.ts';

let system: System;
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 2 });
});
after(() => system.close());

/** Resolves when this many transactions of gateways wait for a row. */
async function waiting(count: number): Promise<void> {
  for (;;) {
    const { rows } = await system.pool.query<{ waiting: number }>(
      `select count(*)::integer as waiting from pg_stat_activity
        where datname = current_database() and application_name = 'fairline gateway' and wait_event_type = 'Lock'`,
    );
    if (rows[0]?.waiting === count) return;
    await sleep(5);
  }
}

/** Sends the same request under one key to both gateways, while both wait for the coupon's row. */
async function askTwice(code: string, path: string, body: object, key: string) {
  const holder = await system.pool.connect();
  try {
    await holder.query('begin');
    await holder.query('select from coupons where code = $1 for update', [code]);
    const init = { body: JSON.stringify(body), headers: { 'idempotency-key': key } };
    const answers = [0, 1].map(gateway => system.shop('POST', path, { ...init, gateway }));
    await waiting(2);
    await holder.query('commit');
    return await Promise.all(answers);
  } finally {
    holder.release();
  }
}

test('concurrent requests with the same key get the same reservation or redemption', async () => {
  const code = 'TWICE';
  const terms = { discount: 'percentage', basis_points: 1_000, limit_total: 1 };
  const made = await system.operate('POST', '/v1/coupons', { code, terms });
  assert.equal(made.status, 201, made.text);
  const lines = [{ product: 'shoe', quantity: 1, unit_amount: 5_000 }];
  const basket = { user: 'user', currency: 'EUR', lines, codes: [code] };
  const held = await askTwice(code, '/v1/reservations', basket, 'hold');
  assert.deepEqual(held.map(({ status }) => status).sort(), [200, 201], held.map(({ text }) => text).join());
  const [id] = new Set(held.map(({ body }) => body.id));
  const redeemed = await askTwice(code, '/v1/redemptions', { reservation: id }, 'redeem');
  assert.deepEqual(
    redeemed.map(({ status }) => status).sort(),
    [200, 201],
    redeemed.map(({ text }) => text).join(),
  );
  assert.deepEqual(new Set(redeemed.map(({ body }) => body.id)), new Set([id]));
});
