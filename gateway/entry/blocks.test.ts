/** Blocked users and networks on the real stack: what gateways refuse, what stays, and what one that has not heard may do. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { closeRegistry } from '../../engine/contract/redis/lease/lease.ts';
import { eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';

const THROUGH = { 'x-forwarded-for': '203.0.113.77' };
const MAPPED = { 'x-forwarded-for': '::ffff:203.0.113.78' };
const ELSEWHERE = { 'x-forwarded-for': '203.0.114.77' };
const OVER_6 = { 'x-forwarded-for': '2001:db8:0:1::7' };

let system: System;
before(async () => {
  system = await startSystem({
    log: 'redis',
    gateways: 2,
    gatewayEnv: { TRUSTED_PROXIES: '127.0.0.0/8,::1', LEDGER_TIMEOUT_MS: '5000' },
  });
});
after(() => system.close());

const block = (whom: object): Promise<Answer> =>
  system.operate('POST', '/v1/blocks', { ...whom, reason: 'A farm of accounts' });
const lift = ({ body }: Answer): Promise<Answer> =>
  system.operate('POST', `/v1/blocks/${body.id}/lift`, { reason: 'A school, as it turned out' });

function enter(user: string, campaign: number, gateway: number, headers = {}): Promise<Answer> {
  return system.ask(user, 'POST', `/v1/campaigns/${campaign}/entries`, { gateway, headers });
}

/** Sends a request through the blocked network, and closes the connection at once. */
async function hangUp(user: string, path: string, body: string): Promise<void> {
  const lines = [
    `POST ${path} HTTP/1.1`,
    'host: localhost',
    `authorization: Bearer ${await system.ticket(user)}`,
    `x-forwarded-for: ${THROUGH['x-forwarded-for']}`,
    `content-length: ${body.length}`,
    ...(body === '' ? [] : ['content-type: application/json']),
  ];
  const socket = connect(system.gateways[0]?.port ?? 0, '127.0.0.1');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', resolve);
    socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.resetAndDestroy());
  });
}

function redeem(body: object): Promise<Answer> {
  const headers = { 'idempotency-key': randomUUID() };
  return system.shop('POST', '/v1/redemptions', { body: JSON.stringify(body), headers });
}

