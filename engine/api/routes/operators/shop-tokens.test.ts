/** Tokens of shops as operators make, list and revoke them, and whose campaigns and coupons are; gateway/shops/ has their use. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Answer, coupon, inMs, slug, startApi, type TestApi } from '../../testing/api.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

const TERMS = { discount: 'percentage', basis_points: 1_000 };

const make = (body: unknown): Promise<Answer> => api.call('POST', '/v1/shop-tokens', { body });

describe("a shop's token", () => {
  it('is shown once, stored as a hash, and no operator', async () => {
    const { status, body, headers } = await make({ name: 'checkout', shop: 'cycles' });
    assert.equal(status, 201);
    const token = String(body.token);
    assert.match(token, /^fairline_shop_[\w-]{43}$/);
    assert.equal(headers.get('location'), `/v1/shop-tokens/${body.id}`);
    const { token: _, ...rest } = body;
    assert.deepEqual((await api.call('GET', `/v1/shop-tokens/${body.id}`)).body, rest);
    const { rows } = await api.pool.query('select t::text as row from shop_tokens t');
    assert.ok(rows.every(({ row }) => !row.includes(token.slice(14))));
    assert.equal(slug(await api.call('GET', '/v1/operator', { token })), '401 unauthenticated');
  });

  it('has a name of its own until it is revoked, which it stays', async () => {
    const first = await make({ name: 'till' });
    for (const name of ['till', 'TILL']) assert.equal(slug(await make({ name })), '409 conflict');
    const path = `/v1/shop-tokens/${first.body.id}/revoke`;
    const revoked = await api.call('POST', path, { token: await api.tokenOf('Grace') });
    assert.deepEqual([revoked.status, revoked.body.revoked_by], [200, 'Grace']);
    assert.deepEqual((await api.call('POST', path)).body, revoked.body);
    assert.equal((await make({ name: 'till' })).status, 201);
    assert.equal(slug(await api.call('POST', '/v1/shop-tokens/999/revoke')), '404 unknown-token');
  });

  it('is refused with its field when a member is wrong', async () => {
    for (const [body, field] of [
      [{ shop: 'cycles' }, 'name'],
      [{ name: 'a\u200b' }, 'name'],
      [{ name: 'a', shop: '' }, 'shop'],
      [{ name: 'a', shop: 'Cycles' }, 'shop'],
      [{ name: 'a', shop: '-cycles' }, 'shop'],
      [{ name: 'a', shop: 'two words' }, 'shop'],
      [{ name: 'a', shop: 'x'.repeat(41) }, 'shop'],
      [{ name: 'a', role: 'viewer' }, 'role'],
      [{ name: 'a', expires_at: inMs(-1_000) }, 'expires_at'],
    ] as const) {
      const answer = await make(body);
      assert.equal(slug(answer), '400 invalid-request', answer.text);
      const errors = answer.body.errors as readonly { readonly field: string }[];
      assert.deepEqual(
        errors.map(fault => fault.field),
        [field],
      );
    }
  });
});

describe('a shop', () => {
  it('is that of a campaign, of its coupon and of its duplicates, for good', async () => {
    const id = await api.create({ shop: 'cycles', terms: TERMS });
    const { body: listed } = await api.call('GET', '/v1/coupons');
    const { body } = await api.call('GET', `/v1/campaigns/${id}`);
    assert.equal(body.shop, 'cycles');
    const coupons = listed.coupons as readonly Record<string, unknown>[];
    assert.equal(coupons.find(each => each.campaign === id)?.shop, 'cycles');
    const again = { closes_at: inMs(3_600_000) };
    const copy = await api.call('POST', `/v1/campaigns/${id}/duplicate`, { body: again });
    assert.equal(copy.body.shop, 'cycles', copy.text);
    for (const table of ['campaigns', 'coupons'])
      await assert.rejects(
        api.pool.query(`update ${table} set shop = 'books' where campaign_id = $1`, [id]),
        { code: '23514' },
      );
  });

  it('is of a dry run, and of terms that come later', async () => {
    const dry = await api.call('POST', '/v1/campaigns?dryRun=true', { body: { ...coupon(), shop: 'books' } });
    assert.equal(Object(dry.body.campaign).shop, 'books', dry.text);
    const id = await api.create({ shop: 'books' });
    const late = await api.call('POST', '/v1/coupons', { body: { campaign: id, terms: TERMS } });
    assert.deepEqual([late.status, late.body.shop], [201, 'books']);
  });

  it('is of a code that anybody may use, but is not named where the campaign names it', async () => {
    const made = await api.call('POST', '/v1/coupons', {
      body: { code: 'BOOKS', shop: 'books', terms: TERMS },
    });
    assert.deepEqual([made.status, made.body.shop], [201, 'books']);
    const free = await api.call('POST', '/v1/coupons', { body: { code: 'FREE', terms: TERMS } });
    assert.ok(!('shop' in free.body));
    const body = { campaign: await api.create(), shop: 'books', terms: TERMS };
    assert.equal(slug(await api.call('POST', '/v1/coupons', { body })), '400 invalid-request');
  });
});
