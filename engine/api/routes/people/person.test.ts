/** What one person did in each campaign, and their redemptions: every part of the story, by page, over a real ledger and Redis. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { markRanks } from '../../../../sql/statements/campaigns/shelving.ts';
import { publishBoard } from '../../../contract/redis/board/board.ts';
import {
  beginProjection,
  finishProjection,
  takeProjection,
} from '../../../contract/redis/projection/projection.ts';
import { type Answer, EPOCH, inMs, startApi, type TestApi } from '../../testing/api.ts';
import { SLICE, storeSlice } from '../../testing/slices.ts';

const CAMPAIGNS = '/v1/people/campaigns';
const OPENS_AT = '2100-01-01T00:00:00.000Z';
/** Of the second entry. */
const STAMP = 2048;

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

async function ask(path: string, body: object): Promise<Answer['body']> {
  const answer = await api.call('POST', path, { body });
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
}

interface Page {
  readonly campaigns: readonly Record<string, unknown>[];
  readonly archived_elsewhere: number;
  readonly next: number | null;
}
async function campaignsOf(user: string, page: object = {}): Promise<Page> {
  return (await ask(CAMPAIGNS, { user, ...page })) as unknown as Page;
}

/** A campaign with the entries of these users, in this order. */
async function made(
  users: readonly string[],
  wanted: Readonly<Record<string, unknown>> = {},
): Promise<number> {
  const times = { opens_at: OPENS_AT, closes_at: '2100-01-02T00:00:00.000Z' };
  const id = await api.create({ ...times, ...wanted });
  await api.pool.query(
    'insert into entries select $1, name, 1024 * number from unnest($2::text[]) with ordinality u(name, number)',
    [id, users],
  );
  return id;
}

const NOTHING = {
  ...{ withdrawal: null, claim: null, offer: null, grant: null, passed_on: null, terms: null, visit: null },
};

