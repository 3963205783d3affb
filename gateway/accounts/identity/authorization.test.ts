/** Logins at an OpenID provider: a real one, and one that signs what it should not. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Issuer, makeKey, type TokenTerms } from '../../../engine/contract/identity/testing/issuer.ts';
import { startLiar } from '../../../engine/contract/identity/testing/liar.ts';
import {
  CLIENT_ID,
  RETURN_URL,
  shopToken,
  signIn,
  startProvider,
  type TestProvider,
} from '../../../engine/contract/identity/testing/provider.ts';
import { eventually } from '../../../engine/test/support.ts';
import { type Accounts, startAccounts } from '../testing/accounts.ts';
import type { Browser, BrowserAnswer } from '../testing/browser.ts';
import { providerEnv } from '../testing/identity-env.ts';

const REQUEST = '/v1/accounts/authorization-request';
const RESPONSE = '/v1/accounts/authorization-response';

const refused = ({ status, body }: BrowserAnswer): unknown[] => [
  status,
  String(body.type).replace('urn:fairline:problem:', ''),
  (body.errors as { field: string }[] | undefined)?.[0]?.field,
];
const begin = async (browser: Browser): Promise<string> => {
  const answer = await browser.post(REQUEST);
  assert.equal(answer.status, 200, answer.text);
  return String(answer.body.url);
};
const complete = (browser: Browser, query: string): Promise<BrowserAnswer> =>
  browser.post(RESPONSE, { query });

describe('a login at an OpenID provider', () => {
  let provider: TestProvider;
  let accounts: Accounts;
  before(async () => {
    provider = await startProvider();
    const keys = { IDP_JWKS: `${provider.issuer}/jwks`, IDP_AUDIENCE: CLIENT_ID };
    accounts = await startAccounts({ ...providerEnv(provider), ...keys });
  });
  after(async () => {
    await accounts.close();
    provider.close();
  });

  test('leads through the provider to a session, with PKCE, state and nonce', async () => {
    const browser = accounts.browser();
    const url = new URL(await begin(browser));
    assert.equal(url.origin, provider.issuer);
    const parameter = (name: string): string => url.searchParams.get(name) ?? '';
    assert.equal(parameter('redirect_uri'), RETURN_URL);
    assert.deepEqual([parameter('code_challenge_method'), parameter('scope')], ['S256', 'openid']);
    for (const name of ['code_challenge', 'state', 'nonce']) assert.ok(parameter(name).length >= 43, name);
    const answer = await complete(browser, await signIn(url.href, 'ada'));
    assert.deepEqual(
      [answer.status, answer.body.id, answer.body.address],
      [200, 'shop:ada', null],
      answer.text,
    );
    assert.equal((await browser.post('/v1/accounts/ticket')).body.user, 'shop:ada');
  });

  test('can be made by the shop: its ID token is exchanged, also while the provider is away, for the same person', async () => {
    const [token, later] = [await shopToken(provider, 'ada'), await shopToken(provider, 'ada')];
    const exchange = async (given: string): Promise<unknown> =>
      (await accounts.browser().post('/v1/accounts/exchange', { token: given })).body.id;
    assert.equal(await exchange(token), 'shop:ada');
    provider.setAway(true);
    try {
      assert.equal(await exchange(later), 'shop:ada');
    } finally {
      provider.setAway(false);
    }
  });

  test('is completed in each of two tabs', async () => {
    const browser = accounts.browser();
    const [first, second] = [await begin(browser), await begin(browser)];
    const queries = [await signIn(second, 'bob'), await signIn(first, 'bob')];
    for (const query of queries) assert.equal((await complete(browser, query)).status, 200);
  });

  test('counts once, and in the browser that began it', async () => {
    const [victim, attacker] = [accounts.browser(), accounts.browser()];
    const own = await signIn(await begin(attacker), 'eve');
    assert.deepEqual(refused(await complete(victim, own)), [401, 'authorization-refused', 'state']);
    const ofVictim = new URLSearchParams(await signIn(await begin(victim), 'ada'));
    assert.deepEqual(refused(await complete(victim, own)), [401, 'authorization-refused', 'state']);
    // A code of somebody else under the own state: the provider refuses it, as the code verifier is another.
    const injected = new URLSearchParams(ofVictim);
    injected.set('code', new URLSearchParams(own).get('code') ?? '');
    assert.deepEqual(refused(await complete(victim, `?${injected}`)), [401, 'authorization-refused', 'code']);
    assert.equal((await complete(victim, `?${ofVictim}`)).body.id, 'shop:ada');
    assert.deepEqual(refused(await complete(victim, `?${ofVictim}`)), [401, 'authorization-refused', 'code']);
    assert.equal((await victim.post('/v1/accounts/ticket')).body.user, 'shop:ada', 'the session stays');
  });

  test('that was not completed at the provider, or whose response was changed, names the parameter', async () => {
    const browser = accounts.browser();
    const denied = await complete(browser, await signIn(await begin(browser), 'nobody'));
    assert.deepEqual(refused(denied), [401, 'authorization-refused', 'error']);
    assert.match(denied.text, /access_denied/);
    const good = new URLSearchParams(await signIn(await begin(browser), 'carol'));
    const changed = (change: (query: URLSearchParams) => void): string => {
      const query = new URLSearchParams(good);
      change(query);
      return `?${query}`;
    };
    for (const [field, query] of [
      ['iss', changed(query => query.set('iss', 'https://evil.example'))],
      ['iss', changed(query => query.delete('iss'))],
      ['code', changed(query => query.delete('code'))],
      ['code', changed(query => query.append('code', 'x'))],
      ['state', changed(query => query.delete('state'))],
      ['state', 'x'],
    ] as const) {
      assert.deepEqual(refused(await complete(browser, query)), [401, 'authorization-refused', field], query);
    }
    assert.equal((await complete(browser, `?${good}`)).status, 200, 'none of them used the code up');
  });

  test('is for pages of this service only, and has a body', async () => {
    const browser = accounts.browser();
    const foreign = await browser.post(REQUEST, undefined, { 'sec-fetch-site': 'cross-site' });
    assert.deepEqual(refused(foreign), [403, 'foreign-origin', 'sec-fetch-site']);
    for (const query of [undefined, '', 7, 'x'.repeat(4_001)])
      assert.deepEqual(refused(await browser.post(RESPONSE, { query })), [400, 'invalid-request', 'query']);
  });

  test('while the provider is away: 503 without asking it each time, and again soon after it is back', async () => {
    const browser = accounts.browser();
    const query = await signIn(await begin(browser), 'dora');
    provider.setAway(true);
    try {
      const late = await startAccounts(providerEnv(provider));
      try {
        const asked = Array.from({ length: 20 }, () => late.browser().post(REQUEST));
        for (const answer of await Promise.all(asked))
          assert.deepEqual(refused(answer).slice(0, 2), [503, 'unavailable']);
        assert.deepEqual(refused(await late.browser().post(REQUEST)).slice(0, 2), [503, 'unavailable']);
        const warned = late.process.output().match(/the shop's provider could not be found/g);
        assert.equal(warned?.length, 1, 'one request for all of them');
        const answer = await complete(browser, query);
        assert.deepEqual(refused(answer).slice(0, 2), [503, 'unavailable']);
        assert.equal(answer.headers.get('retry-after'), '5');
        provider.setAway(false);
        await eventually(async () => (await late.browser().post(REQUEST)).status === 200);
      } finally {
        await late.close();
      }
    } finally {
      provider.setAway(false);
    }
    assert.equal((await complete(browser, query)).body.id, 'shop:dora', 'repeating it is safe');
  });
});

test('a public client has no secret; a wrong secret is an outage, which the log explains', async () => {
  const provider = await startProvider('');
  const other = await startProvider();
  const accounts = await startAccounts(providerEnv(provider, ''));
  const wrong = await startAccounts(providerEnv(other, 'another secret'));
  try {
    const browser = accounts.browser();
    assert.equal((await complete(browser, await signIn(await begin(browser), 'ada'))).body.id, 'shop:ada');
    const refusedClient = wrong.browser();
    const answer = await complete(refusedClient, await signIn(await begin(refusedClient), 'ada'));
    assert.deepEqual(refused(answer).slice(0, 2), [503, 'unavailable']);
    assert.match(wrong.process.output(), /invalid_client/);
    assert.ok(!wrong.process.output().includes('another secret'));
  } finally {
    await accounts.close();
    await wrong.close();
    provider.close();
    other.close();
  }
});

test('an ID token with a signature that is not allowed is refused', async () => {
  const provider = await startProvider();
  const accounts = await startAccounts({ ...providerEnv(provider), IDP_ALGORITHMS: 'ES256' });
  try {
    const browser = accounts.browser();
    const answer = await complete(browser, await signIn(await begin(browser), 'ada'));
    assert.deepEqual(refused(answer), [401, 'token-refused', 'token.alg'], answer.text);
  } finally {
    await accounts.close();
    provider.close();
  }
});

test('an ID token that is wrong is refused by the name of its claim or header', async () => {
  const issuer = new Issuer([await makeKey('one')]);
  let terms: TokenTerms = {};
  const { server, url } = await startLiar(issuer, () => terms);
  const accounts = await startAccounts(providerEnv({ issuer: url }));
  const login = async (given: TokenTerms): Promise<BrowserAnswer> => {
    terms = given;
    const browser = accounts.browser();
    const { searchParams } = new URL(await begin(browser));
    await fetch(`${url}/nonce?nonce=${searchParams.get('nonce')}`);
    return await complete(browser, `?code=x&state=${searchParams.get('state')}`);
  };
  try {
    assert.equal((await login({})).body.id, 'shop:ada', 'the rest of the provider is right');
    const nowS = Math.floor(Date.now() / 1_000);
    const stranger = await makeKey('one');
    for (const [field, given] of [
      ['token.nonce', { claims: { nonce: 'of another login' } }],
      ['token.nonce', { claims: { nonce: undefined } }],
      ['token.aud', { claims: { aud: 'another' } }],
      ['token.iss', { claims: { iss: 'https://evil.example' } }],
      ['token.exp', { claims: { exp: nowS - 60 } }],
      ['token.nbf', { claims: { nbf: nowS + 600 } }],
      ['token.sub', { claims: { sub: 'x'.repeat(200) } }],
      ['token.alg', { header: { alg: 'ES384' }, key: (await makeKey('x', 'ES384')).privateKey }],
      ['token.alg', { header: { alg: 'HS256' }, key: new TextEncoder().encode('x'.repeat(32)) }],
      ['token.kid', { header: { kid: 'two' } }],
      ['token.signature', { key: stranger.privateKey }],
    ] as const satisfies readonly (readonly [string, TokenTerms])[]) {
      const answer = await login(given);
      assert.deepEqual(refused(answer), [401, 'token-refused', field], answer.text);
      assert.equal(answer.setCookies.length, 0);
    }
  } finally {
    await accounts.close();
    server.closeAllConnections();
    server.close();
  }
});
