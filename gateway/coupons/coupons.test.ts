/** Coupons in use on the real stack, through HTTP: the answers to clients, compared with the rows in the ledger. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';
import { ANY_VERSION } from '../testing/room.ts';

const TEN_PERCENT = { discount: 'percentage', basis_points: 1_000 };
let system: System;
let coupons = 0;

before(async () => {
  // Many requests wait for one row here: on two cores that takes longer than the default allows.
  system = await startSystem({ log: 'redis', gateways: 2, gatewayEnv: { LEDGER_TIMEOUT_MS: '5000' } });
});
after(() => system.close());

/** Makes a coupon with a new code; resolves to the code. */
async function coupon(terms: object = {}): Promise<string> {
  const code = `TEST-${++coupons}`;
  const made = await system.operate('POST', '/v1/coupons', { code, terms: { ...TEN_PERCENT, ...terms } });
  assert.equal(made.status, 201, made.text);
  return code;
}

function basket(user: string, ...codes: readonly string[]): Record<string, unknown> {
  return { user, currency: 'EUR', lines: [{ product: 'shoe', quantity: 2, unit_amount: 5_000 }], codes };
}

function post(path: string, body: object, key: string = randomUUID(), gateway = 0): Promise<Answer> {
  return system.shop('POST', path, {
    body: JSON.stringify(body),
    headers: { 'idempotency-key': key },
    gateway,
  });
}

const reserve = (body: object, gateway = 0): Promise<Answer> =>
  post('/v1/reservations', body, randomUUID(), gateway);
const redeem = (body: object, gateway = 0): Promise<Answer> =>
  post('/v1/redemptions', body, randomUUID(), gateway);

/** A code in the ledger: the counter, and the uses that count, by user. */
async function inLedger(code: string): Promise<{ used: number; ids: number[]; users: string[] }> {
  const { rows } = await system.pool.query<{ used: number; id: number | null; user_id: string }>(
    `select used_count as used, redemption_id as id, user_id
       from coupons left join redemption_uses u on u.coupon_id = coupons.coupon_id and given_back_at is null
      where coupons.code = $1 order by id`,
    [code],
  );
  const held = rows.filter(row => row.id !== null);
  return {
    used: rows[0]?.used ?? -1,
    ids: held.map(row => Number(row.id)),
    users: held.map(row => row.user_id),
  };
}

const idsOf = (answers: readonly Answer[]): number[] =>
  answers.map(({ body }) => Number(body.id)).sort((a, b) => a - b);
const ofStatus = (answers: readonly Answer[], status: number): Answer[] =>
  answers.filter(answer => answer.status === status);

async function remaining(code: string, gateway = 0): Promise<unknown> {
  const { body } = await system.shop('GET', `/v1/coupons/${code}`, { gateway });
  return body.remaining;
}

