/**
 * Compares the OpenAPI document with real answers: each documented answer is produced, each produced answer is documented, and
 * its body matches the document.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { TSchema } from 'typebox';
import Value from 'typebox/value';
import { openPool } from '../../../sql/database.ts';
import { readTotals } from '../../../sql/statements/entries/outcomes.ts';
import { insertDeadLetters } from '../../../sql/statements/progress/dead-letters.ts';
import { ProblemDocument } from '../../contract/api/problem.ts';
import { problemExample, withoutValues } from '../../test/openapi.ts';
import { emptyDatabase } from '../../test/support.ts';
import { MAX_EXPORTS } from '../routes/entry-routes.ts';
import { type Answer, type Call, coupon, inMs, joinBoard, startApi, type TestApi } from '../testing/api.ts';
import { settle } from '../testing/settle.ts';

interface Response {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content: Readonly<Record<string, { readonly schema?: TSchema }>>;
}
interface Document {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Response>> }>>>
  >;
}

const api = await startApi();
const document = JSON.parse((await api.call('GET', '/openapi.json')).text) as Document;

const empty = await emptyDatabase();
const emptyPool = openPool(empty.url, { max: 2, applicationName: 'test', onError: () => undefined });
/** An API whose database has no tables. */
const broken = await startApi({ pool: emptyPool });
const awayPool = openPool('postgres://nobody@127.0.0.1:1/none', {
  max: 1,
  applicationName: 'test',
  onError: () => undefined,
});
/** An API whose database is away and which is not ready. */
const unavailableApi = await startApi({
  pool: awayPool,
  ready: () => ({ ok: false, checks: { postgres: 'no answer', redis: 'ok' } }),
});
after(async () => {
  for (const each of [api, broken, unavailableApi]) await each.close();
  for (const pool of [emptyPool, awayPool]) await pool.end();
  await empty.drop();
});

const given = new Set<string>();
/** The problems that were answered, by operation, status and type, without what differs from request to request. */
const problemsGiven = new Map<string, unknown[]>();

/** Calls an operation and checks the answer against the document. `path` is a path of the document; `{id}` becomes `id`. */
async function call(
  on: TestApi,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH',
  path: string,
  options: Call & { readonly id?: number | string; readonly query?: string } = {},
): Promise<Answer> {
  const answer = await on.call(
    method,
    path.replace('{id}', String(options.id ?? 1)) + (options.query ?? ''),
    options,
  );
  const name = `${method} ${path} ${answer.status}`;
  const response = document.paths[path]?.[method.toLowerCase()]?.responses[answer.status];
  assert.ok(response, `${name} is not documented: ${answer.text}`);
  const content = response.content[answer.mediaType];
  assert.ok(content, `${name} is not documented as ${answer.mediaType}`);
  if (answer.mediaType === 'application/problem+json') {
    assert.ok(Value.Check(ProblemDocument, answer.body), answer.text);
    assert.equal(answer.body.status, answer.status);
    const problem = `${name} ${answer.body.type}`;
    given.add(problem);
    problemsGiven.set(problem, [...(problemsGiven.get(problem) ?? []), withoutValues(answer.body)]);
  } else if (content.schema !== undefined) {
    const faults = Value.Errors(content.schema, answer.body);
    assert.deepEqual([...faults], [], `${name}: ${answer.text}`);
  }
  for (const header of Object.keys(response.headers ?? {})) assert.ok(answer.headers.has(header), header);
  given.add(`${name} ${answer.mediaType}`);
  return answer;
}

/** Every documented answer, each problem by its type. */
function documented(): string[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) =>
      Object.entries(responses).flatMap(([status, response]) => {
        const name = `${method.toUpperCase()} ${path} ${status}`;
        const types =
          String(Reflect.get(response, 'description')).match(/urn:fairline:problem:[a-z-]+/g) ?? [];
        return [...types, ...Object.keys(response.content)].map(what => `${name} ${what}`);
      }),
    ),
  );
}

