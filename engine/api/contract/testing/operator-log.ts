import assert from 'node:assert/strict';
import type { Checked } from './checked.ts';
import { logPaths } from './paths.ts';

/** What operators did. */
export async function matchOperatorLog({ api, call }: Checked): Promise<void> {
  await api.create();
  for (const [method, path] of logPaths) {
    assert.equal((await call(api, method, path)).status, 200);
  }
  const first = await call(api, 'GET', '/v1/operator-log', { query: '?limit=1' });
  assert.equal(first.body.next, 1);
  assert.equal((await call(api, 'GET', '/v1/operator-log', { query: '?limit=0' })).status, 400);
}
