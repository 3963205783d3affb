/** Two shops on one service: each token acts on its own shop's campaigns and coupons alone. On running servers. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { openEvents } from '../../engine/test/events.ts';
import { type NetworkProxy, startProxyTo } from '../../engine/test/proxy.ts';
import { eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';

type Shop = { readonly authorization: string };

let system: System;
/** Between the second gateway and the ledger. */
let proxy: NetworkProxy;
let cycles: Shop;
let books: Shop;
before(async () => {
  system = await startSystem({ log: 'redis' });
  const { connectionString } = system.pool.options;
  const proxied = await startProxyTo(String(connectionString));
  proxy = proxied.proxy;
  system.gateways.push(await system.startGateway({ DATABASE_URL: proxied.url, LEDGER_TIMEOUT_MS: '500' }));
  cycles = await system.shopOf('cycles');
  books = await system.shopOf('books');
  for (const shop of ['cycles', 'books', undefined]) {
    const terms = { discount: 'percentage', basis_points: 1_000 };
    const code = `${(shop ?? 'none').toUpperCase()}-10`;
    const made = await system.operate('POST', '/v1/coupons', { code, shop, terms });
    assert.equal(made.status, 201, made.text);
  }
});
after(async () => {
  await system.close();
  await proxy.close();
});