describe('a blocked user', () => {
  test('enters nothing from the answer on, at any gateway, and keeps what they have', async () => {
    const [earlier, later] = [
      await system.offer({ kind: 'coupon', stock: 5 }),
      await system.offer({ kind: 'coupon', stock: 5 }),
    ];
    assert.equal((await enter('ann', earlier, 0)).status, 202);
    const made = await block({ user: 'ann' });
    assert.equal(made.status, 201, made.text);
    assert.equal(typeof made.body.in_force_at, 'string', made.text);
    for (const gateway of [0, 1]) {
      const refused = await enter('ann', later, gateway);
      assert.equal(refused.status, 403, refused.text);
      assert.deepEqual(
        [refused.body.type, refused.body.blocked],
        ['urn:fairline:problem:blocked', 'account'],
      );
      assert.equal((await enter(`an${gateway}`, later, gateway)).status, 202, 'nobody else');
    }
    const own = await eventually(async () => {
      const answer = await system.ask('ann', 'GET', `/v1/campaigns/${earlier}/entries/me`);
      return answer.body.outcome === 'granted' ? answer.body : undefined;
    });
    assert.equal(own.serial, 1, 'an entry from before is decided in its order');
    const lifted = await lift(made);
    assert.equal(lifted.status, 200, lifted.text);
    for (const gateway of [0, 1])
      await eventually(async () => [200, 202].includes((await enter('ann', later, gateway)).status));
  });

  test('claims nothing, and the offer passes on at its deadline as ever', async () => {
    const campaign = await system.offer({ kind: 'coupon', stock: 1, waitlist: 1, claim_within_s: 5 });
    for (const user of ['bad', 'bob']) assert.equal((await enter(user, campaign, 0)).status, 202);
    const own = `/v1/campaigns/${campaign}/entries/me`;
    const offered = (user: string) =>
      eventually(async () => (await system.ask(user, 'GET', own)).body.outcome === 'offered' || undefined, {
        timeoutMs: 60_000,
      });
    await offered('bad');
    await block({ user: 'bad' });
    for (const gateway of [0, 1])
      assert.equal((await system.ask('bad', 'POST', `${own}/claim`, { gateway })).status, 403);
    await offered('bob');
    assert.equal((await system.ask('bob', 'POST', `${own}/claim`)).status, 202);
  });

  test('claims where only two operators pass a prize on, also through a blocked network, and redeems nothing', async () => {
    const campaign = await system.offer({
      ...{ kind: 'coupon', stock: 1, waitlist: 1, claim_within_s: 600, two_person: true },
      terms: { discount: 'percentage', basis_points: 1_000 },
    });
    for (const user of ['joe', 'kim']) assert.equal((await enter(user, campaign, 0)).status, 202);
    const own = `/v1/campaigns/${campaign}/entries/me`;
    const outcome = async (): Promise<unknown> => (await system.ask('joe', 'GET', own)).body.outcome;
    await eventually(async () => (await outcome()) === 'offered');
    const made = [await block({ user: 'joe' }), await block({ network: '203.0.113.0/24' })];
    for (const { status, text } of made) assert.equal(status, 201, text);
    const claimed = await system.ask('joe', 'POST', `${own}/claim`, { headers: THROUGH });
    assert.deepEqual([claimed.status, claimed.body.outcome], [202, 'claimed'], claimed.text);
    await eventually(async () => (await outcome()) === 'granted');
    const lines = [{ product: 'shoe', quantity: 2, unit_amount: 5_000 }];
    const refused = await redeem({ user: 'joe', currency: 'EUR', lines, codes: [claimed.body.code] });
    assert.deepEqual([refused.status, refused.body.type], [403, 'urn:fairline:problem:blocked']);
    assert.equal((await enter('joe', await system.offer({ kind: 'coupon', stock: 5 }), 0)).status, 403);
    for (const each of made) assert.equal((await lift(each)).status, 200);
    assert.equal(
      (await redeem({ user: 'joe', currency: 'EUR', lines, codes: [claimed.body.code] })).status,
      201,
    );
  });

  test('redeems nothing, whatever gateways know: the ledger refuses', async () => {
    const terms = { discount: 'percentage', basis_points: 1_000 };
    assert.equal((await system.operate('POST', '/v1/coupons', { code: 'ANYBODY', terms })).status, 201);
    const lines = [{ product: 'shoe', quantity: 2, unit_amount: 5_000 }];
    const basket = { user: 'eve', currency: 'EUR', lines, codes: ['ANYBODY'] };
    const key = { 'idempotency-key': randomUUID() };
    const reserve = () =>
      system.shop('POST', '/v1/reservations', { body: JSON.stringify(basket), headers: key });
    const held = await reserve();
    const sold = await redeem(basket);
    // Past the API: no gateway is told.
    await system.pool.query(`insert into blocks (user_id, reason, made_by) values ('eve', 'test', 'test')`);
    for (const body of [basket, { reservation: held.body.id }]) {
      const refused = await redeem(body);
      assert.equal(refused.status, 403, refused.text);
      assert.equal(refused.body.type, 'urn:fairline:problem:blocked');
    }
    assert.equal((await redeem({ ...basket, user: 'fay' })).status, 201);
    assert.equal((await reserve()).status, 200, 'a repeated request gets what it did');
    const refund = { body: '{}', headers: { 'idempotency-key': randomUUID() } };
    assert.equal((await system.shop('POST', `/v1/redemptions/${sold.body.id}/refunds`, refund)).status, 201);
    const shown = await eventually(async () => {
      const { rows } = await system.pool.query(`select in_force_at from blocks where user_id = 'eve'`);
      return rows[0]?.in_force_at ?? undefined;
    });
    assert.ok(shown instanceof Date, 'any engine tells the gateways, whoever has blocked');
    assert.equal((await enter('eve', await system.offer({ kind: 'coupon', stock: 5 }), 1)).status, 403);
  });
});

