import assert from 'node:assert/strict';
import type { Checked } from './checked.ts';
import { ARCHIVE, CAMPAIGN, roomPaths } from './paths.ts';

/** Waiting rooms and their terms. */
export async function matchRooms({ api, call }: Checked): Promise<void> {
  const id = await api.create({ kind: 'room', stock: undefined, per_second: 10, capacity: 100 });
  assert.equal((await call(api, 'GET', `${CAMPAIGN}/totals`, { id })).status, 200);
  assert.equal((await call(api, 'GET', CAMPAIGN, { id })).body.admitted, 0);
  const body = { per_second: 0.5, paused: true };
  const headers = { 'if-match': '"1"' };
  assert.equal((await call(api, 'PUT', `${CAMPAIGN}/room`, { id, body })).status, 428);
  const set = await call(api, 'PUT', `${CAMPAIGN}/room`, { id, body, headers });
  assert.deepEqual([set.status, set.body.version, set.body.capacity], [200, 2, null]);
  assert.deepEqual((await call(api, 'GET', `${CAMPAIGN}/room`, { id })).body, set.body);
  assert.equal((await call(api, 'PUT', `${CAMPAIGN}/room`, { id, body, headers })).status, 412);
  assert.deepEqual((await call(api, 'GET', `${CAMPAIGN}/room`, { id })).body, set.body);
  for (const [method, path, body] of roomPaths) {
    const with_ = body === undefined ? {} : { body };
    assert.equal((await call(api, method, path, { id: 'first', ...with_ })).status, 400);
    assert.equal((await call(api, method, path, { id: 999, ...with_ })).status, 404);
    const none = await call(api, method, path, { id: await api.create(), ...with_ });
    assert.equal(none.body.type, 'urn:fairline:problem:no-room');
  }
  await api.pool.query(
    `insert into archives (campaign_id, file, sha256, counts, totals) values ($1, $2, sha256(''), '{}', '{}')`,
    [id, ARCHIVE],
  );
  for (const [method, path, body] of roomPaths) {
    const answer = await call(api, method, path, { id, headers, ...(body === undefined ? {} : { body }) });
    assert.deepEqual([answer.status, answer.body.file], [410, ARCHIVE]);
  }
  const text = { raw: 'a=1', headers: { 'content-type': 'text/plain' } };
  assert.equal((await call(api, 'PUT', `${CAMPAIGN}/room`, text)).status, 415);
  const large = { body: 'x'.repeat(16 * 1024) };
  assert.equal((await call(api, 'PUT', `${CAMPAIGN}/room`, large)).status, 413);
}