function as(
  shop: Shop | undefined,
  method: string,
  path: string,
  body?: unknown,
  key: string = randomUUID(),
) {
  const headers = { 'idempotency-key': key, ...shop };
  return system.shop(method, path, {
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const basket = (...codes: string[]): object => ({
  user: 'alice',
  currency: 'EUR',
  lines: [{ product: 'shoe', quantity: 1, unit_amount: 5_000 }],
  codes,
});

function slug({ status, body }: Answer): string {
  return `${status} ${String(body.type ?? '').replace('urn:fairline:problem:', '')}`;
}

describe('a token of a shop', () => {
  it("sees its shop's codes, and no others", async () => {
    for (const [shop, seen] of [
      [cycles, ['CYCLES-10']],
      [books, ['BOOKS-10']],
      [undefined, ['CYCLES-10', 'BOOKS-10', 'NONE-10']],
    ] as const) {
      for (const code of ['CYCLES-10', 'BOOKS-10', 'NONE-10']) {
        // Twice: from the ledger, and from the copy that any token of this gateway reads.
        for (let reads = 0; reads < 2; reads++) {
          const answer = await as(shop, 'GET', `/v1/coupons/${code}`);
          const isSeen: boolean = seen.some(each => each === code);
          assert.equal(slug(answer), isSeen ? '200 ' : '404 unknown-coupon', answer.text);
        }
      }
    }
  });

  it("puts its shop's codes on baskets, and finds no other shop's baskets", async () => {
    const refused = await as(cycles, 'POST', '/v1/redemptions', basket('CYCLES-10', 'BOOKS-10'));
    assert.deepEqual(refused.body.reasons, [{ code: 'BOOKS-10', reason: 'unknown' }]);
    const held = await as(cycles, 'POST', '/v1/reservations', basket('CYCLES-10'));
    assert.equal(held.status, 201, held.text);
    const { id } = held.body;
    for (const [method, path, body, expected] of [
      ['GET', `/v1/reservations/${id}`, undefined, '404 unknown-reservation'],
      ['DELETE', `/v1/reservations/${id}`, undefined, '404 unknown-reservation'],
      ['POST', '/v1/redemptions', { reservation: id }, '404 unknown-reservation'],
    ] as const)
      assert.equal(slug(await as(books, method, path, body)), expected, path);
    const redeemed = await as(cycles, 'POST', '/v1/redemptions', { reservation: id });
    assert.equal(redeemed.status, 201, redeemed.text);
    for (const [method, path, body] of [
      ['GET', `/v1/redemptions/${id}`, undefined],
      ['GET', `/v1/redemptions/${id}/refunds`, undefined],
      ['POST', `/v1/redemptions/${id}/refunds`, {}],
    ] as const)
      assert.equal(slug(await as(books, method, path, body)), '404 unknown-redemption', path);
    assert.equal((await as(undefined, 'GET', `/v1/redemptions/${id}`)).status, 200);
    assert.equal((await as(cycles, 'POST', `/v1/redemptions/${id}/refunds`, {})).status, 201);
  });

  it('chooses its keys without regard to other shops', async () => {
    const key = 'order-7';
    const mine = await as(cycles, 'POST', '/v1/redemptions', basket('CYCLES-10'), key);
    const theirs = await as(books, 'POST', '/v1/redemptions', basket('BOOKS-10'), key);
    assert.deepEqual([mine.status, theirs.status], [201, 201]);
    assert.notEqual(mine.body.id, theirs.body.id);
    const again = await as(cycles, 'POST', '/v1/redemptions', basket('CYCLES-10'), key);
    assert.deepEqual([again.status, again.body.id], [200, mine.body.id]);
    const reused = await as(cycles, 'POST', '/v1/redemptions', basket('NONE-10'), key);
    assert.equal(slug(reused), '409 idempotency-key-reused');
    assert.match(reused.text, /The key \\"order-7\\" was already used/);
  });

  it("uses the codes that its shop's campaign grants", async () => {
    const terms = { discount: 'fixed', amount: 100, currency: 'EUR' };
    const campaign = await system.offer({ kind: 'coupon', stock: 1, shop: 'cycles', terms });
    assert.equal((await system.operate('GET', `/v1/campaigns/${campaign}`)).body.shop, 'cycles');
    await system.enter('alice', campaign);
    const code = await eventually(async () => {
      const { body } = await system.ask('alice', 'GET', `/v1/campaigns/${campaign}/entries/me`);
      return typeof body.code === 'string' ? body.code : undefined;
    });
    assert.equal(slug(await as(books, 'GET', `/v1/coupons/${code}`)), '404 unknown-coupon');
    assert.equal((await as(books, 'POST', '/v1/redemptions', basket(code))).status, 409);
    assert.equal((await as(cycles, 'POST', '/v1/redemptions', basket(code))).status, 201);
  });

  it('lets visitors into rooms of its shop alone, and through an outage of the ledger', async () => {
    const room = await system.offer({ kind: 'room', per_second: 100, shop: 'cycles' });
    await system.enter('alice', room);
    const ticket = `Bearer ${await system.ticket('alice')}`;
    await openEvents(`${system.gateways[0]?.url}/v1/campaigns/${room}/queue`, { authorization: ticket });
    const pass = await eventually(async () => {
      const { body } = await system.ask('alice', 'POST', `/v1/campaigns/${room}/pass`);
      return typeof body.pass === 'string' ? body.pass : undefined;
    });
    const reports = `/v1/campaigns/${room}/reports`;
    const used = { event: 'used', pass };
    assert.equal(slug(await as(books, 'POST', reports, used)), '403 other-shop');
    const inside = await as(cycles, 'POST', reports, used);
    assert.equal(inside.status, 200, inside.text);
    const check = (shop: Shop, gateway: number): Promise<Answer> =>
      system.shop('GET', `/v1/campaigns/${room}/check`, {
        gateway,
        headers: { ...shop, 'x-fairline-visit': String(inside.body.visit) },
      });
    assert.equal(slug(await check(books, 0)), '403 other-shop');
    assert.equal((await check(cycles, 0)).status, 204);
    assert.equal((await check(cycles, 1)).status, 204);
    const unknown = await system.shopOf('cycles');
    proxy.cut();
    try {
      const untilMs = Date.now() + 3_000;
      while (Date.now() < untilMs) assert.equal((await check(cycles, 1)).status, 204);
      assert.equal(slug(await check(unknown, 1)), '503 unavailable');
    } finally {
      proxy.mend();
    }
    await eventually(async () => (await check(unknown, 1)).status === 204);
  });

  it('is refused within two seconds of its revocation, on every gateway', async () => {
    const made = await system.operate('POST', '/v1/shop-tokens', { name: 'lost', shop: 'cycles' });
    const lost = { authorization: `Bearer ${made.body.token}` };
    const read = (gateway: number): Promise<Answer> =>
      system.shop('GET', '/v1/coupons/CYCLES-10', { gateway, headers: lost });
    for (const gateway of [0, 1]) assert.equal((await read(gateway)).status, 200);
    const revoked = await system.operate('POST', `/v1/shop-tokens/${made.body.id}/revoke`);
    assert.equal(revoked.status, 200, revoked.text);
    await new Promise(resolve => setTimeout(resolve, 2_000));
    for (const gateway of [0, 1]) {
      const refused = await read(gateway);
      assert.equal(slug(refused), '401 unauthenticated');
      assert.match(String(refused.body.detail), / was revoked at \d{4}-/);
    }
  });

  it('may be for everything, and shows when it was last used', async () => {
    const made = await system.operate('POST', '/v1/shop-tokens', { name: 'for everything' });
    assert.equal(made.body.shop, null);
    const everything = { authorization: `Bearer ${made.body.token}` };
    for (const code of ['CYCLES-10', 'BOOKS-10', 'NONE-10'])
      assert.equal((await as(everything, 'GET', `/v1/coupons/${code}`)).status, 200);
    await eventually(async () => {
      const { body } = await system.operate('GET', `/v1/shop-tokens/${made.body.id}`);
      return typeof body.last_used_at === 'string';
    });
  });
});
