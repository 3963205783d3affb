/** Finding people and reading about them, over a real ledger and HTTP: what each search finds, who may, and what no log says. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { openPool } from '../../../../sql/database.ts';
import { listActs } from '../../../../sql/statements/operators/operator-log.ts';
import { emptyDatabase } from '../../../test/support.ts';
import { type Answer, startApi, type TestApi } from '../../testing/api.ts';
import { addFan, GRACE, SESSION_TOKEN } from '../../testing/fans.ts';
import { storeSlice } from '../../testing/slices.ts';

const SEARCH = '/v1/people/search';
const PATHS = [SEARCH, '/v1/people/account', '/v1/people/campaigns', '/v1/people/redemptions'] as const;
/** With characters that JSON, URLs and SQL treat in their own ways. */
const NOBODY = `nobody/"'%?`;

const lines: string[] = [];
const log = pino({ level: 'trace' }, { write: line => void lines.push(line) });
let api: TestApi;
before(async () => {
  api = await startApi({ log });
});
after(() => api.close());

async function ask(path: string, body: object): Promise<Answer['body']> {
  const answer = await api.call('POST', path, { body });
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
}

/** The user ids that a search finds. */
async function find(body: object): Promise<unknown[]> {
  const { people } = await ask(SEARCH, body);
  assert.ok(Array.isArray(people));
  return people.map(({ user }) => user);
}

async function refusedField(body: object, path: string = SEARCH): Promise<unknown> {
  const answer = await api.call('POST', path, { body });
  assert.equal(answer.status, 400, answer.text);
  return Object(answer.body.errors)[0].field;
}

async function enter(campaignId: number, ...users: readonly string[]): Promise<void> {
  await api.pool.query(
    'insert into entries select $1, name, 1024 * number from unnest($2::text[]) with ordinality u(name, number)',
    [campaignId, users],
  );
}