const ARCHIVE = 'campaign-1.archive.ndjson.gz';
const CAMPAIGN = '/v1/campaigns/{id}';
const campaignPaths = [
  ['GET', CAMPAIGN],
  ['POST', `${CAMPAIGN}/close`],
  ['GET', `${CAMPAIGN}/entries`],
  ['GET', `${CAMPAIGN}/entries.csv`],
  ['GET', `${CAMPAIGN}/totals`],
  ['GET', `${CAMPAIGN}/entrants`],
  ['GET', `${CAMPAIGN}/versions`],
] as const;
/** Operations that require a body or a campaign in a certain state, with a valid body. */
const drawPaths = [
  ['PUT', `${CAMPAIGN}/entrants`, [{ user: 'ann' }]],
  ['POST', `${CAMPAIGN}/alternates/next`, { serial: 1, reason: 'did not answer' }],
  ['POST', `${CAMPAIGN}/deadlines`, { serial: 1, holder: 'ann', claim_by: '2100-01-01T00:00:00Z' }],
  ['GET', `${CAMPAIGN}/proof`, undefined],
] as const;
/** Changes that need a precondition, with a valid body. */
const changePaths = [
  ['PATCH', CAMPAIGN, { title: 'Two thirds' }],
  ['POST', `${CAMPAIGN}/announce`, {}],
  ['POST', `${CAMPAIGN}/pause`, {}],
  ['POST', `${CAMPAIGN}/resume`, {}],
  ['POST', `${CAMPAIGN}/cancel`, {}],
  ['POST', `${CAMPAIGN}/archive`, {}],
] as const;
const TEMPLATE = '/v1/templates/{id}';
const template = { name: 'Fridays', campaign: { kind: 'coupon', title: 'Friday', stock: 7 } };
const again = (): object => ({ opens_at: inMs(60_000), closes_at: inMs(120_000) });
const roomPaths = [
  ['GET', `${CAMPAIGN}/room`, undefined],
  ['PUT', `${CAMPAIGN}/room`, { per_second: 5 }],
] as const;
const COUPON = '/v1/coupons/{id}';
const TEN_PERCENT = { discount: 'percentage', basis_points: 1_000 };
const couponPaths = [
  ['POST', '/v1/coupons', { code: 'SPRING', terms: TEN_PERCENT }],
  ['GET', '/v1/coupons', undefined],
  ['GET', COUPON, undefined],
  ['PUT', `${COUPON}/terms`, TEN_PERCENT],
] as const;
const TRUST = { right: 'redis', ahead_of: 'postgres', ahead_ms: 120_000 };
const clockPaths = [
  ['GET', '/v1/clocks', undefined],
  ['POST', '/v1/clocks/trust', TRUST],
] as const;
const TOKEN_PATH = '/v1/tokens/{id}';
const NEW_TOKEN = { name: 'Ann', role: 'viewer' };
const tokenPaths = [
  ['GET', '/v1/tokens', undefined],
  ['POST', '/v1/tokens', NEW_TOKEN],
  ['GET', TOKEN_PATH, undefined],
  ['POST', `${TOKEN_PATH}/revoke`, undefined],
] as const;
const bodies = [
  ...[...drawPaths, ...changePaths, ...roomPaths, ...couponPaths, ...clockPaths],
  ...tokenPaths,
] as const;
/** Operations that create something, with a valid body. */
const makePaths = [
  ['POST', '/v1/campaigns', coupon],
  ['POST', `${CAMPAIGN}/duplicate`, again],
  ['POST', '/v1/templates', () => template],
  ['POST', `${TEMPLATE}/campaigns`, again],
] as const;
const logPaths = [
  ['GET', '/v1/operator-log'],
  ['GET', '/v1/operator-log.ndjson'],
] as const;
const securedPaths = [
  ['GET', '/v1/campaigns'],
  ['GET', '/v1/dead-letters'],
  ['GET', '/v1/schedule'],
  ['GET', '/v1/templates'],
  ['GET', TEMPLATE],
  ...logPaths,
  ...makePaths.map(([method, path]) => [method, path] as const),
  ...campaignPaths,
  ...bodies.map(([method, path]) => [method, path] as const),
] as const;

/** A coupon that ann has to claim and bob is waitlisted for. */
async function offeredCoupon(): Promise<number> {
  const id = await api.create({ stock: 1, waitlist: 1, claim_within_s: 3_600 });
  await api.pool.query(`insert into entries values ($1, 'ann', 1024), ($1, 'bob', 2048)`, [id]);
  const nowUs = Date.now() * 1_000 + 1_000_000;
  await settle(api, id, nowUs, { throughUs: nowUs, outageUs: 0 });
  return id;
}

