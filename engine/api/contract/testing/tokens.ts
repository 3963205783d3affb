import assert from 'node:assert/strict';
import type { Checked } from './checked.ts';
import {
  NEW_SHOP_TOKEN,
  NEW_TOKEN,
  SHOP_TOKEN_PATH,
  securedPaths,
  shopTokenPaths,
  TOKEN_PATH,
  tokenPaths,
} from './paths.ts';

/** Operators' and shops' tokens, and what a role does not permit. */
export async function matchTokens(checked: Checked): Promise<void> {
  const { api, broken, unavailableApi, call } = checked;
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
  await matchKind(checked, '/v1/tokens', TOKEN_PATH, tokenPaths, NEW_TOKEN, id);
  const viewer = await api.tokenOf('Ann', 'viewer');
  for (const [method, path] of securedPaths) {
    const answer = await api.call(method, path.replace('{id}', '1'), { token: viewer });
    if (answer.status === 403) await call(api, method, path, { token: viewer });
  }
}

export async function matchShopTokens(checked: Checked): Promise<void> {
  const { api, call } = checked;
  const first = await call(api, 'POST', '/v1/shop-tokens', { body: NEW_SHOP_TOKEN });
  assert.equal(first.status, 201, first.text);
  const id = Number(first.body.id);
  await matchKind(checked, '/v1/shop-tokens', SHOP_TOKEN_PATH, shopTokenPaths, NEW_SHOP_TOKEN, id);
}

/** What the routes of both kinds answer; `id` is that of a token with the name of `body`. */
async function matchKind(
  { api, call }: Checked,
  all: string,
  one: string,
  paths: typeof tokenPaths | typeof shopTokenPaths,
  body: object,
  id: number,
): Promise<void> {
  assert.equal((await call(api, 'POST', all, { body })).status, 409);
  assert.equal((await call(api, 'GET', all)).status, 200);
  assert.equal((await call(api, 'GET', all, { query: '?limit=0' })).status, 400);
  assert.equal((await call(api, 'GET', one, { id })).status, 200);
  assert.equal((await call(api, 'POST', `${one}/revoke`, { id })).status, 200);
  for (const [method, path] of paths) {
    if (path === all) continue;
    assert.equal((await call(api, method, path, { id: 'first' })).status, 400);
    assert.equal((await call(api, method, path, { id: 999 })).status, 404);
  }
  const text = { raw: 'a=1', headers: { 'content-type': 'text/plain' } };
  assert.equal((await call(api, 'POST', all, text)).status, 415);
  assert.equal((await call(api, 'POST', all, { body: 'x'.repeat(16 * 1024) })).status, 413);
  assert.equal((await call(api, 'POST', all, { body: {} })).status, 400);
}