describe('a search', () => {
  it('by user id finds who is in any campaign, has an account, a block or a redemption', async () => {
    const id = await api.create();
    await enter(id, 'shop:ann/1', 'Ann');
    await api.call('POST', '/v1/blocks', { body: { user: 'only-blocked', reason: 'A script' } });
    await api.pool.query(
      `insert into redemptions (user_id, state, basket, pricing, created_at, redeemed_at)
       values ('only-bought', 'redeemed', '{"currency":"EUR"}', '{"total":900}', now(), now())`,
    );
    await api.pool.query(`insert into withdrawals values ($1, 'only-left', 1, null)`, [id]);
    const fan = await addFan(api.pool, 'grace.id@example.com');
    for (const user of ['shop:ann/1', 'only-blocked', 'only-bought', 'only-left', fan])
      assert.deepEqual(await find({ user }), [user]);
    for (const user of ['ann', 'shop:ann', NOBODY]) assert.deepEqual(await find({ user }), []);
  });

  it('by address finds the built-in account in any letter case, and with a plus another one', async () => {
    const grace = await addFan(api.pool, GRACE);
    const plus = await addFan(api.pool, 'grace.hopper+drop@example.com');
    const found = await ask(SEARCH, { address: 'Grace.Hopper@EXAMPLE.com' });
    assert.deepEqual(found.people, [{ user: grace, account: 'built_in', grant: null }]);
    assert.deepEqual(await find({ address: 'GRACE.HOPPER+Drop@example.com' }), [plus]);
    assert.deepEqual(await find({ address: 'grace.hopper+other@example.com' }), []);
  });

  it('finds a deleted account by its id alone, if it has entered', async () => {
    const address = 'gone@example.com';
    const gone = await addFan(api.pool, address);
    await enter(await api.create(), gone);
    await api.pool.query('delete from fans where id = $1', [gone]);
    assert.deepEqual(await find({ address }), []);
    const { people } = await ask(SEARCH, { user: gone });
    assert.deepEqual(people, [{ user: gone, account: 'none', grant: null }]);
    const { account, sessions, block } = await ask('/v1/people/account', { user: gone });
    assert.deepEqual({ account, sessions, block }, { account: null, sessions: [], block: null });
  });

  it('by code finds who was granted it, in any letter case, and of a shared code the coupon', async () => {
    const id = await api.create();
    await enter(id, 'carl');
    await api.pool.query(`insert into grants values ($1, 1, 'carl', '7ZK4-0QXM-B2TD-9VHA', now())`, [id]);
    const grant = { campaign: id, serial: 1, holds: true };
    for (const code of ['7ZK4-0QXM-B2TD-9VHA', '7zk4-0qxm-b2td-9vha']) {
      const { people, coupon } = await ask(SEARCH, { code });
      assert.deepEqual(
        { people, coupon },
        { people: [{ user: 'carl', account: 'none', grant }], coupon: null },
      );
    }
    const terms = { discount: 'percentage', basis_points: 1_000 };
    const made = await api.call('POST', '/v1/coupons', { body: { code: 'EVERYBODY', terms } });
    const shared = await ask(SEARCH, { code: 'everybody' });
    assert.deepEqual([shared.people, shared.coupon], [[], made.body.id]);
    const none = await ask(SEARCH, { code: '7ZK4-0QXM-B2TD-9VHB' });
    assert.deepEqual([none.people, none.coupon], [[], null]);
  });

  it('by serial finds who has it and who had it, and needs the campaign', async () => {
    const id = await api.create({ kind: 'raffle', stock: undefined, winners: 1, alternates: 2 });
    await enter(id, 'dora', 'emil', 'finn');
    await api.pool.query(
      `with granted as (insert into grants values ($1, 1, 'dora', 'RAFF-LE01', now())),
            others as (insert into alternates values ($1, 1, 'emil'), ($1, 2, 'finn'))
       update campaigns set granted_count = 1, settled_count = 1, settled_stamp = 1024 where campaign_id = $1`,
      [id],
    );
    for (const [position, from, to] of [
      [1, 'dora', 'emil'],
      [2, 'emil', 'finn'],
    ] as const) {
      await api.pool.query(
        `insert into passed_on (campaign_id, waitlist_position, serial, user_id, reason) values ($1, $2, 1, $3, 'no answer')`,
        [id, position, from],
      );
      await api.pool.query('update grants set user_id = $2, code = $2 where campaign_id = $1', [id, to]);
    }
    const { people } = await ask(SEARCH, { campaign: id, serial: 1 });
    assert.ok(Array.isArray(people));
    assert.deepEqual(
      people.map(({ user, grant }) => [user, grant.holds]),
      [
        ['finn', true],
        ['emil', false],
        ['dora', false],
      ],
    );
    assert.deepEqual(await find({ campaign: id, serial: 2 }), []);
    await api.pool.query(
      `with entered as (insert into entries select $1, 'held ' || n, 1000000 + n from generate_series(3, 50) n),
            others as (insert into alternates select $1, n, 'held ' || n from generate_series(3, 50) n)
       select 1`,
      [id],
    );
    const passOn = `insert into passed_on select $1, n, 1, 'held ' || n, 'no answer' from generate_series($2::integer, $3) n`;
    const counted = async () => {
      const found = await ask(SEARCH, { campaign: id, serial: 1 });
      return [Array.isArray(found.people) && found.people.length, found.more];
    };
    await api.pool.query(passOn, [id, 3, 49]);
    assert.deepEqual(await counted(), [50, false]);
    await api.pool.query(passOn, [id, 50, 50]);
    assert.deepEqual(await counted(), [50, true]);
    assert.equal(await refusedField({ serial: 1 }), 'campaign');
    assert.equal(await refusedField({ campaign: id }), 'campaign');
    const nowhere = await api.call('POST', SEARCH, { body: { campaign: 99_999, serial: 1 } });
    assert.equal(nowhere.status, 404);
    assert.equal(Object(nowhere.body.errors)[0].field, 'campaign');
  });

  it('by receipt finds whose it is, and tells one that was changed', async () => {
    const id = await api.create();
    const users = ['gina', 'hugo', 'ivan'];
    await enter(id, ...users);
    const { receipts } = await storeSlice(api.pool, id, users);
    const [, hugo, ivan] = receipts;
    assert.ok(hugo !== undefined && ivan !== undefined);
    const proven = await ask(SEARCH, { receipt: hugo });
    assert.deepEqual(
      [proven.people, proven.receipt],
      [[{ user: 'hugo', account: 'none', grant: null }], 'proven'],
    );
    // Whose entry it is, and still not their receipt: everything a receipt says is checked.
    for (const change of [
      { salt: ivan.salt },
      { path: ivan.path },
      { leaf: ivan.leaf },
      { stamp: ivan.stamp },
      { kind: 2 },
      { source: 1 },
      { campaign: id + 1 },
      { head: flipped(hugo.head) },
    ]) {
      const forged = await ask(SEARCH, { receipt: { ...hugo, ...change } });
      assert.deepEqual([forged.people, forged.receipt], [[], 'forged'], JSON.stringify(change));
    }
    await api.pool.query('update slices set slice_number = 99 where slice_number = 8');
    assert.equal((await ask(SEARCH, { receipt: hugo })).receipt, 'unknown');
    await api.pool.query('update slices set slice_number = 8 where slice_number = 99');
    assert.equal(await refusedField({ receipt: { ...hugo, head: 'A'.repeat(256) } }), 'receipt.head');
    assert.equal(await refusedField({ receipt: { ...hugo, salt: 'short' } }), 'receipt.salt');
    assert.equal(await refusedField({ receipt: 'a receipt' }), 'receipt');
  });

  it('by the receipt of an archived slice finds who stayed, and else names the file', async () => {
    const id = await api.create();
    await enter(id, 'jane', 'karl');
    const { receipts } = await storeSlice(api.pool, id, ['jane', 'karl'], 9);
    await api.pool.query('update slices set items = null where slice_number = 9');
    await api.pool.query(`delete from entries where campaign_id = $1 and user_id = 'karl'`, [id]);
    await addArchive(id);
    assert.deepEqual(await find({ receipt: receipts[0] }), ['jane']);
    const { people, receipt, archive } = await ask(SEARCH, { receipt: receipts[1] });
    assert.deepEqual([people, receipt, archive], [[], 'archived', `campaign-${id}.archive.ndjson.gz`]);
  });

  it('is by exactly one thing', async () => {
    const { receipts } = await storeSlice(api.pool, await api.create(), ['lena'], 10);
    const all = { user: 'ann', address: GRACE, code: 'SUMMER', serial: 1, receipt: receipts[0] };
    const keys = Object.keys(all) as (keyof typeof all)[];
    for (const [index, one] of keys.entries()) {
      for (const other of keys.slice(index + 1))
        assert.equal(await refusedField({ [one]: all[one], [other]: all[other] }), other);
    }
    assert.equal(await refusedField({ user: 'ann', campaign: 1 }), 'campaign');
    assert.equal(await refusedField({}), 'user');
    assert.equal(await refusedField({ email: GRACE }), 'email');
    // 64 characters, 192 bytes.
    for (const path of PATHS) assert.equal(await refusedField({ user: '가'.repeat(64) }, path), 'user');
  });
});

