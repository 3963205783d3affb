import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { readCouponNews } from '../../../contract/redis/coupons/copies.ts';
import { type Answer, coupon, inMs, startApi } from '../../testing/api.ts';

const api = await startApi();
after(() => api.close());

const TEN_PERCENT = { discount: 'percentage', basis_points: 1_000 };

function make(body: object): Promise<Answer> {
  return api.call('POST', '/v1/coupons', { body });
}

function replace(id: unknown, terms: object, match = '*'): Promise<Answer> {
  return api.call('PUT', `/v1/coupons/${id}/terms`, { body: terms, headers: { 'if-match': match } });
}

function fieldsOf({ body }: Answer): unknown[] {
  const { errors } = body as { errors?: { field: string }[] };
  return (errors ?? []).map(({ field }) => field);
}

/** What settlement does when it grants, as far as terms are concerned. */
async function grant(campaign: unknown): Promise<void> {
  await api.pool.query('update campaigns set settled_count = 1, granted_count = 1 where campaign_id = $1', [
    campaign,
  ]);
}

describe('coupon terms', () => {
  it('are created with a campaign or for one, and can be read', async () => {
    const made = await api.call('POST', '/v1/campaigns', {
      body: { ...coupon(), terms: { ...TEN_PERCENT, limit_total: 5 } },
    });
    assert.equal(made.status, 201, made.text);
    const { body } = await api.call('GET', `/v1/coupons/${made.body.coupon}`);
    assert.equal(body.campaign, made.body.id);
    assert.deepEqual(body.terms, {
      ...TEN_PERCENT,
      limit_total: 5,
      limit_per_user: 1,
      exclusive: false,
      stack_order: 0,
    });
    const campaign = await api.create();
    const later = await make({ campaign, terms: TEN_PERCENT });
    assert.equal(later.status, 201, later.text);
    assert.equal(later.headers.get('location'), `/v1/coupons/${later.body.id}`);
    assert.equal((await make({ campaign, terms: TEN_PERCENT })).status, 409);
    const list = await api.call('GET', `/v1/coupons?after=${made.body.coupon}`);
    assert.deepEqual(list.body.coupons, [later.body]);
    const again = { closes_at: inMs(3_600_000) };
    const twin = await api.call('POST', `/v1/campaigns/${made.body.id}/duplicate`, { body: again });
    const ofTwin = await api.call('GET', `/v1/coupons/${twin.body.coupon}`);
    assert.deepEqual([ofTwin.body.campaign, ofTwin.body.terms], [twin.body.id, body.terms]);
  });

  it('create no campaign that cannot have them', async () => {
    const { rows: before } = await api.pool.query('select count(*) from campaigns');
    await make({ code: 'ALONE', terms: { ...TEN_PERCENT, exclusive: true, stack_class: 'alone' } });
    const terms = { ...TEN_PERCENT, stackable_with: ['alone'] };
    const refused = await api.call('POST', '/v1/campaigns', { body: { ...coupon(), terms } });
    assert.equal(refused.status, 400);
    assert.deepEqual(fieldsOf(refused), ['terms.stackable_with']);
    const { rows } = await api.pool.query('select count(*) from campaigns');
    assert.deepEqual(rows, before);
    const raffle = { ...coupon(), kind: 'raffle', stock: undefined, winners: 1, terms: TEN_PERCENT };
    assert.deepEqual(fieldsOf(await api.call('POST', '/v1/campaigns', { body: raffle })), ['terms']);
  });

  it('name the invalid member when refused', async () => {
    const cases: readonly (readonly [object, readonly string[]])[] = [
      [{ terms: TEN_PERCENT }, ['campaign']],
      [{ campaign: 1, code: 'BOTH', terms: TEN_PERCENT }, ['code']],
      [{ code: 'lower', terms: TEN_PERCENT }, ['code']],
      [{ code: 'NONE' }, ['terms']],
      [{ code: 'WRONG', terms: [] }, ['terms']],
      [{ code: 'WRONG', terms: { discount: 'half' } }, ['terms.discount']],
      [{ code: 'WRONG', terms: { ...TEN_PERCENT, basis_points: 10_001 } }, ['terms.basis_points']],
      [{ code: 'WRONG', terms: { discount: 'fixed', amount: -5, currency: 'EUR' } }, ['terms.amount']],
      [{ code: 'WRONG', terms: { discount: 'fixed', amount: 2 ** 53, currency: 'EUR' } }, ['terms.amount']],
      [{ code: 'WRONG', terms: { discount: 'fixed', amount: 5, currency: 'XXY' } }, ['terms.currency']],
      [{ code: 'WRONG', terms: { ...TEN_PERCENT, limit: 5 } }, ['terms.limit']],
      [
        { code: 'WRONG', terms: { ...TEN_PERCENT, exclusive: true, stackable_with: ['a'] } },
        ['terms.stackable_with'],
      ],
    ];
    for (const [body, fields] of cases) {
      const refused = await make(body);
      assert.equal(refused.status, 400, JSON.stringify(body));
      assert.deepEqual(fieldsOf(refused), fields, refused.text);
    }
  });

  it('can change until the first hold, and gateways see the change', async () => {
    const { body: shared } = await make({ code: 'CHANGING', terms: TEN_PERCENT });
    const before = await readCouponNews(api.redis, api.keys, 0);
    const changed = await replace(shared.id, { discount: 'free_shipping' });
    assert.equal(changed.status, 200, changed.text);
    assert.equal(changed.body.version, 2);
    const news = await readCouponNews(api.redis, api.keys, before.version);
    assert.deepEqual([...news.changes.keys()], [shared.id]);
    assert.ok(news.version > before.version);

    const campaign = await api.create();
    const { body: granted } = await make({ campaign, terms: TEN_PERCENT });
    assert.equal((await replace(granted.id, { discount: 'free_shipping' })).status, 200);
    await grant(campaign);
    const refused = await replace(granted.id, TEN_PERCENT);
    assert.equal(refused.status, 409);
    assert.match(refused.text, /has granted coupons/);
    const late = await api.create();
    await grant(late);
    assert.match((await make({ campaign: late, terms: TEN_PERCENT })).text, /has already granted coupons/);
  });

  it('are not overwritten by an operator who has read others', async () => {
    const { body: made, headers } = await make({ code: 'SHARED', terms: TEN_PERCENT });
    const read = await api.call('GET', `/v1/coupons/${made.id}`);
    assert.deepEqual([headers.get('etag'), read.headers.get('etag')], ['"1"', '"1"']);
    const answers = await Promise.all(
      [2_000, 3_000].map(basis_points => replace(made.id, { ...TEN_PERCENT, basis_points }, '"1"')),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412]);
    const [done, refused] = answers[0]?.status === 200 ? answers : answers.toReversed();
    assert.deepEqual([done?.body.version, done?.headers.get('etag')], [2, '"2"']);
    assert.deepEqual([refused?.body.version, refused?.headers.get('etag')], [2, '"2"']);
    const late = await replace(made.id, TEN_PERCENT, '"1"');
    assert.equal(late.status, 412, late.text);
    const withoutMatch = await api.call('PUT', `/v1/coupons/${made.id}/terms`, { body: TEN_PERCENT });
    assert.equal(withoutMatch.status, 428, withoutMatch.text);
    assert.deepEqual((await api.call('GET', `/v1/coupons/${made.id}`)).body.terms, done?.body.terms);
  });

  it('may limit a coupon to fewer uses than its expired holds', async () => {
    const lapsed = 1_100;
    const { body: made } = await make({ code: 'LAPSED', terms: { ...TEN_PERCENT, limit_total: lapsed } });
    // Nobody has used the coupon since these holds ended.
    await api.pool.query(
      `with held as (
         insert into redemptions (user_id, state, basket, pricing, created_at, expires_at)
         select 'u' || n, 'held', '{}', '{}', now() - interval '2 min', now() - interval '1 min'
           from generate_series(1, $2) as n
         returning redemption_id, user_id, expires_at
       ), used as (
         insert into redemption_uses (redemption_id, coupon_id, code, user_id, held_until)
         select redemption_id, $1, 'LAPSED', user_id, expires_at from held
       )
       update coupons set used_count = $2 where coupon_id = $1`,
      [made.id, lapsed],
    );
    const changed = await replace(made.id, { ...TEN_PERCENT, limit_total: 1 });
    assert.equal(changed.status, 200, changed.text);
    assert.equal(changed.body.used, 0);
  });

  it("are refused when they contradict another coupon's, also for two created at once", async () => {
    const a = { ...TEN_PERCENT, stack_class: 'first', stackable_with: ['second'] };
    const b = { ...TEN_PERCENT, stack_class: 'second', stackable_with: ['third'] };
    const both = await Promise.all([make({ code: 'ONE', terms: a }), make({ code: 'TWO', terms: b })]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [201, 400]);
    const refused = both.find(({ status }) => status === 400);
    assert.ok(refused);
    assert.deepEqual(fieldsOf(refused), ['terms.stackable_with']);
    const code = both[0]?.status === 400 ? 'ONE' : 'TWO';
    const kept = code === 'ONE' ? b : a;
    // Naming the other's class while being named by it is allowed.
    const right = { ...TEN_PERCENT, stack_class: kept.stackable_with[0], stackable_with: [kept.stack_class] };
    assert.equal((await make({ code, terms: right })).status, 201);
  });

  it('are refused for a code that a campaign has granted', async () => {
    const campaign = await api.create();
    await api.pool.query(`insert into entries values ($1, 'ann', 1024)`, [campaign]);
    await api.pool.query(`insert into grants values ($1, 1, 'ann', 'AAAA-BBBB-CCCC-DDDD')`, [campaign]);
    assert.equal((await make({ code: 'AAAA-BBBB-CCCC-DDDD', terms: TEN_PERCENT })).status, 409);
  });
});
