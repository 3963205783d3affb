/** ID tokens of operators that are wrong, one claim or header at a time, and clocks that differ. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Issuer, makeKey, type TokenTerms } from '../../../contract/identity/testing/issuer.ts';
import { startLiar } from '../../../contract/identity/testing/liar.ts';
import { startProvider } from '../../../contract/identity/testing/provider.ts';
import { type Answer, startApi, type TestApi } from '../../testing/api.ts';
import { begin, LOGIN_PAGE, logInByProvider, termsOf } from '../../testing/provider.ts';

const GOOD = { groups: ['shop'], preferred_username: 'ada' };

let issuer: Issuer;
let terms: TokenTerms = {};
let liar: Awaited<ReturnType<typeof startLiar>>;
let api: TestApi;
before(async () => {
  issuer = new Issuer([await makeKey('one')]);
  liar = await startLiar(issuer, () => ({ ...terms, claims: { ...GOOD, ...terms.claims } }));
  api = await startApi({ operatorProvider: termsOf(liar.url) });
});
after(async () => {
  liar.server.closeAllConnections();
  liar.server.close();
  await api.close();
});

async function login(given: TokenTerms): Promise<Answer> {
  terms = given;
  const { url, complete } = await begin(api);
  await fetch(`${liar.url}/nonce?nonce=${url.searchParams.get('nonce')}`);
  return await complete(`?code=x&state=${url.searchParams.get('state')}`);
}

function faultOf({ status, body }: Answer): unknown {
  const slug = String(body.type).replace('urn:fairline:problem:', '');
  return [status, slug, (body.errors as { field: string }[] | undefined)?.[0]?.field];
}

describe('an ID token of an operator', () => {
  it('is accepted if clocks differ by less than half a minute', async () => {
    const nowS = Math.floor(Date.now() / 1_000);
    for (const claims of [{}, { exp: nowS - 15 }, { nbf: nowS + 15 }, { iat: nowS + 15 }]) {
      const answer = await login({ claims });
      assert.equal(answer.status, 200, answer.text);
    }
  });

  it('is refused by the name of the claim or header that is wrong, and nothing is made', async () => {
    const nowS = Math.floor(Date.now() / 1_000);
    const stranger = await makeKey('one');
    const { rows: before } = await api.pool.query('select count(*) from operator_sessions');
    for (const [field, given] of [
      ['token.nonce', { claims: { nonce: 'of another login' } }],
      ['token.nonce', { claims: { nonce: undefined } }],
      ['token.aud', { claims: { aud: 'another' } }],
      ['token.aud', { claims: { aud: undefined } }],
      ['token.iss', { claims: { iss: 'https://evil.example' } }],
      ['token.exp', { claims: { exp: nowS - 60 } }],
      ['token.nbf', { claims: { nbf: nowS + 600 } }],
      ['token.sub', { claims: { sub: 'x'.repeat(256) } }],
      ['token.sub', { claims: { sub: 'a\u0000b' } }],
      ['token.groups', { claims: { groups: undefined } }],
      ['token.groups', { claims: { groups: ['everybody'] } }],
      ['token.alg', { header: { alg: 'ES384' }, key: (await makeKey('x', 'ES384')).privateKey }],
      ['token.alg', { header: { alg: 'HS256' }, key: new TextEncoder().encode('x'.repeat(32)) }],
      ['token.kid', { header: { kid: 'two' } }],
      ['token.signature', { key: stranger.privateKey }],
    ] as const satisfies readonly (readonly [string, TokenTerms])[]) {
      const answer = await login(given);
      assert.deepEqual(faultOf(answer), [401, 'token-refused', field], answer.text);
      assert.equal(answer.headers.get('set-cookie'), null);
    }
    const { rows: left } = await api.pool.query('select count(*) from operator_sessions');
    assert.ok(Number(left[0]?.count) <= Number(before[0]?.count));
  });

  it('has an algorithm that the settings allow', async () => {
    const provider = await startProvider(undefined, LOGIN_PAGE, () => GOOD);
    const operatorProvider = termsOf(provider.issuer, { OPERATOR_OIDC_ALGORITHMS: 'ES256' });
    const strict = await startApi({ operatorProvider });
    try {
      const answer = await logInByProvider(strict, 'ada');
      assert.deepEqual(faultOf(answer), [401, 'token-refused', 'token.alg'], answer.text);
    } finally {
      await strict.close();
      provider.close();
    }
  });
});