function flipped(base64url: string): string {
  const bytes = Buffer.from(base64url, 'base64url');
  bytes.writeUInt8(bytes.readUInt8(150) ^ 1, 150);
  return bytes.toString('base64url');
}

async function addArchive(campaignId: number): Promise<void> {
  await api.pool.query(
    `insert into archives (campaign_id, file, sha256, counts, totals) values ($1, $2, sha256(''), '{}', '{}')`,
    [campaignId, `campaign-${campaignId}.archive.ndjson.gz`],
  );
}

describe('what is read about a person', () => {
  it('is the account, with its valid sessions and block, and without tokens', async () => {
    const user = await addFan(api.pool, 'lou@example.com', { sessions: 2 });
    await api.call('POST', '/v1/blocks', { body: { user, reason: 'A script' } });
    const answer = await api.call('POST', '/v1/people/account', { body: { user } });
    assert.ok(!answer.text.includes(SESSION_TOKEN), answer.text);
    const { account, sessions, block } = answer.body;
    const { created_at: at, ...rest } = Object(account);
    assert.match(at, /^\d{4}-.*Z$/);
    assert.deepEqual(rest, { kept_by: 'fairline', address: 'lou@example.com', verified: true, locale: 'en' });
    assert.ok(Array.isArray(sessions));
    assert.deepEqual(
      sessions.map(({ network, user_agent }) => [network, user_agent]),
      [
        ['203.0.113.0', 'agent 2'],
        ['203.0.113.0', 'agent 1'],
      ],
    );
    assert.equal(Object(block).reason, 'A script');
    await api.pool.query('update fans set credential_version = gen_random_uuid() where id = $1', [user]);
    assert.deepEqual((await ask('/v1/people/account', { user })).sessions, [], 'ended by a new password');
    assert.equal((await ask('/v1/people/account', { user: NOBODY })).account, null);
  });
});

