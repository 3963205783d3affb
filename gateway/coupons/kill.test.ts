/** Coupons in use while gateways and Postgres' backends are killed: no use is lost, doubled, or beyond the limit. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type System, startSystem } from '../../engine/test/system.ts';

const LIMIT = 150;
const SHOPPERS = 200;
const WAVE = 20;

let system: System;
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 2 });
});
after(() => system.close());

async function killGateway(at: number): Promise<void> {
  await system.gateways[at]?.process.stop('SIGKILL');
}

/** Kills all connections of gateways to Postgres, with whatever is under way on them. */
async function killBackends(): Promise<void> {
  await system.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'fairline gateway'`,
  );
}

interface Acknowledged {
  readonly id: number;
  /** The number of requests that the shopper needed. */
  readonly attempts: number;
}

/** Retries under the same key, at one gateway after another, until there is a decision; undefined if it is a refusal. */
async function shop(shopper: number, code: string): Promise<Acknowledged | undefined> {
  const body = JSON.stringify({
    user: `user-${shopper}`,
    currency: 'EUR',
    lines: [{ product: 'shoe', quantity: 1, unit_amount: 5_000 }],
    codes: [code],
  });
  for (let attempts = 1; attempts < 500; attempts++) {
    const gateway = (shopper + attempts) % system.gateways.length;
    try {
      const init = { body, headers: { 'idempotency-key': `key-${shopper}` }, gateway };
      const answer = await system.shop('POST', '/v1/redemptions', init);
      if (answer.status === 200 || answer.status === 201) return { id: Number(answer.body.id), attempts };
      if (answer.status === 409) return undefined;
      assert.equal(answer.status, 503, answer.text);
    } catch (error) {
      // The gateway was killed; the request may or may not have been decided.
      if (error instanceof assert.AssertionError) throw error;
    }
    await sleep(20);
  }
  assert.fail(`shopper ${shopper} never had an answer`);
}

test('exactly the users with an acknowledged use have one, and as many as the limit allows', async () => {
  const code = 'KILLED';
  const terms = { discount: 'percentage', basis_points: 1_000, limit_total: LIMIT, limit_per_user: 1 };
  const made = await system.operate('POST', '/v1/coupons', { code, terms });
  assert.equal(made.status, 201, made.text);
  const acknowledged: (Acknowledged | undefined)[] = [];
  /** The shoppers of a wave ask at once; resolves when all of them have their answer. */
  const ask = async (from: number, to: number): Promise<void> => {
    const shoppers = Array.from({ length: to - from }, async (_, index) => {
      acknowledged[from + index] = await shop(from + index, code);
    });
    await Promise.all(shoppers);
  };
  for (let wave = 0; wave < SHOPPERS / WAVE; wave++) {
    const [from, middle, to] = [wave * WAVE, (wave + 0.5) * WAVE, (wave + 1) * WAVE];
    const early = ask(from, middle);
    if (wave % 3 === 1) await killGateway(wave % 2);
    else await killBackends();
    // These shoppers come while a gateway, or its connections to Postgres, are gone.
    const late = ask(middle, to);
    if (wave % 3 === 1) system.gateways[wave % 2] = await system.startGateway();
    else await killBackends();
    await Promise.all([early, late]);
  }

  const { rows } = await system.pool.query<{ id: string; user_id: string; used: number }>(
    `select redemption_id as id, user_id, used_count as used from redemption_uses join coupons using (coupon_id)
      where coupons.code = $1 and given_back_at is null`,
    [code],
  );
  const inLedger = new Map(rows.map(row => [row.user_id, Number(row.id)]));
  assert.equal(rows.length, LIMIT);
  assert.equal(inLedger.size, LIMIT, 'one use per user');
  assert.equal(rows[0]?.used, LIMIT, 'the counter equals the rows');
  for (const [shopper, answer] of acknowledged.entries()) {
    assert.equal(inLedger.get(`user-${shopper}`), answer?.id, `shopper ${shopper}`);
  }
  assert.ok(
    acknowledged.some(answer => (answer?.attempts ?? 0) > 1),
    'some request was retried',
  );
});