describe("a person's campaigns", () => {
  it('show the entry, with the outcome and where its receipt leads', async () => {
    const id = await made(['first', 'ann', 'last']);
    await storeSlice(api.pool, id, ['first', 'ann', 'last']);
    await api.pool.query(
      'update campaigns set settled_stamp = 3072, settled_count = 3 where campaign_id = $1',
      [id],
    );
    assert.deepEqual((await campaignsOf('ann')).campaigns, [
      {
        ...{ campaign: id, kind: 'coupon', title: 'Half price', archive: null },
        entry: {
          ...{ stamp: STAMP, requested_at: '2100-01-01T00:00:00.000002Z', position: null },
          ...{ outcome: 'sold_out', claim_by: null, ended_at: null },
          receipt: { ...SLICE, slice: 8, leaf: 1 },
        },
        ...NOTHING,
      },
    ]);
  });

  it('find the slice among many that overlap, as with trusted proxies', async () => {
    const [id, other] = [await made(['first', 'max']), await made(['first'])];
    // They end earlier, so they are looked at first.
    for (let number = 100; number < 106; number++) await storeSlice(api.pool, other, ['a', 'b', 'c'], number);
    await storeSlice(api.pool, id, ['first', 'max', 'third', 'fourth'], 106);
    const [max] = (await campaignsOf('max')).campaigns;
    assert.deepEqual(Object(max?.entry).receipt, { ...SLICE, slice: 106, leaf: 1 });
  });

  it('show the position once it is final, and none while Redis does not tell it', async () => {
    const id = await made(['first', 'bea']);
    const keys = api.keys.campaign(id);
    const position = async () => Object((await campaignsOf('bea')).campaigns[0]?.entry).position;
    assert.equal(await position(), null, 'not in Redis');
    await beginProjection(api.redis, keys, EPOCH, 'nobody');
    await takeProjection(api.redis, keys, { epoch: EPOCH, maker: 'one', by: 'one/1' }, 60_000);
    await api.redis.zadd(keys.rank, 1024, 'first', STAMP, 'bea');
    assert.equal(await position(), null, 'being rebuilt');
    assert.ok(await finishProjection(api.redis, keys, 'one/1', '0'));
    assert.equal(await position(), null, 'an earlier stamp may still come');
    const rankedUs = Date.parse(OPENS_AT) * 1000 + 2;
    await publishBoard(api.redis, api.keys, EPOCH, { campaigns: [], rankedUs });
    assert.equal(await position(), 2);
    await api.redis.zadd(keys.rank, 4096, 'bea');
    assert.equal(await position(), null, 'Redis has another stamp than the ledger');
  });

  it('show the position in a shelved campaign by the ledger alone', async () => {
    const users = Array.from({ length: 2_500 }, (_, index) => `user ${index}`);
    const id = await made(users);
    await api.pool.query(
      `update campaigns set settled_stamp = 2560000, settled_count = 2500, frozen_at = now(), finished_at = now()
        where campaign_id = $1`,
      [id],
    );
    await markRanks(api.pool, id, 10);
    await api.pool.query('update campaigns set shelved_at = now() where campaign_id = $1', [id]);
    for (const index of [0, 1, 1_023, 1_024, 2_499]) {
      const { campaigns } = await campaignsOf(`user ${index}`);
      assert.equal(Object(campaigns[0]?.entry).position, index + 1);
    }
  });

  it('show a withdrawal, also of somebody without an entry', async () => {
    const id = await made(['cleo']);
    await api.pool.query(
      `insert into withdrawals values ($1, 'cleo', 4096, true, 1), ($1, 'dan', 4096, null, null)`,
      [id],
    );
    const [cleo] = (await campaignsOf('cleo')).campaigns;
    assert.equal(Object(cleo?.entry).outcome, 'withdrawn');
    const withdrawal = { stamp: 4096, requested_at: '2100-01-01T00:00:00.000004Z' };
    assert.deepEqual(cleo?.withdrawal, { ...withdrawal, honoured: true });
    const [dan] = (await campaignsOf('dan')).campaigns;
    assert.deepEqual([dan?.entry, dan?.withdrawal], [null, { ...withdrawal, honoured: null }]);
  });

  it('show what was offered, claimed and passed on', async () => {
    const id = await made(['eva', 'fay'], { stock: 1, waitlist: 1, claim_within_s: 3_600 });
    const offeredUs = Date.parse(OPENS_AT) * 1000 + 10_000_000;
    const deadlineUs = offeredUs + 3_600_000_000;
    await api.pool.query(`insert into grants values ($1, 1, 'eva', 'CODE-EVA', '2100-01-01T00:00:10Z')`, [
      id,
    ]);
    await api.pool.query(
      `insert into claimants (campaign_id, number, user_id, waitlist_position, state, serial, offered_us, claim_by_us, ended_us, ended_early)
       values ($1, 1, 'eva', null, 'lapsed', 1, $2, $3, $3, 'did not answer'), ($1, 2, 'fay', 1, 'claimed', 1, $2, $3, $2 + 5000000, null)`,
      [id, offeredUs, deadlineUs],
    );
    await api.pool.query(`insert into alternates values ($1, 1, 'fay')`, [id]);
    await api.pool.query(
      `insert into passed_on values ($1, 1, 1, 'eva', 'did not answer', '2100-01-01T01:00:10Z')`,
      [id],
    );
    await api.pool.query(`update grants set user_id = 'fay', code = 'CODE-FAY' where campaign_id = $1`, [id]);
    await api.pool.query(`insert into claims values ($1, 'fay', 15360, true)`, [id]);
    const [eva] = (await campaignsOf('eva')).campaigns;
    const offer = { serial: 1, offered_at: '2100-01-01T00:00:10.000000Z' };
    assert.deepEqual(
      [eva?.offer, eva?.grant, eva?.passed_on, Object(eva?.entry).outcome],
      [
        { state: 'lapsed', waitlist_position: null, ended_early: 'did not answer', ...offer },
        null,
        { serial: 1, reason: 'did not answer', at: '2100-01-01T01:00:10.000Z' },
        'lapsed',
      ],
    );
    assert.equal(Object(eva?.entry).claim_by, '2100-01-01T01:00:10.000000Z');
    const [fay] = (await campaignsOf('fay')).campaigns;
    assert.deepEqual(
      [fay?.offer, fay?.claim, fay?.passed_on, Object(fay?.entry).outcome, Object(fay?.entry).ended_at],
      [
        { state: 'claimed', waitlist_position: 1, ended_early: null, ...offer },
        { stamp: 15_360, requested_at: '2100-01-01T00:00:00.000015Z', decided: true },
        null,
        'granted',
        '2100-01-01T00:00:15.000000Z',
      ],
    );
    assert.deepEqual(fay?.grant, {
      serial: 1,
      code: 'CODE-FAY',
      tier: null,
      granted_at: '2100-01-01T00:00:10.000Z',
    });
  });

  it('show the terms of a raffle, and no prize while its drawing is written', async () => {
    const id = await made(['gil'], { kind: 'raffle', stock: undefined, winners: 1 });
    await api.pool.query(
      `insert into entrant_terms values ($1, 'gil', 3, 'table 1', null), ($1, 'hal', 1, null, 'works here')`,
      [id],
    );
    await api.pool.query(
      `insert into grants (campaign_id, serial, user_id, code, tier) values ($1, 1, 'gil', 'CODE-GIL', 0)`,
      [id],
    );
    const [gil] = (await campaignsOf('gil')).campaigns;
    assert.deepEqual([gil?.terms, gil?.grant], [{ tickets: 3, group: 'table 1', excluded: null }, null]);
    const [hal] = (await campaignsOf('hal')).campaigns;
    assert.deepEqual([hal?.terms, hal?.entry], [{ tickets: 1, group: null, excluded: 'works here' }, null]);
    await api.pool.query(
      'update campaigns set granted_count = 1, settled_count = 1, settled_stamp = 1024 where campaign_id = $1',
      [id],
    );
    const [won] = (await campaignsOf('gil')).campaigns;
    assert.equal(Object(won?.grant).tier, 0);
    assert.equal(Object(won?.entry).outcome, 'won');
  });

  it('show the visit of a room', async () => {
    const id = await made(['ida'], { kind: 'room', stock: undefined, per_second: 10 });
    await api.pool.query(`insert into grants values ($1, 1, 'ida', 'PASS-IDA', now())`, [id]);
    await api.pool.query(
      `insert into room_people (campaign_id, user_id, stamp, state, absent_since_ms, serial, admitted_us)
       values ($1, 'ida', 1024, 'inside', 1, 1, $2)`,
      [id, Date.parse(OPENS_AT) * 1000],
    );
    const [ida] = (await campaignsOf('ida')).campaigns;
    assert.deepEqual(ida?.visit, { state: 'inside', admitted_at: '2100-01-01T00:00:00.000000Z' });
    assert.equal(Object(ida?.entry).outcome, 'admitted');
  });

  it('come by page, with archived ones if they are asked for', async () => {
    const ids: number[] = [];
    for (let index = 0; index < 5; index++) ids.push(await made([index === 2 ? 'somebody' : 'jo']));
    const [first, second, archived, , last] = ids;
    for (const id of [second, archived])
      await api.pool.query(
        `insert into archives (campaign_id, file, sha256, counts, totals) values ($1::integer, 'campaign-' || $1, sha256(''), '{}', '{}')`,
        [id],
      );
    const read = async (page: object) => {
      const { campaigns, next, archived_elsewhere: elsewhere } = await campaignsOf('jo', page);
      return { ids: campaigns.map(({ campaign }) => campaign), next, elsewhere };
    };
    const begin = Number(first) - 1;
    const one = await read({ after: begin, limit: 2 });
    assert.deepEqual(one.ids, [first, second]);
    const two = await read({ after: one.next, limit: 2 });
    assert.deepEqual([two.ids, two.next], [ids.slice(3), null]);
    assert.equal(one.elsewhere + two.elsewhere, 1, 'the archived one is counted once');
    const all = await campaignsOf('jo', { after: begin, archived: true });
    assert.deepEqual(
      all.campaigns.map(({ campaign, archive, entry }) => [campaign, archive, entry !== null]),
      ids.map(id => {
        const isArchived = id === second || id === archived;
        return [id, isArchived ? `campaign-${id}` : null, id !== archived];
      }),
    );
    assert.equal(all.archived_elsewhere, 0);
    assert.deepEqual((await read({ after: last })).ids, []);
    for (const limit of [0, 101, '1'])
      assert.equal((await api.call('POST', CAMPAIGNS, { body: { user: 'jo', limit } })).status, 400);
  });

  it('are looked through 2,000 at a time', async () => {
    const { rows } = await api.pool.query<{ first: number; last: number }>(
      `with made as (
         insert into campaigns (kind, title, places, opens_at, closes_at, made_by)
         select 'coupon', 'one of many', 1, $1, $2, 'test' from generate_series(1, 2001) returning campaign_id)
       select min(campaign_id) as first, max(campaign_id) as last from made`,
      [inMs(1_000_000), inMs(2_000_000)],
    );
    const [{ first, last } = { first: 0, last: 0 }] = rows;
    await api.pool.query(`insert into entries values ($1, 'kim', 1024)`, [last]);
    const empty = await campaignsOf('kim', { after: first - 1 });
    assert.deepEqual([empty.campaigns, empty.next], [[], last - 1]);
    const found = await campaignsOf('kim', { after: empty.next });
    assert.deepEqual([found.campaigns.map(({ campaign }) => campaign), found.next], [[last], null]);
  });
});

