/** Coupons that an operator restricts while shops use them, on the real stack. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';
import { ANY_VERSION } from '../testing/room.ts';

let system: System;
let coupons = 0;

before(async () => {
  system = await startSystem({ log: 'redis', gateways: 2, gatewayEnv: { LEDGER_TIMEOUT_MS: '5000' } });
});
after(() => system.close());

interface Made {
  readonly id: number;
  readonly code: string;
}

async function coupon(terms: object = {}): Promise<Made> {
  const code = `TEST-${++coupons}`;
  const all = { discount: 'percentage', basis_points: 1_000, ...terms };
  const made = await system.operate('POST', '/v1/coupons', { code, terms: all });
  assert.equal(made.status, 201, made.text);
  return { id: Number(made.body.id), code };
}

async function restrict({ id }: Made, restriction: object): Promise<Answer> {
  const body = { reason: 'Shared on a page for bargains', ...restriction };
  const answer = await system.operate('PUT', `/v1/coupons/${id}/restriction`, body, ANY_VERSION);
  assert.equal(answer.status, 200, answer.text);
  return answer;
}

function post(path: string, body: object, gateway = 0): Promise<Answer> {
  const headers = { 'idempotency-key': randomUUID() };
  return system.shop('POST', path, { body: JSON.stringify(body), headers, gateway });
}

function basket(user: string, code: string): object {
  return {
    user,
    currency: 'EUR',
    lines: [{ product: 'shoe', quantity: 2, unit_amount: 5_000 }],
    codes: [code],
  };
}

const redeem = (user: string, { code }: Made, gateway = 0): Promise<Answer> =>
  post('/v1/redemptions', basket(user, code), gateway);
const reserve = (user: string, { code }: Made): Promise<Answer> =>
  post('/v1/reservations', basket(user, code));

/** As the ledger counts them. */
async function usesOf({ id }: Made): Promise<number> {
  const { rows } = await system.pool.query<{ used: number }>(
    'select used_count as used from coupons where coupon_id = $1',
    [id],
  );
  return rows[0]?.used ?? 0;
}

function refusalOf({ status, body }: Answer): unknown {
  return [status, Object(Object(body).reasons)[0]?.reason];
}

test('a disabled coupon is used by nobody from the answer on, not even where it was reserved', async () => {
  const made = await coupon();
  const [held, given] = [await reserve('ann', made), await reserve('bob', made)];
  assert.equal((await redeem('cid', made)).status, 201);
  await restrict(made, { disabled: true });
  for (const gateway of [0, 1])
    assert.deepEqual(refusalOf(await redeem('dan', made, gateway)), [409, 'disabled']);
  const late = await post('/v1/redemptions', { reservation: held.body.id });
  assert.deepEqual(refusalOf(late), [409, 'disabled']);
  assert.equal(Object(late.body.errors)[0].field, 'reservation', late.text);
  assert.equal((await system.shop('DELETE', `/v1/reservations/${given.body.id}`)).body.state, 'released');
  for (const gateway of [0, 1])
    await eventually(async () => {
      const { body } = await system.shop('GET', `/v1/coupons/${made.code}`, { gateway });
      return body.state === 'disabled' || undefined;
    });
  const lifted = await restrict(made, {});
  assert.equal(lifted.body.restriction, null);
  assert.equal((await post('/v1/redemptions', { reservation: held.body.id })).status, 201);
});

test('an ended coupon has no new uses, and reservations from before are redeemed', async () => {
  const made = await coupon();
  const held = await reserve('ann', made);
  await restrict(made, { ends_at: '2020-01-01T00:00:00.000Z' });
  assert.deepEqual(refusalOf(await redeem('bob', made)), [409, 'no_longer_valid']);
  assert.equal((await post('/v1/redemptions', { reservation: held.body.id })).status, 201);
});

test('a limit below the uses takes none back', async () => {
  const made = await coupon({ limit_total: 1_000 });
  for (const user of ['ann', 'bob', 'cid']) assert.equal((await redeem(user, made)).status, 201);
  await restrict(made, { limit_total: 2 });
  assert.deepEqual(refusalOf(await redeem('dan', made)), [409, 'used_up']);
  assert.equal(await usesOf(made), 3);
  const { body } = await system.shop('GET', `/v1/coupons/${made.code}`, { gateway: 1 });
  assert.equal(body.remaining, 0);
});

test('no use is counted after the answer that lowers the limit, at any gateway, under load', async () => {
  const made = await coupon();
  let isOver = false;
  const statuses: number[] = [];
  const shopping = Array.from({ length: 8 }, async (_, customer) => {
    for (let basket = 0; !isOver; basket++)
      statuses.push((await redeem(`user-${customer}-${basket}`, made, customer % 2)).status);
  });
  await eventually(async () => (await usesOf(made)) > 10);
  await restrict(made, { limit_total: 10 });
  const [uses, answers] = [await usesOf(made), statuses.length];
  // Baskets that were on their way, and as many again that are sent after the answer.
  await eventually(async () => statuses.length >= answers + 4 * shopping.length);
  isOver = true;
  await Promise.all(shopping);
  assert.equal(await usesOf(made), uses);
  assert.equal(statuses.filter(status => status === 201).length, uses);
  assert.deepEqual([...new Set(statuses)].sort(), [201, 409]);
});
