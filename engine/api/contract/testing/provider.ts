import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { signIn, startProvider } from '../../../contract/identity/testing/provider.ts';
import { type Call, startApi, type TestApi } from '../../testing/api.ts';
import {
  AUTHORIZATION_REQUEST,
  AUTHORIZATION_RESPONSE,
  begin,
  LOGIN_PAGE,
  termsOf,
} from '../../testing/provider.ts';
import type { Checked } from './checked.ts';

const FOREIGN = { token: undefined, headers: { 'sec-fetch-site': 'cross-site' } } as const;
const QUERY = { token: undefined, body: { query: '?state=x' } } as const;
const TEXT = { token: undefined, raw: 'a=1', headers: { 'content-type': 'text/plain' } } as const;

/** Logins of operators at an identity provider. Comes after those whose names it takes. */
export async function matchProvider(checked: Checked): Promise<void> {
  const { api, call } = checked;
  assert.equal((await call(api, 'GET', '/login', { token: undefined })).status, 200);
  assert.equal((await call(api, 'POST', AUTHORIZATION_REQUEST, { token: undefined })).status, 503);
  assert.equal((await call(api, 'POST', AUTHORIZATION_RESPONSE, QUERY)).status, 503);
  const claims: Readonly<Record<string, object>> = {
    ada: { preferred_username: 'Ada at the provider', groups: ['shop'] },
    grace: { preferred_username: 'Grace', groups: ['shop'] },
  };
  const provider = await startProvider(undefined, LOGIN_PAGE, sub => ({ ...claims[sub] }));
  const operatorProvider = termsOf(provider.issuer);
  const on = await startApi({ pool: api.pool, operatorProvider });
  const broken = await startApi({ pool: checked.broken.deps.pool, operatorProvider });
  const unavailable = await startApi({ pool: checked.unavailableApi.deps.pool, operatorProvider });
  const login = async (sub: string, at: TestApi = on): Promise<number> => {
    const { url, cookie } = await begin(at);
    const query = await signIn(url.href, sub, LOGIN_PAGE);
    return await respond(at, { body: { query }, headers: { cookie } });
  };
  const respond = async (at: TestApi, given: Call): Promise<number> =>
    (await call(at, 'POST', AUTHORIZATION_RESPONSE, { token: undefined, ...given })).status;
  try {
    assert.equal((await call(on, 'POST', AUTHORIZATION_REQUEST, { token: undefined })).status, 200);
    assert.equal((await call(on, 'POST', AUTHORIZATION_REQUEST, FOREIGN)).status, 403);
    assert.equal(await respond(on, { ...QUERY, ...FOREIGN }), 403);
    assert.equal(await respond(on, { body: {} }), 400);
    assert.equal(await respond(on, TEXT), 415);
    assert.equal(await respond(on, { body: 'x'.repeat(16 * 1024) }), 413);
    assert.equal(await login('ada'), 200);
    assert.equal(await login('nobody'), 401, 'who was refused at the provider');
    assert.equal(await login('without a group'), 401);
    const mark = createHash('sha256').update(`${provider.issuer}\ngrace`).digest('hex').slice(0, 12);
    await api.call('POST', '/v1/operators', { body: { name: `Grace (${mark})`, role: 'viewer' } });
    assert.equal(await login('grace'), 409);
    assert.equal(await login('ada', broken), 500);
    assert.equal(await login('ada', unavailable), 503);
    const { url, cookie } = await begin(on);
    const query = await signIn(url.href, 'ada', LOGIN_PAGE);
    const late = await startApi({ pool: api.pool, operatorProvider });
    provider.setAway(true);
    assert.equal((await call(late, 'POST', AUTHORIZATION_REQUEST, { token: undefined })).status, 503);
    assert.equal(await respond(on, { body: { query }, headers: { cookie } }), 503);
    await late.close();
    const statuses = [];
    for (let time = 0; time < 65; time++) statuses.push(await respond(on, QUERY));
    assert.equal(statuses.at(-1), 429);
  } finally {
    provider.close();
    for (const each of [on, broken, unavailable]) await each.close();
  }
}