/** A drawn raffle: bob has won, and cid is the only alternate. */
async function drawnRaffle(): Promise<number> {
  const { body } = await api.call('POST', '/v1/campaigns', {
    body: { kind: 'raffle', title: 'A bicycle', winners: 1, alternates: 1, closes_at: inMs(60_000) },
  });
  const id = Number(body.id);
  await api.pool.query(`insert into entries values ($1, 'ann', 1024), ($1, 'bob', 2048), ($1, 'cid', 4096)`, [
    id,
  ]);
  await api.call('PUT', `/v1/campaigns/${id}/entrants`, {
    body: [
      { user: 'ann', excluded: 'works for the shop' },
      { user: 'cid', tickets: 1_000 },
    ],
  });
  await settle(api, id, (Date.now() + 60_000) * 1000);
  return id;
}

/** Its totals stay available, its entries do not. */
async function archivedCampaign(): Promise<void> {
  const id = await api.create({});
  const totals = (await call(api, 'GET', `${CAMPAIGN}/totals`, { id })).body;
  const counted = await readTotals(api.pool, id);
  await api.pool.query(
    `insert into archives (campaign_id, file, sha256, counts, totals) values ($1, $2, sha256(''), '{}', $3)`,
    [id, ARCHIVE, JSON.stringify({ ...counted, entries: 7, lost: 7 })],
  );
  const { body } = await call(api, 'GET', `${CAMPAIGN}/totals`, { id });
  assert.deepEqual(body, { ...totals, entries: 7, sold_out: 7 });
  for (const path of ['entries', 'entries.csv', 'entrants'] as const) {
    const { status, body: problem } = await call(api, 'GET', `${CAMPAIGN}/${path}`, { id });
    assert.deepEqual([status, problem.file], [410, ARCHIVE]);
  }
}