describe('a blocked network', () => {
  for (const [network, inside, outside] of [
    ['203.0.113.0/24', THROUGH, ELSEWHERE],
    ['203.0.112.0/23', MAPPED, ELSEWHERE],
    ['2001:db8::/48', OVER_6, { 'x-forwarded-for': '2001:db8:1::7' }],
  ] as const)
    test(`${network} is refused by the address of the client, and no other`, async () => {
      const campaign = await system.offer({ kind: 'coupon', stock: 50 });
      const made = await block({ network });
      assert.equal(made.status, 201, made.text);
      for (const gateway of [0, 1]) {
        const refused = await enter(`user-${randomUUID()}`, campaign, gateway, inside);
        assert.deepEqual([refused.status, refused.body.blocked], [403, 'network'], refused.text);
        assert.equal((await enter(`user-${randomUUID()}`, campaign, gateway, outside)).status, 202);
        assert.equal((await enter(`user-${randomUUID()}`, campaign, gateway)).status, 202);
      }
      await lift(made);
      await eventually(async () => {
        const { status } = await enter(`user-${randomUUID()}`, campaign, 1, inside);
        return status === 202;
      });
    });

  test('claims and enters nothing by hanging up before it is judged', async () => {
    const terms = { kind: 'coupon', stock: 1, waitlist: 1, claim_within_s: 600 };
    const campaign = await system.offer(terms);
    assert.equal((await enter('hal', campaign, 0)).status, 202);
    const own = `/v1/campaigns/${campaign}/entries/me`;
    const outcome = async (user: string): Promise<unknown> =>
      (await system.ask(user, 'GET', own)).body.outcome;
    await eventually(async () => (await outcome('hal')) === 'offered');
    const made = await block({ network: '203.0.113.0/24' });
    for (let times = 0; times < 20; times++) {
      await hangUp('hal', `${own}/claim`, '');
      await hangUp(`late-${times}`, `/v1/campaigns/${campaign}/entries`, '{}');
    }
    // What was gathered before this entry is settled with it.
    assert.equal((await enter('ida', campaign, 0)).status, 202);
    await eventually(async () => ['waitlisted', 'sold_out'].includes(String(await outcome('ida'))));
    assert.equal(await outcome('hal'), 'offered');
    const { rows } = await system.pool.query<{ user: string }>(
      `select user_id as "user" from entries where campaign_id = $1 order by stamp`,
      [campaign],
    );
    assert.deepEqual(
      rows.map(({ user }) => user),
      ['hal', 'ida'],
    );
    await lift(made);
  });

  test('is refused with what is wrong', async () => {
    for (const [body, field] of [
      [{ network: '203.0.113.7/24' }, 'network'],
      [{ network: '203.0.113.0/25' }, 'network'],
      [{ network: '0.0.0.0/0' }, 'network'],
      [{ network: '2001:db8::/65' }, 'network'],
      [{ network: '203.0.112.0/24', user: 'ann' }, 'network'],
      [{ user: 'é'.repeat(128) }, 'user'],
      [{}, 'user'],
    ] as const) {
      const answer = await block(body);
      assert.equal(answer.status, 400, answer.text);
      assert.equal(Object(answer.body.errors)[0].field, field, answer.text);
    }
  });
});

test('blocks outlive a board that is made anew', async () => {
  const made = await block({ user: 'gil' });
  assert.equal(made.status, 201);
  const epoch = Number(await system.redis.hget(system.keys.leases, 'epoch'));
  await closeRegistry(system.redis, system.keys.leases, epoch);
  await eventually(async () => Number(await system.redis.hget(system.keys.boardState, 'epoch')) > epoch, {
    timeoutMs: 60_000,
  });
  const campaign = await system.offer({ kind: 'coupon', stock: 50 });
  await eventually(async () => (await enter('someone', campaign, 1)).status < 300 || undefined, {
    timeoutMs: 60_000,
  });
  for (const gateway of [0, 1]) {
    const refused = await eventually(
      async () => {
        const answer = await enter('gil', campaign, gateway);
        return answer.status === 503 ? undefined : answer;
      },
      { timeoutMs: 60_000 },
    );
    assert.equal(refused.status, 403, refused.text);
  }
});