describe("a person's redemptions", () => {
  it('come by page, with their refunds', async () => {
    await api.pool.query(
      `with made as (
         insert into redemptions (user_id, state, basket, pricing, created_at, redeemed_at)
         select case when n = 2 then 'other' else 'lee' end, 'redeemed', '{"currency":"EUR"}', '{"total":900}', now(), now()
           from generate_series(1, 3) n returning redemption_id, user_id)
       insert into refunds select redemption_id, n, json_build_object('amount', n)::text, '2030-01-01T00:00:00Z'
         from made, generate_series(1, 22) n where redemption_id = (select min(redemption_id) from made)`,
    );
    const read = (page: object) => ask('/v1/people/redemptions', { user: 'lee', ...page });
    const one = await read({ limit: 1 });
    assert.ok(Array.isArray(one.redemptions));
    const [{ refunded, refunds, user }] = one.redemptions;
    assert.deepEqual([user, refunded], ['lee', (22 * 23) / 2]);
    assert.deepEqual(
      refunds.map(({ amount }: { amount: number }) => amount),
      Array.from({ length: 20 }, (_, index) => index + 3),
    );
    assert.equal(refunds[0].at, '2030-01-01T00:00:00.000Z');
    const two = await read({ limit: 1, after: one.next });
    assert.ok(Array.isArray(two.redemptions));
    assert.deepEqual([two.redemptions.map(each => each.refunds), two.next], [[[]], null]);
  });
});