describe('rights', () => {
  it('are of editors and owners: others read nothing about a person', async () => {
    const before = (await listActs(api.pool, { after: 0, limit: 1_000 })).length;
    for (const [name, role, status] of [
      ['Vera', 'viewer', 403],
      ['Dan', 'drawer', 403],
      ['Eve', 'editor', 200],
      ['Olga', 'owner', 200],
    ] as const) {
      const token = await api.tokenOf(name, role);
      for (const path of PATHS) {
        const answer = await api.call('POST', path, { token, body: { user: 'ann' } });
        assert.equal(answer.status, status, answer.text);
        if (status === 403) assert.deepEqual(answer.body.roles, ['editor', 'owner']);
      }
    }
    const acts = (await listActs(api.pool, { after: 0, limit: 1_000 })).slice(before);
    const reads = acts.filter(({ action }) => action !== 'createToken');
    assert.deepEqual(
      reads.slice(0, 4).map(({ operator, action, target, details }) => [operator, action, target, details]),
      [
        ['Eve', 'findPeople', 'people', '{"by":"user","found":0}'],
        ['Eve', 'readPerson', 'people', '{"account":false,"sessions":0}'],
        ['Eve', 'listPersonCampaigns', 'people', '{"campaigns":0}'],
        ['Eve', 'listPersonRedemptions', 'people', '{"redemptions":0}'],
      ],
    );
    assert.equal(reads.length, 8);
  });
});

describe('an address', () => {
  it('is in no log: not when it is found, unknown, wrong, beside another thing, or when the ledger fails', async () => {
    const secret = 'nobody.must.read.this';
    const empty = await emptyDatabase();
    const pool = openPool(empty.url, { max: 2, applicationName: 'test', onError: () => undefined });
    const broken = await startApi({ log, pool });
    try {
      const user = await addFan(api.pool, `${secret}@example.com`);
      const from = lines.length;
      for (const [on, body, status] of [
        [api, { address: `${secret}@example.com` }, 200],
        [api, { address: `${secret}+1@example.com` }, 200],
        [api, { address: `${secret}@` }, 400],
        [api, { address: `${secret} @example.com` }, 400],
        [api, { user: 'ann', address: `${secret}@example.com` }, 400],
        [broken, { address: `${secret}@example.com` }, 500],
        [broken, { user }, 500],
      ] as const) {
        const answer = await on.call('POST', SEARCH, { body });
        assert.equal(answer.status, status, answer.text);
        assert.ok(!answer.text.includes(secret), answer.text);
      }
      const account = await api.call('POST', '/v1/people/account', { body: { user } });
      assert.ok(account.text.includes(secret), 'it is shown to who reads the account');
      const written = lines.slice(from).join('');
      assert.ok(written.includes('Unexpected error'), 'the failure is logged');
      const { rows } = await api.pool.query<{ text: string }>('select l::text as text from operator_log l');
      assert.ok(rows.some(({ text }) => text.includes('findPeople')));
      for (const text of [written, ...rows.map(row => row.text)]) {
        assert.ok(!text.includes(secret), text);
        assert.ok(!text.includes(user), text);
      }
    } finally {
      await broken.close();
      await pool.end();
      await empty.drop();
    }
  });
});
