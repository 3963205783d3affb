/** Tokens of the shop's own accounts become sessions, over HTTP; the provider can be away. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decodeJwt, UnsecuredJWT } from 'jose';
import {
  AUDIENCE,
  Issuer,
  makeKey,
  type TokenTerms,
} from '../../../engine/contract/identity/testing/issuer.ts';
import { eventually, type SpawnedNode, spawnNode } from '../../../engine/test/support.ts';
import { deleteEndedFanRows } from '../../../sql/statements/fans/fan-sweep.ts';
import { type Accounts, newAddress, PASSWORD, startAccounts } from '../testing/accounts.ts';
import type { Browser, BrowserAnswer } from '../testing/browser.ts';
import { identityEnv } from '../testing/identity-env.ts';

const PATH = '/v1/accounts/exchange';

const refused = ({ status, body }: BrowserAnswer): unknown[] => [
  status,
  String(body.type).replace('urn:fairline:problem:', ''),
];
const fault = ({ body }: BrowserAnswer): { field: string; value?: string; expected: string } | undefined =>
  (body.errors as { field: string; value?: string; expected: string }[])[0];
const userOf = (answer: BrowserAnswer): unknown => decodeJwt(String(answer.body.ticket)).sub;

test('where the shop keeps all accounts, none is kept here', async () => {
  const issuer = new Issuer([await makeKey('one')]);
  const jwks = await issuer.listen();
  const accounts = await startAccounts({
    ...identityEnv(issuer, jwks),
    LOCAL_ACCOUNTS: 'off',
    ACCOUNTS_PUBLIC_URL: 'https://tickets.example.com',
  });
  try {
    const browser = accounts.browser();
    for (const [path, body] of [
      ['/v1/accounts', { address: newAddress(), password: PASSWORD, locale: 'en' }],
      ['/v1/accounts/login', { address: newAddress(), password: PASSWORD }],
      ['/v1/accounts/password-mail', { address: newAddress() }],
    ] as const) {
      const answer = await browser.post(path, body);
      assert.deepEqual(refused(answer), [503, 'not-configured'], answer.text);
      assert.equal(fault(answer)?.field, 'LOCAL_ACCOUNTS');
    }
    assert.equal((await browser.post(PATH, { token: await issuer.token('ada') })).status, 200);
    assert.equal((await browser.post('/v1/accounts/ticket')).status, 200);
  } finally {
    await accounts.close();
    issuer.close();
  }
});

describe('a token of the shop', () => {
  let issuer: Issuer;
  let jwks = '';
  let accounts: Accounts;
  before(async () => {
    issuer = new Issuer([await makeKey('one'), await makeKey('two', 'RS256')]);
    jwks = await issuer.listen();
    accounts = await startAccounts(identityEnv(issuer, jwks));
  });
  after(async () => {
    await accounts.close();
    issuer.close();
  });

  const exchange = async (sub: string, terms: TokenTerms = {}, at = accounts): Promise<BrowserAnswer> =>
    await at.browser().post(PATH, { token: await issuer.token(sub, terms) });
  const loggedIn = async (sub: string): Promise<Browser> => {
    const browser = accounts.browser();
    const answer = await browser.post(PATH, { token: await issuer.token(sub) });
    assert.equal(answer.status, 200, answer.text);
    return browser;
  };

  test('makes a session like any other, for a user who is named after the source', async () => {
    const browser = accounts.browser();
    const answer = await browser.post(
      PATH,
      { token: await issuer.token('ada') },
      { 'accept-language': 'ko' },
    );
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([answer.body.id, answer.body.address, answer.body.locale], ['shop:ada', null, 'ko']);
    assert.equal(userOf(await browser.post('/v1/accounts/ticket')), 'shop:ada');
    assert.deepEqual((await browser.get('/v1/accounts/me')).body, answer.body);
    const { body } = await browser.get('/v1/accounts/sessions');
    assert.equal((body.sessions as unknown[]).length, 1);
    const again = await loggedIn('ada');
    assert.equal((await again.get('/v1/accounts/me')).body.made_at, answer.body.made_at, 'the same person');
    assert.equal((await browser.post('/v1/accounts/logout-everywhere')).status, 204);
    assert.equal((await again.post('/v1/accounts/ticket')).status, 401);
  });

  test('takes each algorithm that is allowed, an audience among several, and access tokens', async () => {
    const [, rsa] = issuer.keys;
    for (const terms of [
      { header: { alg: 'RS256', kid: 'two' }, key: rsa?.privateKey },
      { claims: { aud: ['another', AUDIENCE] } },
      { header: { typ: 'at+jwt' } },
      { header: { typ: 'JWT' } },
      { header: { kid: undefined } },
    ]) {
      const answer = await exchange('bob', terms);
      assert.equal(answer.status, 200, `${JSON.stringify(terms)} ${answer.text}`);
    }
  });

  test('is refused by the name of the claim or header that is wrong', async () => {
    const nowS = Math.floor(Date.now() / 1_000);
    const stranger = await makeKey('one');
    const secret = new TextEncoder().encode(JSON.stringify(issuer.keys[0]?.publicJwk));
    const cases: readonly (readonly [string, string | undefined, TokenTerms])[] = [
      ['token.aud', '"another"', { claims: { aud: 'another' } }],
      ['token.aud', undefined, { claims: { aud: undefined } }],
      ['token.iss', '"https://evil.example"', { claims: { iss: 'https://evil.example' } }],
      ['token.iss', '"https://id.example.com/"', { claims: { iss: 'https://id.example.com/' } }],
      ['token.exp', String(nowS - 60), { claims: { exp: nowS - 60 } }],
      ['token.exp', undefined, { claims: { exp: undefined } }],
      ['token.nbf', String(nowS + 600), { claims: { nbf: nowS + 600 } }],
      ['token.iat', String(nowS + 600), { claims: { iat: nowS + 600, exp: nowS + 900 } }],
      ['token.iat', String(nowS - 90_000), { claims: { iat: nowS - 90_000 } }],
      ['token.iat', undefined, { claims: { iat: undefined } }],
      ['token.sub', undefined, { claims: { sub: undefined } }],
      ['token.sub', '""', { claims: { sub: '' } }],
      ['token.sub', '"a\\u0000"', { claims: { sub: 'a\0' } }],
      ['token.sub', '7', { claims: { sub: 7 } }],
      ['token.sub', 'null', { claims: { sub: null } }],
      ['token.sub', '"a\u2028"', { claims: { sub: 'a\u2028' } }],
      [
        'token.events',
        '{"http://schemas.openid.net/event/backchannel-logout":{}}',
        { claims: { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } } },
      ],
      ['token.typ', '"logout+jwt"', { header: { typ: 'logout+jwt' } }],
      ['token.alg', '"HS256"', { header: { alg: 'HS256' }, key: secret }],
      ['token.alg', '"ES384"', { header: { alg: 'ES384' }, key: (await makeKey('x', 'ES384')).privateKey }],
      ['token.kid', '"three"', { header: { kid: 'three' } }],
      ['token.signature', undefined, { key: stranger.privateKey }],
      // What a forger writes is not shown: only a good signature lets a claim be.
      ['token.signature', undefined, { key: stranger.privateKey, claims: { aud: 'another' } }],
    ];
    for (const [field, value, terms] of cases) {
      const answer = await exchange('eve', terms);
      assert.deepEqual(refused(answer), [401, 'token-refused'], `${field} ${answer.text}`);
      assert.deepEqual([fault(answer)?.field, fault(answer)?.value], [field, value], answer.text);
      assert.equal(answer.setCookies.length, 0);
    }
    const long = await exchange('x'.repeat(124));
    assert.match(fault(long)?.expected ?? '', /1 to 123 bytes/);
    assert.equal((await exchange('x'.repeat(123))).status, 200);
    assert.equal((await accounts.pool.query("select 1 from fans where id = 'shop:eve'")).rows.length, 0);
  });

  test('that is no token is refused, without being shown', async () => {
    const good = await issuer.token('eve');
    const unsigned = new UnsecuredJWT({ iss: issuer.issuer, aud: AUDIENCE, sub: 'eve' }).encode();
    for (const token of ['x', 'a.b.c', `${good}x`, good.slice(0, -20), unsigned, `${good}.${good}`]) {
      const answer = await accounts.browser().post(PATH, { token });
      assert.deepEqual(refused(answer), [401, 'token-refused'], answer.text);
      assert.ok(!answer.text.includes(token) || token.length < 6, answer.text);
    }
    for (const token of ['', 7, 'x'.repeat(4_001)]) {
      assert.deepEqual(refused(await accounts.browser().post(PATH, { token })), [400, 'invalid-request']);
    }
  });

  test('costs a network its logins, also if it is none; others go on', async () => {
    const here = '203.0.113.9';
    const statuses: number[] = [];
    while (statuses.at(-1) !== 429 && statuses.length < 400) {
      const asked = Array.from({ length: 50 }, () => accounts.browser(here).post(PATH, { token: 'x' }));
      statuses.push(...(await Promise.all(asked)).map(({ status }) => status));
    }
    assert.ok(
      statuses.slice(0, 300).every(status => status === 401),
      'three hundred at once',
    );
    assert.equal(statuses.at(-1), 429);
    assert.equal((await exchange('gina')).status, 200);
  });

  test('logs in nobody for a page of another origin', async () => {
    const body = { token: await issuer.token('eve') };
    const answer = await accounts.browser().post(PATH, body, { origin: 'https://evil.example' });
    assert.deepEqual(refused(answer), [403, 'foreign-origin']);
  });

  test('never names a fan whose account is kept here', async () => {
    const own = await accounts.loggedIn(newAddress());
    const ownId = userOf(await own.post('/v1/accounts/ticket'));
    const other = await loggedIn(String(ownId));
    assert.equal(userOf(await other.post('/v1/accounts/ticket')), `shop:${ownId}`);
    assert.equal((await other.post('/v1/accounts/logout-everywhere')).status, 204);
    assert.equal(userOf(await own.post('/v1/accounts/ticket')), ownId, 'still logged in');
  });

  test('leads to an account that has nothing to change here, and that is forgotten with its sessions', async () => {
    const browser = await loggedIn('carol');
    for (const [path, body] of [
      ['/v1/accounts/address', { address: newAddress(), password: PASSWORD }],
      ['/v1/accounts/deletion', { password: PASSWORD }],
    ] as const) {
      assert.deepEqual(refused(await browser.post(path, body)), [409, 'kept-by-shop']);
    }
    const carol = async (): Promise<number> =>
      (await accounts.pool.query("select 1 from fans where id = 'shop:carol'")).rows.length;
    const age = "update fans set updated_at = now() - interval '2 hours' where id = 'shop:carol'";
    await accounts.pool.query(age);
    await deleteEndedFanRows(accounts.pool, 7);
    assert.equal(await carol(), 1, 'there is a session');
    assert.equal((await browser.post('/v1/accounts/logout')).status, 204);
    await deleteEndedFanRows(accounts.pool, 7);
    assert.equal(await carol(), 0);
  });

  test('is forgotten also when very many are, and while another transaction holds one of them', async () => {
    await accounts.pool.query(
      `insert into fans (id, name, email, email_verified, locale, created_at, updated_at)
       select 'shop:idle-' || n, '', null, false, 'en', now(), now() - interval '2 hours' from generate_series(1, 12001) n`,
    );
    const idle = async (): Promise<number> =>
      (await accounts.pool.query("select 1 from fans where id like 'shop:idle-%'")).rows.length;
    const holder = await accounts.pool.connect();
    try {
      await holder.query("begin; select 1 from fans where id = 'shop:idle-7' for update");
      await deleteEndedFanRows(accounts.pool, 7);
      assert.equal(await idle(), 1);
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    await deleteEndedFanRows(accounts.pool, 7);
    assert.equal(await idle(), 0);
  });

  test('makes a session that ends in time, however often it is used', async () => {
    const browser = await loggedIn('hugo');
    const end = async (): Promise<unknown> =>
      (await accounts.pool.query("select expires_at from fan_sessions where fan_id = 'shop:hugo'")).rows[0]
        ?.expires_at;
    await accounts.pool.query(
      "update fan_sessions set expires_at = now() + interval '10 minutes' where fan_id = 'shop:hugo'",
    );
    const before = await end();
    const answer = await browser.post('/v1/accounts/ticket');
    assert.deepEqual([answer.status, answer.setCookies.length], [200, 0]);
    assert.deepEqual(await end(), before);
  });

  test('of another issuer is refused under the same name, until an operator says that it is the same', async () => {
    const renamed = new Issuer(issuer.keys, 'https://login.example.com');
    const start = (former: string): SpawnedNode =>
      spawnNode('gateway/accounts/main.ts', {
        ...identityEnv(renamed, jwks),
        IDP_FORMER_ISSUER: former,
        DATABASE_URL: accounts.databaseUrl,
        TICKET_SECRET: 'a secret of tickets, 32 characters at least',
        ACCOUNTS_SECRET: 'a secret of accounts, 32 characters at least',
        ACCOUNTS_PORT: '0',
        LOG_LEVEL: 'silent',
      });
    const exchangeAt = async (started: SpawnedNode): Promise<readonly [string, number]> => {
      const url = `http://127.0.0.1:${JSON.parse(await started.ready).port}`;
      const readiness = await eventually(async () => {
        const answer = await fetch(`${url}/readyz`);
        const text = await answer.text();
        return (answer.ok || text.includes('IDP_ISSUER')) && text;
      });
      const body = JSON.stringify({ token: await renamed.token('ada') });
      const headers = { 'content-type': 'application/json' };
      return [readiness, (await fetch(`${url}${PATH}`, { method: 'POST', headers, body })).status];
    };
    for (const [former, expected, status] of [
      ['', /IDP_ISSUER is .*login\.example\.com.* people of .*id\.example\.com.* another IDP_NAME/, 503],
      [issuer.issuer, /"ok"/, 200],
      ['', /"ok"/, 200],
    ] as const) {
      const started = start(former);
      try {
        const [readiness, answered] = await exchangeAt(started);
        assert.match(readiness, expected);
        assert.equal(answered, status);
      } finally {
        await started.stop();
      }
    }
  });

  test('of 20 logins at once ten make a session, and there is one person', async () => {
    const token = await issuer.token('dora');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => accounts.browser().post(PATH, { token })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [
      ...Array<number>(10).fill(200),
      ...Array<number>(10).fill(429),
    ]);
    const limited = answers.find(({ status }) => status === 429);
    assert.ok(Number(limited?.headers.get('retry-after')) > 0);
    const { rows } = await accounts.pool.query("select 1 from fans where id = 'shop:dora'");
    assert.equal(rows.length, 1);
  });

  test('is good while the provider is away, and the provider is asked seldom', async () => {
    assert.equal((await exchange('fred')).status, 200);
    const { reads } = issuer;
    issuer.setAway(true);
    try {
      for (let login = 0; login < 5; login++) assert.equal((await exchange(`fred-${login}`)).status, 200);
      for (let login = 0; login < 5; login++) {
        assert.equal(
          fault(await exchange('eve', { header: { kid: `made-up-${login}` } }))?.field,
          'token.kid',
        );
      }
      assert.ok(issuer.reads <= reads + 1, 'made-up keys do not reach the provider each');
      const late = await startAccounts(identityEnv(issuer, jwks));
      try {
        const answer = await exchange('fred', {}, late);
        assert.deepEqual(refused(answer), [503, 'unavailable'], 'it has never seen the keys');
        assert.equal(answer.headers.get('retry-after'), '5');
      } finally {
        await late.close();
      }
    } finally {
      issuer.setAway(false);
    }
  });
});

test('keys may be in a file, and the name of the source may be another', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fairline-jwks-'));
  const issuer = new Issuer([await makeKey('one', 'EdDSA')]);
  const file = join(directory, 'jwks.json');
  await writeFile(file, JSON.stringify(issuer.jwks()));
  const accounts = await startAccounts({ ...identityEnv(issuer, file), IDP_NAME: 'members' });
  try {
    const answer = await accounts.browser().post(PATH, { token: await issuer.token('ada:1') });
    assert.deepEqual([answer.status, answer.body.id], [200, 'members:ada:1'], answer.text);
  } finally {
    await accounts.close();
    await rm(directory, { recursive: true, force: true });
  }
});

test('without keys of a provider no token is taken', async () => {
  const accounts = await startAccounts();
  try {
    const answer = await accounts.browser().post(PATH, { token: 'x' });
    assert.deepEqual(refused(answer), [503, 'not-configured']);
    assert.equal(fault(answer)?.field, 'IDP_JWKS');
  } finally {
    await accounts.close();
  }
});