describe('the OpenAPI document', () => {
  it('matches successful responses', async () => {
    for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json'] as const) {
      assert.equal((await call(api, 'GET', path, { token: undefined })).status, 200);
    }
    for (const kind of ['coupon', 'raffle']) {
      const rules =
        kind === 'coupon' ? coupon() : { kind, title: 'A bicycle', winners: 3, closes_at: inMs(60_000) };
      const made = await call(api, 'POST', '/v1/campaigns', { body: rules });
      assert.equal(made.status, 201);
      assert.equal(made.headers.get('location'), `/v1/campaigns/${made.body.id}`);
      const id = Number(made.body.id);
      await api.pool.query(
        `insert into entries values ($1, 'ann', 1024), ($1, 'bob', 2048), ($1, 'cid', 4096)`,
        [id],
      );
      await api.pool.query(`insert into grants values ($1, 1, 'ann', $2)`, [id, `code-${id}`]);
      await api.pool.query(
        'update campaigns set settled_stamp = 2048, settled_count = 2, granted_count = 1 where campaign_id = $1',
        [id],
      );
      for (const [method, path] of campaignPaths) {
        assert.equal((await call(api, method, path, { id })).status, 200);
      }
    }
    const drawn = await drawnRaffle();
    assert.equal((await call(api, 'GET', `${CAMPAIGN}/proof`, { id: drawn })).status, 200);
    const dryRun = await call(api, 'POST', `${CAMPAIGN}/alternates/next`, {
      id: drawn,
      query: '?dryRun=true',
      body: { serial: 1, reason: 'did not answer' },
    });
    assert.equal(dryRun.body.dry_run, true);
    const passed = await call(api, 'POST', `${CAMPAIGN}/alternates/next`, {
      id: drawn,
      body: { serial: 1, reason: 'did not answer' },
    });
    assert.equal(passed.status, 200, passed.text);
    const claimed = await offeredCoupon();
    const later = { id: claimed, body: { serial: 1, holder: 'ann', claim_by: inMs(7_200_000) } };
    const extended = await call(api, 'POST', `${CAMPAIGN}/deadlines`, later);
    assert.equal(extended.status, 200, extended.text);
    assert.equal((await call(api, 'POST', `${CAMPAIGN}/deadlines`, later)).status, 409);
    const ended = await call(api, 'POST', `${CAMPAIGN}/alternates/next`, {
      id: claimed,
      query: '?dryRun=true',
      body: { serial: 1, reason: 'did not answer' },
    });
    assert.deepEqual([ended.body.user, ended.body.passed_from], ['bob', 'ann'], ended.text);
    const { rows: early } = await api.pool.query(
      'select user_id from claimants where campaign_id = $1 and ended_early is not null',
      [claimed],
    );
    assert.deepEqual(early, [], 'a dry run ends no offer');
    const never = { id: claimed, body: { ...later.body, claim_by: '2100-01-01T00:00:00Z' } };
    assert.equal((await call(api, 'POST', `${CAMPAIGN}/deadlines`, never)).status, 400);
    for (const path of ['entries', 'totals']) {
      assert.equal((await call(api, 'GET', `${CAMPAIGN}/${path}`, { id: claimed })).status, 200);
    }
    await archivedCampaign();
    const raffle = await api.create({ kind: 'raffle', stock: undefined, winners: 1 });
    const entrants = { id: raffle, body: [{ user: 'ann', tickets: 3, group: 'table 1' }, { user: 'bob' }] };
    assert.equal((await call(api, 'PUT', `${CAMPAIGN}/entrants`, entrants)).status, 200);
    const first = await call(api, 'GET', `${CAMPAIGN}/entrants`, { id: raffle, query: '?limit=1' });
    assert.equal(first.body.next, 'ann');
    await call(api, 'GET', `${CAMPAIGN}/entries`, { headers: { accept: 'text/csv' } });
    assert.equal((await call(api, 'GET', '/v1/campaigns', { query: '?limit=1' })).body.next, 1);
    await call(api, 'GET', '/v1/campaigns');
    const at = { logName: 'a-log', partition: 3, position: '7-0', reason: 'starts with 00' };
    await insertDeadLetters(api.pool, [
      { ...at, item: undefined, record: Buffer.from([0]) },
      { ...at, item: 4, record: Buffer.from([1, 2]) },
    ]);
    const page = await call(api, 'GET', '/v1/dead-letters', { query: '?limit=1' });
    assert.equal(page.body.next, 1);
    assert.equal((await call(api, 'GET', '/v1/dead-letters', { query: '?after=1' })).body.next, null);
  });

  it('matches schedule changes', async () => {
    const match = { headers: { 'if-match': '*' } };
    const times = { opens_at: inMs(60_000), closes_at: inMs(120_000) };
    const id = await api.create({ ...times, draft: true });
    const dry = { id, ...match, query: '?dryRun=true' };
    for (const [method, path, body, first] of [
      ['PATCH', CAMPAIGN, { title: 'Two thirds', reason: 'why not' }, 200],
      ['POST', `${CAMPAIGN}/pause`, {}, 409],
      ['POST', `${CAMPAIGN}/announce`, {}, 200],
      ['POST', `${CAMPAIGN}/announce`, {}, 409],
      ['POST', `${CAMPAIGN}/resume`, {}, 409],
      ['POST', `${CAMPAIGN}/pause`, {}, 200],
      ['POST', `${CAMPAIGN}/resume`, {}, 200],
      ['PATCH', CAMPAIGN, { opens_at: inMs(-60_000) }, 409],
      ['POST', `${CAMPAIGN}/archive`, {}, 409],
      ['POST', `${CAMPAIGN}/cancel`, {}, 200],
      ['POST', `${CAMPAIGN}/cancel`, {}, 409],
      ['POST', `${CAMPAIGN}/close`, undefined, 409],
      ['PATCH', CAMPAIGN, { title: 'x' }, 409],
      ['POST', `${CAMPAIGN}/archive`, {}, 200],
    ] as const) {
      const dried = await call(api, method, path, { ...dry, ...(body === undefined ? {} : { body }) });
      assert.equal(dried.status, first, `${path}: ${dried.text}`);
      assert.equal(dried.body.dry_run, first === 200 ? true : undefined);
      const done = await call(api, method, path, { id, ...match, ...(body === undefined ? {} : { body }) });
      assert.equal(done.status, first, done.text);
    }
    const late = await api.create({ draft: true });
    await call(api, 'PATCH', CAMPAIGN, { id: late, ...match, body: { opens_at: inMs(-60_000) } });
    assert.equal(
      (await call(api, 'POST', `${CAMPAIGN}/announce`, { id: late, ...match, body: {} })).status,
      409,
    );
    const silent = await startApi();
    const held = await silent.create(times);
    const paused = await silent.create(times);
    assert.equal(
      (await call(silent, 'POST', `${CAMPAIGN}/pause`, { id: paused, ...match, body: {} })).status,
      200,
    );
    await joinBoard(silent, 'silent');
    for (const [what, on] of [
      ['pause', held],
      ['cancel', held],
      ['resume', paused],
    ] as const) {
      const refused = await call(silent, 'POST', `${CAMPAIGN}/${what}`, { id: on, ...match, body: {} });
      assert.equal(refused.body.reason, 'gateway_silent');
    }
    await silent.close();
    await call(api, 'GET', `${CAMPAIGN}/versions`, { id, query: '?limit=1' });
    await call(api, 'GET', '/v1/schedule', { query: '?kind=opening&limit=1' });
    for (const query of ['', '?dryRun=true']) {
      await call(api, 'POST', `${CAMPAIGN}/duplicate`, { id, body: again(), query });
      await call(api, 'POST', '/v1/campaigns', { body: coupon(), query });
    }
    const kept = await call(api, 'POST', '/v1/templates', { body: template });
    assert.equal((await call(api, 'POST', '/v1/templates', { body: template })).status, 409);
    const path = { id: Number(kept.body.id) };
    await call(api, 'GET', TEMPLATE, path);
    await call(api, 'GET', '/v1/templates');
    for (const query of ['', '?dryRun=true']) {
      await call(api, 'POST', `${TEMPLATE}/campaigns`, { ...path, body: again(), query });
    }
  });

  it('matches rooms', async () => {
    const id = await api.create({ kind: 'room', stock: undefined, per_second: 10, capacity: 100 });
    assert.equal((await call(api, 'GET', `${CAMPAIGN}/totals`, { id })).status, 200);
    assert.equal((await call(api, 'GET', CAMPAIGN, { id })).body.admitted, 0);
    const body = { per_second: 0.5, paused: true };
    const headers = { 'if-match': '"1"' };
    assert.equal((await call(api, 'PUT', `${CAMPAIGN}/room`, { id, body })).status, 428);
    const set = await call(api, 'PUT', `${CAMPAIGN}/room`, { id, body, headers });
    assert.deepEqual([set.status, set.body.version, set.body.capacity], [200, 2, null]);
    assert.deepEqual((await call(api, 'GET', `${CAMPAIGN}/room`, { id })).body, set.body);
    assert.equal((await call(api, 'PUT', `${CAMPAIGN}/room`, { id, body, headers })).status, 412);
    assert.deepEqual((await call(api, 'GET', `${CAMPAIGN}/room`, { id })).body, set.body);
    for (const [method, path, body] of roomPaths) {
      const with_ = body === undefined ? {} : { body };
      assert.equal((await call(api, method, path, { id: 'first', ...with_ })).status, 400);
      assert.equal((await call(api, method, path, { id: 999, ...with_ })).status, 404);
      const none = await call(api, method, path, { id: await api.create(), ...with_ });
      assert.equal(none.body.type, 'urn:fairline:problem:no-room');
    }
    await api.pool.query(
      `insert into archives (campaign_id, file, sha256, counts, totals) values ($1, $2, sha256(''), '{}', '{}')`,
      [id, ARCHIVE],
    );
    for (const [method, path, body] of roomPaths) {
      const answer = await call(api, method, path, { id, headers, ...(body === undefined ? {} : { body }) });
      assert.deepEqual([answer.status, answer.body.file], [410, ARCHIVE]);
    }
    const text = { raw: 'a=1', headers: { 'content-type': 'text/plain' } };
    assert.equal((await call(api, 'PUT', `${CAMPAIGN}/room`, text)).status, 415);
    const large = { body: 'x'.repeat(16 * 1024) };
    assert.equal((await call(api, 'PUT', `${CAMPAIGN}/room`, large)).status, 413);
  });

  it('matches clocks', async () => {
    const trust = (body: object): Promise<Answer> => call(api, 'POST', '/v1/clocks/trust', { body });
    assert.equal((await trust(TRUST)).body.type, 'urn:fairline:problem:clocks-agree');
    const set = await startApi();
    // Sessions of this database show another time than Redis.
    const { rows } = await set.pool.query('select current_database() as name');
    await set.pool.query(`
      create schema fake;
      create function fake.clock_timestamp() returns timestamptz language sql volatile as
        $$ select pg_catalog.clock_timestamp() - interval '120 s' $$;
      alter database ${rows[0].name} set search_path = fake, pg_catalog, public;`);
    const { connectionString } = set.pool.options;
    assert.ok(connectionString !== undefined);
    const pool = openPool(connectionString, { max: 2, applicationName: 'test', onError: () => undefined });
    const behind = await startApi({ pool });
    const other = { ...TRUST, ahead_ms: -120_000 };
    const refused = await call(behind, 'POST', '/v1/clocks/trust', { body: other });
    assert.deepEqual([refused.status, refused.body.ahead_of], [409, 'postgres'], refused.text);
    const right = { body: { ...TRUST, ahead_ms: Number(refused.body.ahead_ms) } };
    assert.equal((await call(behind, 'POST', '/v1/clocks/trust', right)).status, 200);
    assert.equal((await call(behind, 'GET', '/v1/clocks')).status, 200);
    await behind.close();
    await pool.end();
    await set.close();
    assert.equal((await trust({ ...TRUST, right: 'postgres' })).status, 400);
    assert.equal((await trust({})).status, 400);
    const text = { raw: 'a=1', headers: { 'content-type': 'text/plain' } };
    assert.equal((await call(api, 'POST', '/v1/clocks/trust', text)).status, 415);
    assert.equal((await call(api, 'POST', '/v1/clocks/trust', { body: 'x'.repeat(16 * 1024) })).status, 413);
  });

  it('matches coupons in use', async () => {
    const made = (of: object): Promise<Answer> =>
      call(api, 'POST', '/v1/coupons', { body: { ...of, terms: TEN_PERCENT } });
    const summer = await made({ code: 'SUMMER' });
    assert.equal(summer.status, 201, summer.text);
    const id = Number(summer.body.id);
    assert.equal((await call(api, 'GET', COUPON, { id })).status, 200);
    const terms = { id, body: { ...TEN_PERCENT, exclusive: true } };
    assert.equal((await call(api, 'PUT', `${COUPON}/terms`, terms)).body.revision, 2);
    assert.equal((await call(api, 'GET', '/v1/coupons', { query: '?limit=1' })).status, 200);
    const withTerms = await call(api, 'POST', '/v1/campaigns', { body: { ...coupon(), terms: TEN_PERCENT } });
    assert.equal(typeof withTerms.body.coupon, 'number');
    assert.equal((await call(api, 'GET', '/v1/coupons', { query: '?limit=0' })).status, 400);
    for (const [method, path, body] of couponPaths) {
      const with_ = body === undefined ? {} : { body };
      if (path !== '/v1/coupons') {
        assert.equal((await call(api, method, path, { id: 'first', ...with_ })).status, 400);
        assert.equal((await call(api, method, path, { id: 999, ...with_ })).status, 404);
      }
      if (body === undefined) continue;
      const text = { raw: 'a=1', headers: { 'content-type': 'text/plain' } };
      assert.equal((await call(api, method, path, text)).status, 415);
      assert.equal((await call(api, method, path, { body: 'x'.repeat(16 * 1024) })).status, 413);
    }
    assert.equal((await made({})).status, 400);
    assert.equal((await call(api, 'POST', '/v1/coupons', { body: {} })).status, 400);
    assert.equal((await made({ campaign: 999 })).status, 404);
    const held = await made({ code: 'HELD' });
    assert.equal((await made({ code: 'HELD' })).status, 409);
    await api.pool.query(
      `insert into redemptions (user_id, state, basket, pricing, created_at, redeemed_at)
       values ('ann', 'redeemed', '{}', '{}', now(), now())`,
    );
    await api.pool.query(
      `insert into redemption_uses (redemption_id, coupon_id, code, user_id) values (1, $1, 'HELD', 'ann')`,
      [held.body.id],
    );
    const change = await call(api, 'PUT', `${COUPON}/terms`, { id: Number(held.body.id), body: TEN_PERCENT });
    assert.equal(change.status, 409);
  });

  it('matches tokens', async () => {
    const first = await call(api, 'POST', '/v1/tokens', { body: NEW_TOKEN });
    const id = Number(first.body.id);
    for (const [on, token, status] of [
      [api, String(first.body.token), 200],
      [api, 'another', 401],
      [unavailableApi, `fairline_${'A'.repeat(43)}`, 503],
      [broken, `fairline_${'A'.repeat(43)}`, 500],
    ] as const) {
      assert.equal((await call(on, 'GET', '/v1/operator', { token })).status, status);
    }
    assert.equal((await call(api, 'POST', '/v1/tokens', { body: NEW_TOKEN })).status, 409);
    assert.equal((await call(api, 'GET', '/v1/tokens')).status, 200);
    assert.equal((await call(api, 'GET', '/v1/tokens', { query: '?limit=0' })).status, 400);
    assert.equal((await call(api, 'GET', TOKEN_PATH, { id })).status, 200);
    assert.equal((await call(api, 'POST', `${TOKEN_PATH}/revoke`, { id })).status, 200);
    for (const [method, path] of tokenPaths) {
      if (path === '/v1/tokens') continue;
      assert.equal((await call(api, method, path, { id: 'first' })).status, 400);
      assert.equal((await call(api, method, path, { id: 999 })).status, 404);
    }
    const text = { raw: 'a=1', headers: { 'content-type': 'text/plain' } };
    assert.equal((await call(api, 'POST', '/v1/tokens', text)).status, 415);
    assert.equal((await call(api, 'POST', '/v1/tokens', { body: 'x'.repeat(16 * 1024) })).status, 413);
    assert.equal((await call(api, 'POST', '/v1/tokens', { body: {} })).status, 400);
    const viewer = await api.tokenOf('Ann', 'viewer');
    for (const [method, path] of securedPaths) {
      const answer = await api.call(method, path.replace('{id}', '1'), { token: viewer });
      if (answer.status === 403) await call(api, method, path, { token: viewer });
    }
  });

  it('matches the operator log', async () => {
    await api.create();
    for (const [method, path] of logPaths) {
      assert.equal((await call(api, method, path)).status, 200);
    }
    const first = await call(api, 'GET', '/v1/operator-log', { query: '?limit=1' });
    assert.equal(first.body.next, 1);
    assert.equal((await call(api, 'GET', '/v1/operator-log', { query: '?limit=0' })).status, 400);
  });

  it('matches invalid requests', async () => {
    for (const [method, path] of securedPaths) {
      assert.equal((await call(api, method, path, { token: undefined })).status, 401);
      assert.equal((await call(api, method, path, { token: 'another' })).status, 401);
    }
    for (const [method, path] of campaignPaths) {
      assert.equal((await call(api, method, path, { id: 'first' })).status, 400);
      assert.equal((await call(api, method, path, { id: 999 })).status, 404);
    }
    for (const path of ['/v1/campaigns', '/v1/dead-letters', '/v1/schedule', '/v1/templates'] as const) {
      assert.equal((await call(api, 'GET', path, { query: '?limit=0' })).status, 400);
    }
    for (const [method, path] of [...makePaths, ...changePaths, ['POST', `${CAMPAIGN}/close`] as const]) {
      const text = { raw: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
      assert.equal((await call(api, method, path, text)).status, 415);
      assert.equal((await call(api, method, path, { body: 'x'.repeat(16 * 1024) })).status, 413);
    }
    for (const [method, path] of makePaths) {
      assert.equal((await call(api, method, path, { body: {} })).status, 400);
    }
    for (const [method, path, body] of changePaths) {
      const headers = { 'if-match': '*' };
      assert.equal((await call(api, method, path, { id: 'first', body, headers })).status, 400);
      assert.equal((await call(api, method, path, { id: 999, body, headers })).status, 404);
      assert.equal((await call(api, method, path, { body })).status, 428);
      assert.equal((await call(api, method, path, { body, headers: { 'if-match': '"9"' } })).status, 412);
    }
    for (const path of [`${CAMPAIGN}/duplicate`, `${TEMPLATE}/campaigns`] as const) {
      assert.equal((await call(api, 'POST', path, { id: 999, body: again() })).status, 404);
      assert.equal((await call(api, 'POST', path, { id: 'first', body: again() })).status, 400);
    }
    assert.equal((await call(api, 'GET', TEMPLATE, { id: 'first' })).status, 400);
    assert.equal((await call(api, 'GET', TEMPLATE, { id: 999 })).status, 404);
    for (const [method, path, body] of drawPaths) {
      const with_ = body === undefined ? {} : { body };
      assert.equal((await call(api, method, path, { id: 'first', ...with_ })).status, 400);
      assert.equal((await call(api, method, path, { id: 999, ...with_ })).status, 404);
      // A coupon has no draw.
      const none = await call(api, method, path, { id: await api.create(), ...with_ });
      assert.equal(none.status, method === 'GET' ? 404 : 409);
      if (method === 'GET') continue;
      const text = { id: 1, raw: 'a=1', headers: { 'content-type': 'text/plain' } };
      assert.equal((await call(api, method, path, text)).status, 415);
      const large = { id: 1, body: 'x'.repeat(1024 * 1024) };
      assert.equal((await call(api, method, path, large)).status, 413);
    }
    const xml = { headers: { accept: 'application/xml' } };
    assert.equal((await call(api, 'GET', `${CAMPAIGN}/entries`, xml)).status, 406);
    const id = await api.create({ opens_at: inMs(1_000_000) });
    assert.equal((await call(api, 'POST', `${CAMPAIGN}/close`, { id })).status, 409);
  });

  it('matches outages and failures', async () => {
    for (const [method, path] of securedPaths) {
      const make = makePaths.find(each => each[0] === method && each[1] === path)?.[2];
      const wanted = bodies.find(each => each[0] === method && each[1] === path)?.[2];
      const body = { body: make?.() ?? wanted, headers: { 'if-match': '*' } };
      const unavailable = await call(unavailableApi, method, path, body);
      assert.equal(unavailable.status, 503);
      assert.ok(unavailable.headers.has('retry-after'));
      assert.equal((await call(broken, method, path, body)).status, 500);
    }
    const notReady = await call(unavailableApi, 'GET', '/readyz');
    assert.deepEqual(notReady.body.checks, { postgres: 'no answer', redis: 'ok' });
    assert.equal(notReady.body.detail, 'postgres: no answer');
  });

  it('matches too many concurrent exports', async () => {
    const id = await api.create();
    await api.pool.query(
      `insert into entries select $1, 'user-' || lpad(n::text, 100, '0'), n from generate_series(1, 200000) n`,
      [id],
    );
    const abort = new AbortController();
    const headers = { authorization: `Bearer ${api.deps.token}` };
    for (let index = 0; index < MAX_EXPORTS; index++) {
      // The body is not read: more is left than the buffers on the way hold, so the export goes on.
      await fetch(`${api.url}/v1/campaigns/${id}/entries.csv`, { headers, signal: abort.signal });
    }
    assert.equal((await call(api, 'GET', `${CAMPAIGN}/entries.csv`, { id })).status, 503);
    const csv = { id, headers: { accept: 'text/csv' } };
    assert.equal((await call(api, 'GET', `${CAMPAIGN}/entries`, csv)).status, 503);
    abort.abort();
  });

  it('every documented response occurred', () => {
    const missing = documented().filter(answer => !given.has(answer));
    assert.deepEqual(missing, []);
  });

  it('shows problems as they were answered', () => {
    for (const [name, answers] of problemsGiven) {
      const [method = '', path = '', status = '', type = ''] = name.split(' ');
      const slug = type.replace('urn:fairline:problem:', '');
      const example = withoutValues(problemExample(document, { method, path, status: Number(status), slug }));
      const isReal = answers.some(answer => isDeepStrictEqual(answer, example));
      assert.ok(isReal, `${name}: ${JSON.stringify(example)}, not ${JSON.stringify(answers)}`);
    }
  });
});