describe('coupons in use', () => {
  test('holds, redeems and refunds a basket in parts, and its use with it', async () => {
    const code = await coupon({ limit_total: 1, stack_class: 'ten' });
    const held = await reserve(basket('ann', code));
    assert.equal(held.status, 201, held.text);
    assert.equal(held.body.state, 'held');
    assert.equal(held.body.total, 9_000);
    assert.deepEqual(held.body.lines, [
      {
        line: 1,
        product: 'shoe',
        quantity: 2,
        unit_amount: 5_000,
        subtotal: 10_000,
        discounts: [{ code, amount: 1_000 }],
        total: 9_000,
      },
    ]);
    assert.equal((await redeem(basket('bob', code))).body.type, 'urn:fairline:problem:coupon-refused');
    const { id } = held.body;
    const sold = await redeem({ reservation: id });
    assert.equal(sold.status, 201, sold.text);
    assert.equal(sold.body.id, id);
    const half = await post(`/v1/redemptions/${id}/refunds`, { lines: [{ line: 1, quantity: 1 }] });
    assert.deepEqual(
      [half.body.amount, half.body.given_back, half.body.state],
      [4_500, [], 'partly_refunded'],
    );
    assert.equal((await redeem(basket('bob', code))).status, 409);
    const rest = await post(`/v1/redemptions/${id}/refunds`, {});
    assert.deepEqual([rest.body.amount, rest.body.given_back, rest.body.state], [4_500, [code], 'refunded']);
    assert.equal((await redeem(basket('bob', code))).status, 201);
    const { body } = await system.shop('GET', `/v1/redemptions/${id}`, { gateway: 1 });
    assert.equal(body.state, 'refunded');
    assert.equal((await system.shop('GET', `/v1/reservations/${id}`)).body.state, 'refunded');
  });

  test('forbids caching of code states, from the ledger and from the copy', async () => {
    const code = await coupon({ limit_total: 3 });
    const path = `/v1/coupons/${code}`;
    const answers = [await system.shop('GET', path), await system.shop('GET', path)];
    for (const { status, headers, body } of answers) {
      assert.deepEqual([status, body.remaining], [200, 3]);
      assert.equal(headers.get('content-type'), 'application/json');
      assert.equal(headers.get('cache-control'), 'no-store');
    }
  });

  test('a granted code works for its holder, once', async () => {
    const campaign = await system.offer({ kind: 'coupon', stock: 1, terms: TEN_PERCENT });
    await system.enter('ann', campaign);
    const code = await eventually(async () => {
      const { body } = await system.ask('ann', 'GET', `/v1/campaigns/${campaign}/entries/me`);
      return typeof body.code === 'string' && body.code;
    });
    const { body } = await system.shop('GET', `/v1/coupons/${code}`);
    assert.deepEqual([body.user, body.campaign, body.remaining], ['ann', campaign, 1]);
    const others = await redeem(basket('bob', code));
    assert.deepEqual(others.body.reasons, [{ code, reason: 'another_user' }]);
    const answers = await Promise.all([redeem(basket('ann', code), 0), redeem(basket('ann', code), 1)]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409]);
    await eventually(async () => (await remaining(code, 1)) === 0);
  });

  test('of 200 concurrent baskets, exactly as many get a use as there are', async () => {
    const code = await coupon({ limit_total: 60, limit_per_user: 2 });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => {
        const body = basket(`user-${index % 40}`, code);
        return index % 3 === 0 ? reserve(body, index % 2) : redeem(body, index % 2);
      }),
    );
    const done = ofStatus(answers, 201);
    assert.equal(done.length, 60);
    assert.equal(ofStatus(answers, 409).length, 140);
    const { used, ids, users } = await inLedger(code);
    assert.equal(used, 60);
    assert.deepEqual(ids, idsOf(done), 'acknowledged ids equal those in the ledger');
    for (const user of new Set(users)) assert.ok(users.filter(each => each === user).length <= 2, user);
    await eventually(async () => (await remaining(code, 0)) === 0 && (await remaining(code, 1)) === 0);
  });

  test('several coupons in one basket are used together or not at all, in any order', async () => {
    const [scarce, plenty] = [await coupon({ limit_total: 20 }), await coupon()];
    const answers = await Promise.all(
      Array.from({ length: 80 }, (_, index) => {
        const codes = index % 2 === 0 ? [scarce, plenty] : [plenty, scarce];
        return redeem(basket(`user-${index}`, ...codes), Math.floor(index / 2) % 2);
      }),
    );
    const done = idsOf(ofStatus(answers, 201));
    assert.equal(done.length, 20);
    assert.deepEqual((await inLedger(scarce)).ids, done);
    assert.deepEqual((await inLedger(plenty)).ids, done);
  });

  test('redeems a reservation once, whoever requests it and however often', async () => {
    const code = await coupon({ limit_total: 5 });
    const { body } = await reserve(basket('ann', code));
    const attempts = Array.from({ length: 20 }, (_, index) => redeem({ reservation: body.id }, index % 2));
    const key = randomUUID();
    const repeats = Array.from({ length: 10 }, (_, index) =>
      post('/v1/redemptions', basket('bob', code), key, index % 2),
    );
    const answers = await Promise.all(attempts);
    assert.equal(ofStatus(answers, 201).length, 1);
    assert.equal(ofStatus(answers, 409).length, 19);
    const same = await Promise.all(repeats);
    assert.equal(ofStatus(same, 201).length, 1);
    assert.equal(ofStatus(same, 200).length, 9);
    assert.equal(new Set(idsOf(same)).size, 1);
    const other = await post('/v1/redemptions', basket('cid', code), key, 1);
    assert.equal(other.body.type, 'urn:fairline:problem:idempotency-key-reused');
    assert.equal((await inLedger(code)).used, 2);
  });

  test('a race with the expiry either redeems or returns a hold, never both', async () => {
    const code = await coupon({ limit_total: 12 });
    const held = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        reserve({ ...basket(`user-${index}`, code), hold_seconds: 1 }),
      ),
    );
    const lastMs = Math.max(...held.map(({ body }) => Date.parse(String(body.expires_at))));
    // Around the end of the holds, some are redeemed, and other users ask for their uses.
    const commits = Promise.all(
      held.map(async ({ body }, index) => {
        await sleep(lastMs - Date.now() - 30 + 5 * index);
        return await redeem({ reservation: body.id }, index % 2);
      }),
    );
    const others = Promise.all(
      Array.from({ length: 24 }, async (_, index) => {
        await sleep(lastMs - Date.now() - 40 + 4 * index);
        return await redeem(basket(`other-${index}`, code), index % 2);
      }),
    );
    const [redeemed, taken] = [await commits, await others];
    for (const { status, body, text } of ofStatus(redeemed, 409)) {
      assert.equal(body.type, 'urn:fairline:problem:reservation-over', `${status} ${text}`);
    }
    const done = idsOf([...ofStatus(redeemed, 201), ...ofStatus(taken, 201)]);
    assert.equal(redeemed.length + taken.length, 36);
    assert.ok(done.length <= 12);
    const { rows } = await system.pool.query<{ id: number }>(
      `select redemption_id as id from redemption_uses u join coupons c using (coupon_id)
        where c.code = $1 and held_until is null and given_back_at is null order by id`,
      [code],
    );
    assert.deepEqual(
      rows.map(row => Number(row.id)),
      done,
    );
    // Exactly the uses that nobody has taken are still available.
    const rest = await Promise.all(
      Array.from({ length: 20 }, (_, index) => redeem(basket(`late-${index}`, code), index % 2)),
    );
    assert.equal(ofStatus(rest, 201).length, 12 - done.length);
  });

  test('returns an expired hold even after every gateway that knew of it has stopped', async () => {
    const code = await coupon({ limit_total: 1 });
    const gateway = await system.startGateway();
    const at = system.gateways.push(gateway) - 1;
    const held = await reserve({ ...basket('ann', code), hold_seconds: 1 }, at);
    assert.equal(held.status, 201, held.text);
    await gateway.process.stop('SIGKILL');
    system.gateways.pop();
    await eventually(async () => (await redeem(basket('bob', code))).status === 201);
    const { body } = await system.shop('GET', `/v1/reservations/${held.body.id}`);
    assert.equal(body.state, 'lapsed');
    assert.equal((await inLedger(code)).used, 1);
  });

  test('returns a released hold at once, on any gateway', async () => {
    const code = await coupon({ limit_total: 1 });
    const held = await reserve(basket('ann', code));
    assert.equal(await remaining(code), 0);
    const path = `/v1/reservations/${held.body.id}`;
    assert.equal((await system.shop('DELETE', path, { gateway: 1 })).body.state, 'released');
    assert.equal(await remaining(code, 1), 1, 'the releasing gateway shows it at once');
    assert.equal((await system.shop('DELETE', path)).body.state, 'released');
    assert.equal((await redeem(basket('bob', code))).status, 201);
  });

  test('the first hold freezes the terms; a price from changed terms is recomputed', async () => {
    const code = await coupon();
    const id = (await system.shop('GET', `/v1/coupons/${code}`)).body.coupon;
    const path = `/v1/coupons/${id}/terms`;
    const change = (basis_points: number): Promise<Answer> =>
      system.operate('PUT', path, { ...TEN_PERCENT, basis_points }, ANY_VERSION);
    assert.equal((await change(2_000)).status, 200);
    const [sold, changed] = await Promise.all([redeem(basket('ann', code)), change(5_000)]);
    assert.equal(sold.status, 201, sold.text);
    const total = sold.body.total;
    assert.equal(total, changed.status === 200 ? 5_000 : 8_000, 'the terms in force when it was used');
    assert.equal((await change(1_000)).status, 409);
  });
});
