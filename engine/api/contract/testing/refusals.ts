import assert from 'node:assert/strict';
import { SESSION_COOKIE } from '../../http/session-cookie.ts';
import { MAX_EXPORTS } from '../../routes/entry-routes.ts';
import { inMs } from '../../testing/api.ts';
import type { Checked } from './checked.ts';
import {
  again,
  bodies,
  CAMPAIGN,
  campaignPaths,
  changePaths,
  drawPaths,
  makePaths,
  ownPaths,
  securedPaths,
  TEMPLATE,
} from './paths.ts';

/** Requests that are refused for what they say. */
export async function matchInvalidRequests({ api, call }: Checked): Promise<void> {
  for (const [method, path] of securedPaths) {
    assert.equal((await call(api, method, path, { token: undefined })).status, 401);
    assert.equal((await call(api, method, path, { token: 'another' })).status, 401);
    const headers = { cookie: `${SESSION_COOKIE}=x`, 'sec-fetch-site': 'cross-site' };
    assert.equal((await call(api, method, path, { token: undefined, headers })).status, 403);
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
}

/** A database that is away, and one without tables. */
export async function matchOutages({ unavailableApi, broken, call }: Checked): Promise<void> {
  const own: readonly string[] = ownPaths.map(([, path]) => path);
  for (const [method, path] of securedPaths) {
    // These answer a token before they look into the ledger; matchAccounts asks in a session.
    if (own.includes(path)) continue;
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
}

/** More exports at once than are allowed. */
export async function matchTooManyExports({ api, call }: Checked): Promise<void> {
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
}
