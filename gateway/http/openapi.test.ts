import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import Value from 'typebox/value';
import { PROBLEM_MEDIA_TYPE, ProblemDocument, problems } from '../../engine/contract/api/problem.ts';
import { openEvents } from '../../engine/test/events.ts';
import { problemExample, withoutValues } from '../../engine/test/openapi.ts';
import { type NetworkProxy, startProxyTo } from '../../engine/test/proxy.ts';
import { eventually, serversFromEnv } from '../../engine/test/support.ts';
import { type System, startSystem, toAnswer } from '../../engine/test/system.ts';
import { type AccountGateways, accountCases, openAccounts } from '../accounts/testing/answers.ts';
import { type Cases, couponCases, type Given } from '../coupons/testing/answers.ts';
import { BLOCKED, blockCases, blockUser } from '../testing/block-answers.ts';
import { openRooms, type Rooms, roomCases } from '../testing/room-answers.ts';
import { OutcomeEvent, PositionEvent } from './contract/events.ts';
import { openApiDocument, operations } from './openapi.ts';

/** Users who ask at once. */
const CROWD = 60;

describe('the OpenAPI document', () => {
  let system: System;
  let proxy: NetworkProxy;
  /** The index of the gateway behind the proxy, which is cut off from Redis. */
  const CUT = 1;
  /** The index of a gateway without SHOP_TOKEN. */
  const NO_SHOP = 2;
  let rooms: Rooms = { room: 0, once: 0, archived: 0 };
  let accounts: AccountGateways | undefined;
  let raffle = 0;
  let coupon = 0;
  let future = 0;
  let closed = 0;
  let sold = 0;
  let cancelled = 0;
  let archived = 0;
  let paused = 0;
  /** A campaign of coupons that must be claimed: offered to alice, declined by leaver. */
  let claims = 0;
  let lapsing = 0;
  let plenty = 0;

  before(async () => {
    system = await startSystem({
      log: 'redis',
      gatewayEnv: { MAX_WATCHERS_PER_USER: '1', BODY_TIMEOUT_MS: '300' },
    });
    const proxied = await startProxyTo(serversFromEnv().redisUrl);
    proxy = proxied.proxy;
    system.gateways.push(
      await system.startGateway({
        REDIS_URL: proxied.url,
        MAX_WAITING_ENTRIES: '1',
        DATABASE_URL: '',
      }),
      await system.startGateway({ SHOP_TOKEN: '', SIGNING_KEY: '', RECEIPTS: 'off' }),
    );
    accounts = await openAccounts(system);
    for (const code of ['SHARED', 'ONCE']) {
      const terms = {
        discount: 'percentage',
        basis_points: 1_000,
        ...(code === 'ONCE' ? { limit_total: 1 } : {}),
      };
      const made = await system.operate('POST', '/v1/coupons', { code, terms });
      assert.equal(made.status, 201, made.text);
    }
    raffle = await system.offer({ kind: 'raffle', winners: 1 });
    coupon = await system.offer({ kind: 'coupon', stock: 1 });
    closed = await system.offer({ kind: 'raffle', winners: 1 });
    sold = await system.offer({ kind: 'coupon', stock: 1 });
    future = await system.offer({
      kind: 'raffle',
      winners: 1,
      opens_at: new Date(Date.now() + 1_800_000).toISOString(),
    });
    cancelled = await system.offer({ kind: 'raffle', winners: 1 });
    paused = await system.offer({ kind: 'raffle', winners: 1 });
    await system.enter('alice', cancelled);
    archived = await system.offer({ kind: 'raffle', winners: 1 });
    for (const [id, what] of [
      [cancelled, 'cancel'],
      [paused, 'pause'],
    ]) {
      const done = await system.operate('POST', `/v1/campaigns/${id}/${what}`, {}, { 'if-match': '*' });
      assert.equal(done.status, 200, done.text);
    }
    const archivedRoom = await system.offer({ kind: 'room', per_second: 1 });
    for (const id of [archived, archivedRoom]) {
      await system.operate('POST', `/v1/campaigns/${id}/close`);
      await putIntoArchive(id);
    }
    claims = await system.offer({ kind: 'coupon', stock: 4, waitlist: 1, claim_within_s: 3_600 });
    lapsing = await system.offer({ kind: 'coupon', stock: 1, claim_within_s: 5 });
    plenty = await system.offer({ kind: 'coupon', stock: 1_000, claim_within_s: 3_600 });
    await system.enter('alice', lapsing);
    for (const user of [BLOCKED, 'alice', 'leaver', 'overloading', 'waiting'])
      await system.enter(user, claims);
    await blockUser(system, claims);
    await eventually(async () => (await system.ask('leaver', 'DELETE', me(claims))).status === 202);
    rooms = { ...(await openRooms(system)), archived: archivedRoom };
    for (const user of ['alice', 'leaver', 'overloading']) await system.enter(user, raffle);
    await system.enter('alice', coupon);
    await system.enter('alice', closed);
    await system.operate('POST', `/v1/campaigns/${closed}/close`);
    await system.ask('leaver', 'DELETE', `/v1/campaigns/${raffle}/entries/me`);
    await eventually(async () => (await system.enter('leaver', raffle)).status === 409);
    await eventually(async () => (await system.enter('late', coupon)).status === 409);
  });
  after(async () => {
    await system.close();
    await proxy.close();
    await accounts?.close();
  });

  /** A refused one of many requests that a new user with that outcome repeats; once they are decided, none is refused. */
  async function tooMany(
    id: number,
    outcome: string,
    askAs: (user: string) => Promise<Given>,
  ): Promise<Given> {
    let tries = 0;
    return await eventually(async () => {
      const user = `hasty-${id}-${tries++}`;
      await system.enter(user, id);
      await eventually(async () => (await system.ask(user, 'GET', me(id))).body.outcome === outcome);
      const answers = await Promise.all(Array.from({ length: 200 }, () => askAs(user)));
      return answers.find(({ status }) => status === 429);
    });
  }

  /** Puts the campaign into the state in which `npm run archive` leaves it. */
  async function putIntoArchive(id: number): Promise<void> {
    const shelved =
      'update campaigns set shelved_at = now() where campaign_id = $1 and finished_at is not null returning 1';
    await eventually(async () => (await system.pool.query(shelved, [id])).rows.length === 1);
    await system.pool.query(
      `insert into archives (campaign_id, file, sha256, counts, totals) values ($1, $2, sha256(''), '{}', '{}')`,
      [id, `campaign-${id}.archive.ndjson.gz`],
    );
    await eventually(async () => (await system.redis.hget(system.keys.boardCampaigns, String(id))) === null);
  }

  const ask = async (
    user: string,
    method: string,
    path: string,
    init: { gateway?: number; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Given> => {
    const { status, headers, text } = await system.ask(user, method, path, init);
    return { status, mediaType: headers.get('content-type') ?? '', text };
  };
  const anonymous = async (method: string, path: string): Promise<Given> => {
    const { status, headers, text } = await toAnswer(await fetch(system.gateways[0]?.url + path, { method }));
    return { status, mediaType: headers.get('content-type') ?? '', text };
  };
  const watch = async (user: string, path: string, headers: Record<string, string> = {}): Promise<Given> => {
    const authorization = `Bearer ${await system.ticket(user)}`;
    const stream = await openEvents(system.gateways[0]?.url + path, { ...headers, authorization });
    if (stream.status === 200) await eventually(() => stream.events.length > 0);
    const [event] = stream.events;
    if (event !== undefined)
      assert.ok(Value.Check(event.event === 'outcome' ? OutcomeEvent : PositionEvent, event.data));
    stream.close();
    return { status: stream.status, mediaType: stream.response.headers.get('content-type') ?? '', text: '' };
  };
  const json = { 'content-type': 'application/json' };
  const ofBook = (headers: Record<string, string>): Promise<Given> =>
    ask('alice', 'GET', `/v1/campaigns/${closed}/book`, { headers });

  /** Asks while the gateway is cut off from Redis, until the answer shows it: earlier data may still be cached. */
  const whileCut = async (asked: () => Promise<Given>): Promise<Given> => {
    proxy.cut();
    try {
      return await eventually(async () => {
        const given = await asked();
        return given.status === 503 && given;
      });
    } finally {
      proxy.mend();
      await eventually(async () => (await fetch(`${system.gateways[CUT]?.url}/readyz`)).ok);
    }
  };
  const cut = { gateway: CUT };
  const entries = (id: number): string => `/v1/campaigns/${id}/entries`;
  const me = (id: number): string => `/v1/campaigns/${id}/entries/me`;
  const claimOf = (id: number): string => `/v1/campaigns/${id}/entries/me/claim`;
  const queue = (id: number): string => `/v1/campaigns/${id}/queue`;

  /**
   * Many requests at once, each on its own connection, to a gateway where only one may wait. On a busy machine it may just have
   * lost its lease: then again.
   */
  const overload = (method: string): Promise<Given> => {
    let round = 0;
    return eventually(async () => {
      round += 1;
      const crowd = Array.from({ length: CROWD }, (_, index) => `${method}-${round}-${index}`);
      if (method === 'DELETE') await Promise.all(crowd.map(user => system.enter(user, raffle)));
      if (method === 'claim') {
        await Promise.all(crowd.map(user => system.enter(user, plenty)));
        for (const user of crowd)
          await eventually(
            async () => (await system.ask(user, 'GET', me(plenty))).body.outcome === 'offered',
          );
      }
      const askOne = (user: string): Promise<Given> => {
        if (method === 'POST') return ask(user, 'POST', entries(raffle), cut);
        if (method === 'DELETE') return ask(user, 'DELETE', me(raffle), cut);
        return ask(user, 'POST', claimOf(plenty), cut);
      };
      const answers = await Promise.all(crowd.map(askOne));
      return answers.find(answer => answer.text.includes('overloaded')) ?? false;
    });
  };
  const slowBody = async (
    path: string,
    authorization: string,
    port = system.gateways[0]?.port ?? 0,
  ): Promise<Given> => {
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\nidempotency-key: slow\r\n` +
        'content-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    );
    let text = '';
    for await (const chunk of socket) text += chunk;
    const [head = '', body = ''] = text.split('\r\n\r\n');
    return { status: Number(head.slice(9, 12)), mediaType: PROBLEM_MEDIA_TYPE, text: body };
  };

  const cases = (): Cases => ({
    ...couponCases({ system, cut: CUT, noShop: NO_SHOP, slowBody }),
    ...accountCases({
      gateways: accounts ?? assert.fail('accounts are not open'),
      bareUrl: system.gateways[0]?.url ?? '',
      slowBody: (path, port) => slowBody(path, 'Bearer x', port),
    }),
    ...roomCases({ system, rooms, other: raffle, cut: CUT, bare: NO_SHOP, slowBody }),
    ...blockCases(system, { claims, room: rooms.room }),
    'post /v1/campaigns/{id}/entries 202 ': () =>
      ask('new', 'POST', entries(raffle), { headers: json, body: '{}' }),
    'post /v1/campaigns/{id}/entries 200 ': () => ask('alice', 'POST', entries(coupon)),
    'post /v1/campaigns/{id}/entries 429 too-many-requests': async () => {
      await ask('hasty', 'POST', entries(raffle));
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => ask('hasty', 'POST', entries(raffle))),
      );
      return answers.find(({ status }) => status === 429) ?? assert.fail('no request was refused');
    },
    'post /v1/campaigns/{id}/entries 401 unauthenticated': () => anonymous('POST', entries(raffle)),
    'post /v1/campaigns/{id}/entries 400 invalid-request': () =>
      ask('alice', 'POST', '/v1/campaigns/x/entries'),
    'post /v1/campaigns/{id}/entries 404 unknown-campaign': () => ask('alice', 'POST', entries(999)),
    'post /v1/campaigns/{id}/entries 503 unavailable': () =>
      whileCut(() => ask('alice', 'POST', entries(raffle), cut)),
    'post /v1/campaigns/{id}/entries 408 request-timeout': async () =>
      slowBody(entries(raffle), `Bearer ${await system.ticket('slow')}`),
    'post /v1/campaigns/{id}/entries 409 not-open-yet': () => ask('alice', 'POST', entries(future)),
    'post /v1/campaigns/{id}/entries 409 closed': () => ask('bob', 'POST', entries(closed)),
    'post /v1/campaigns/{id}/entries 409 cancelled': () =>
      eventually(async () => {
        const given = await ask('bob', 'POST', entries(cancelled));
        return given.text.includes('cancelled') && given;
      }),
    'post /v1/campaigns/{id}/entries 503 paused': () => ask('bob', 'POST', entries(paused)),
    'post /v1/campaigns/{id}/entries 409 sold-out': () => ask('late', 'POST', entries(coupon)),
    'post /v1/campaigns/{id}/entries 409 already-withdrawn': () => ask('leaver', 'POST', entries(raffle)),
    'post /v1/campaigns/{id}/entries 410 archived': () => ask('alice', 'POST', entries(archived)),
    'post /v1/campaigns/{id}/entries 413 payload-too-large': () =>
      ask('alice', 'POST', entries(raffle), { headers: json, body: ' '.repeat(2_000) }),
    'post /v1/campaigns/{id}/entries 415 unsupported-media-type': () =>
      ask('alice', 'POST', entries(raffle), { headers: { 'content-type': 'text/xml' }, body: '<a/>' }),
    'post /v1/campaigns/{id}/entries 503 overloaded': () => overload('POST'),
    'get /v1/campaigns/{id}/entries/me 200 ': () => ask('alice', 'GET', me(raffle)),
    'get /v1/campaigns/{id}/entries/me 401 unauthenticated': () => anonymous('GET', me(raffle)),
    'get /v1/campaigns/{id}/entries/me 400 invalid-request': () =>
      ask('alice', 'GET', '/v1/campaigns/00/entries/me'),
    'get /v1/campaigns/{id}/entries/me 404 unknown-campaign': () => ask('alice', 'GET', me(999)),
    'get /v1/campaigns/{id}/entries/me 404 no-entry': () => ask('nobody', 'GET', me(raffle)),
    'get /v1/campaigns/{id}/entries/me 410 archived': () => ask('alice', 'GET', me(archived)),
    'get /v1/campaigns/{id}/entries/me 503 unavailable': () =>
      whileCut(() => ask('alice', 'GET', me(raffle), cut)),
    'delete /v1/campaigns/{id}/entries/me 202 ': async () => {
      await ask('leaving', 'POST', entries(raffle));
      return await ask('leaving', 'DELETE', me(raffle));
    },
    'delete /v1/campaigns/{id}/entries/me 401 unauthenticated': () => anonymous('DELETE', me(raffle)),
    'delete /v1/campaigns/{id}/entries/me 400 invalid-request': () =>
      ask('alice', 'DELETE', '/v1/campaigns/a/entries/me'),
    'delete /v1/campaigns/{id}/entries/me 404 unknown-campaign': () => ask('alice', 'DELETE', me(999)),
    'delete /v1/campaigns/{id}/entries/me 404 no-entry': () => ask('nobody', 'DELETE', me(raffle)),
    'delete /v1/campaigns/{id}/entries/me 503 unavailable': () =>
      whileCut(() => ask('overloading', 'DELETE', me(raffle), cut)),
    'delete /v1/campaigns/{id}/entries/me 409 already-withdrawn': () => ask('leaver', 'DELETE', me(raffle)),
    'delete /v1/campaigns/{id}/entries/me 409 already-settled': () => ask('alice', 'DELETE', me(coupon)),
    'delete /v1/campaigns/{id}/entries/me 409 cancelled': () => ask('alice', 'DELETE', me(cancelled)),
    'delete /v1/campaigns/{id}/entries/me 409 closed': () => ask('alice', 'DELETE', me(closed)),
    'delete /v1/campaigns/{id}/entries/me 410 archived': () => ask('alice', 'DELETE', me(archived)),
    'delete /v1/campaigns/{id}/entries/me 429 too-many-requests': () =>
      tooMany(raffle, 'waiting', user => ask(user, 'DELETE', me(raffle))),
    'delete /v1/campaigns/{id}/entries/me 503 overloaded': () => overload('DELETE'),
    'post /v1/campaigns/{id}/entries/me/claim 202 ': () => ask('alice', 'POST', claimOf(claims)),
    'post /v1/campaigns/{id}/entries/me/claim 401 unauthenticated': () => anonymous('POST', claimOf(claims)),
    'post /v1/campaigns/{id}/entries/me/claim 400 invalid-request': () =>
      ask('alice', 'POST', '/v1/campaigns/a/entries/me/claim'),
    'post /v1/campaigns/{id}/entries/me/claim 404 unknown-campaign': () => ask('alice', 'POST', claimOf(999)),
    'post /v1/campaigns/{id}/entries/me/claim 404 no-entry': () => ask('nobody', 'POST', claimOf(claims)),
    'post /v1/campaigns/{id}/entries/me/claim 410 archived': () => ask('alice', 'POST', claimOf(archived)),
    'post /v1/campaigns/{id}/entries/me/claim 503 unavailable': () =>
      whileCut(() => ask('overloading', 'POST', claimOf(claims), cut)),
    'post /v1/campaigns/{id}/entries/me/claim 409 nothing-to-claim': () =>
      ask('alice', 'POST', claimOf(raffle)),
    'post /v1/campaigns/{id}/entries/me/claim 409 claim-lapsed': () =>
      eventually(async () => {
        const given = await ask('alice', 'GET', me(lapsing));
        return given.text.includes('"lapsed"') && (await ask('alice', 'POST', claimOf(lapsing)));
      }),
    'post /v1/campaigns/{id}/entries/me/claim 409 already-withdrawn': () =>
      eventually(async () => {
        const given = await ask('leaver', 'POST', claimOf(claims));
        return given.text.includes('already-withdrawn') && given;
      }),
    'post /v1/campaigns/{id}/entries/me/claim 429 too-many-requests': () =>
      tooMany(plenty, 'offered', user => ask(user, 'POST', claimOf(plenty))),
    'post /v1/campaigns/{id}/entries/me/claim 503 overloaded': () => overload('claim'),
    'get /v1/campaigns/{id}/queue 200 ': () => watch('alice', queue(raffle)),
    'get /v1/campaigns/{id}/queue 204 ': () =>
      watch('alice', queue(coupon), { 'last-event-id': `${coupon}:1:over` }),
    'get /v1/campaigns/{id}/queue 401 unauthenticated': () => anonymous('GET', queue(raffle)),
    'get /v1/campaigns/{id}/queue 400 invalid-request': () => ask('alice', 'GET', '/v1/campaigns/1.5/queue'),
    'get /v1/campaigns/{id}/queue 404 unknown-campaign': () => ask('alice', 'GET', queue(999)),
    'get /v1/campaigns/{id}/queue 410 archived': () => ask('alice', 'GET', queue(archived)),
    'get /v1/campaigns/{id}/queue 404 no-entry': () => ask('nobody', 'GET', queue(raffle)),
    'get /v1/campaigns/{id}/queue 503 unavailable': () =>
      whileCut(() => ask('alice', 'GET', queue(998), cut)),
    'get /v1/campaigns/{id}/queue 429 too-many-watchers': async () => {
      const authorization = `Bearer ${await system.ticket('alice')}`;
      const tab = await openEvents(system.gateways[0]?.url + queue(raffle), { authorization });
      const given = await ask('alice', 'GET', queue(raffle));
      tab.close();
      return given;
    },
    'get /v1/campaigns 200 ': () => anonymous('GET', '/v1/campaigns?limit=2'),
    'get /v1/campaigns 400 invalid-request': () => anonymous('GET', '/v1/campaigns?limit=1000'),
    'get /v1/campaigns/{id} 200 ': () => anonymous('GET', `/v1/campaigns/${raffle}`),
    'get /v1/campaigns/{id} 400 invalid-request': () => anonymous('GET', '/v1/campaigns/nine'),
    'get /v1/campaigns/{id} 404 unknown-campaign': () => anonymous('GET', '/v1/campaigns/999'),
    'get /v1/campaigns/{id} 503 unavailable': () =>
      whileCut(() => ask('alice', 'GET', '/v1/campaigns/997', cut)),
    'get /v1/campaigns/{id}/book 200 ': async () => {
      await eventually(async () => (await anonymous('GET', `/v1/campaigns/${closed}/book`)).status === 200);
      return await anonymous('GET', `/v1/campaigns/${closed}/book`);
    },
    'get /v1/campaigns/{id}/book 206 ': () => ofBook({ range: 'bytes=10-' }),
    'get /v1/campaigns/{id}/book 304 ': () => ofBook({ 'if-none-match': '*' }),
    'get /v1/campaigns/{id}/book 412 precondition-failed': () => ofBook({ 'if-match': '"another"' }),
    'get /v1/campaigns/{id}/book 416 range-not-satisfiable': () => ofBook({ range: 'bytes=1000000000-' }),
    'get /v1/campaigns/{id}/book 400 invalid-request': () => anonymous('GET', '/v1/campaigns/nine/book'),
    'get /v1/campaigns/{id}/book 404 unknown-campaign': () => anonymous('GET', '/v1/campaigns/999/book'),
    'get /v1/campaigns/{id}/book 404 no-book': async () => {
      // The row that the ledger has when a campaign's slices were not signed.
      const refuse = 'insert into books (campaign_id, refused) values ($1, $2) on conflict do nothing';
      await system.pool.query(refuse, [future, 'an entry is in no signed slice']);
      return await anonymous('GET', `/v1/campaigns/${future}/book`);
    },
    'get /v1/campaigns/{id}/book 409 not-decided-yet': () => anonymous('GET', `/v1/campaigns/${raffle}/book`),
    'get /v1/campaigns/{id}/book 503 unavailable': () =>
      ask('alice', 'GET', `/v1/campaigns/${raffle}/book`, cut),
    'get /v1/campaigns/{id}/proof 200 ': () => anonymous('GET', `/v1/campaigns/${closed}/proof`),
    'get /v1/campaigns/{id}/proof 400 invalid-request': () => anonymous('GET', '/v1/campaigns/nine/proof'),
    'get /v1/campaigns/{id}/proof 404 unknown-campaign': () => anonymous('GET', '/v1/campaigns/999/proof'),
    'get /v1/campaigns/{id}/proof 404 no-proof': async () => {
      await system.operate('POST', `/v1/campaigns/${sold}/close`);
      const path = `/v1/campaigns/${sold}/proof`;
      await eventually(async () => (await anonymous('GET', path)).status === 404);
      return await anonymous('GET', path);
    },
    'get /v1/campaigns/{id}/proof 409 not-decided-yet': () =>
      anonymous('GET', `/v1/campaigns/${raffle}/proof`),
    'get /v1/campaigns/{id}/proof 503 unavailable': () =>
      ask('alice', 'GET', `/v1/campaigns/${raffle}/proof`, cut),
    'get /v1/keys 200 ': () => anonymous('GET', '/v1/keys'),
    'get /v1/heads 200 ': () => anonymous('GET', '/v1/heads'),
    'get /v1/heads 400 invalid-request': () => anonymous('GET', '/v1/heads?after=yesterday'),
    'get /v1/heads 503 unavailable': () => ask('alice', 'GET', '/v1/heads', cut),
    'get /livez 200 ': () => anonymous('GET', '/livez'),
    'get /readyz 200 ': () => anonymous('GET', '/readyz'),
    'get /readyz 503 ': () => whileCut(() => ask('alice', 'GET', '/readyz', cut)),
    'get /metrics 200 ': () => anonymous('GET', '/metrics'),
    'get /openapi.json 200 ': () => anonymous('GET', '/openapi.json'),
  });

  test('every documented response occurs, and as documented', async () => {
    const all = cases();
    const document = openApiDocument();
    const documented: string[] = [];
    const unavailable: { name: string; example: unknown; real: unknown }[] = [];
    for (const { method, path, answers, problems: slugs } of operations) {
      for (const [status, answer] of Object.entries(answers)) {
        const name = `${method} ${path} ${status} `;
        documented.push(name);
        const given = await (all[name] ?? (() => assert.fail(`no case for ${name}`)))();
        assert.equal(given.status, Number(status), `${name}: ${given.text}`);
        if (typeof answer === 'string') {
          if (answer !== 'nothing')
            assert.ok(given.mediaType.startsWith(answer), `${name}: ${given.mediaType}`);
          continue;
        }
        assert.equal(given.mediaType, 'application/json', name);
        assert.ok(Value.Check(answer, JSON.parse(given.text)), `${name}: ${given.text}`);
      }
      for (const slug of slugs) {
        const { status } = problems[slug];
        const name = `${method} ${path} ${status} ${slug}`;
        documented.push(name);
        const given = await (all[name] ?? (() => assert.fail(`no case for ${name}`)))();
        assert.equal(given.status, status, `${name}: ${given.text}`);
        assert.equal(given.mediaType, PROBLEM_MEDIA_TYPE, name);
        const body: unknown = JSON.parse(given.text);
        assert.ok(Value.Check(ProblemDocument, body), `${name}: ${given.text}`);
        assert.equal(Reflect.get(Object(body), 'type'), `urn:fairline:problem:${slug}`);
        const example = withoutValues(problemExample(document, { method, path, status, slug }));
        const real = withoutValues(body);
        // Several parts may be unavailable at that moment: then the problem of any operation is real.
        if (slug === 'unavailable') unavailable.push({ name, example, real });
        else assert.deepEqual(real, example, `the example of ${name}`);
      }
    }
    for (const { name, example } of unavailable) {
      const isReal = unavailable.some(({ real }) => isDeepStrictEqual(real, example));
      assert.ok(isReal, `the example of ${name}: ${JSON.stringify(example)}`);
    }
    assert.deepEqual(
      Object.keys(all).sort(),
      documented.sort(),
      'a case for each documented answer, and no other',
    );
  });

  test('matches what the gateway serves', async () => {
    const served = await (await fetch(`${system.gateways[0]?.url}/openapi.json`)).json();
    assert.deepEqual(served, JSON.parse(JSON.stringify(openApiDocument())));
  });
});
