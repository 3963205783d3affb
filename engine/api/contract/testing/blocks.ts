import assert from 'node:assert/strict';
import type { Checked } from './checked.ts';
import { BLOCK, blockPaths, NEW_BLOCK } from './paths.ts';

export async function matchBlocks({ api, call }: Checked): Promise<void> {
  const made = await call(api, 'POST', '/v1/blocks', { body: NEW_BLOCK });
  assert.equal(made.status, 201, made.text);
  assert.equal(typeof made.body.in_force_at, 'string', 'no gateway has a lease');
  const id = Number(made.body.id);
  const again = await call(api, 'POST', '/v1/blocks', { body: NEW_BLOCK });
  assert.equal(again.status, 409);
  assert.equal((await call(api, 'GET', '/v1/blocks')).status, 200);
  assert.equal((await call(api, 'GET', '/v1/blocks', { query: '?limit=0' })).status, 400);
  assert.equal((await call(api, 'GET', BLOCK, { id })).status, 200);
  const lifted = await call(api, 'POST', `${BLOCK}/lift`, { id, body: { reason: 'A school' } });
  assert.equal(lifted.body.lift_reason, 'A school');
  for (const [method, path, body] of blockPaths) {
    const given = body === undefined ? {} : { body };
    if (path !== '/v1/blocks') {
      assert.equal((await call(api, method, path, { id: 'first', ...given })).status, 400);
      assert.equal((await call(api, method, path, { id: 999, ...given })).status, 404);
    }
    if (body === undefined) continue;
    assert.equal((await call(api, method, path, { id, body: {} })).status, 400);
    const text = { id, raw: 'a=1', headers: { 'content-type': 'text/plain' } };
    assert.equal((await call(api, method, path, text)).status, 415);
    assert.equal((await call(api, method, path, { id, body: 'x'.repeat(16 * 1024) })).status, 413);
  }
}
