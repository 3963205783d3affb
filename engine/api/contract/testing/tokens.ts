import assert from 'node:assert/strict';
import type { Checked } from './checked.ts';
import { NEW_TOKEN, securedPaths, TOKEN_PATH, tokenPaths } from './paths.ts';

/** Operators' tokens, and what a role does not permit. */
export async function matchTokens({ api, broken, unavailableApi, call }: Checked): Promise<void> {
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
}
