import assert from 'node:assert/strict';
import { openPool } from '../../../../sql/database.ts';
import { type Answer, startApi } from '../../testing/api.ts';
import type { Checked } from './checked.ts';
import { TRUST } from './paths.ts';

/** Clocks that contradict each other, and the statement on which is right. */
export async function matchClocks({ api, call }: Checked): Promise<void> {
  const trust = (body: object): Promise<Answer> => call(api, 'POST', '/v1/clocks/trust', { body });
  assert.equal((await trust(TRUST)).body.type, 'urn:fairline:problem:clocks-agree');
  const set = await startApi();
  // Sessions of this database show another time than Redis.
  const { rows } = await set.pool.query('select current_database() as name');
  await set.pool.query(`
    create schema fake;
    create function fake.clock_timestamp() returns timestamptz language sql volatile as
      $$ select pg_catalog.clock_timestamp() - interval '120 s' $$;
    alter database ${rows[0].name} set search_path = fake, pg_catalog, public;`);
  const { connectionString } = set.pool.options;
  assert.ok(connectionString !== undefined);
  const pool = openPool(connectionString, { max: 2, applicationName: 'test', onError: () => undefined });
  const behind = await startApi({ pool });
  const other = { ...TRUST, ahead_ms: -120_000 };
  const refused = await call(behind, 'POST', '/v1/clocks/trust', { body: other });
  assert.deepEqual([refused.status, refused.body.ahead_of], [409, 'postgres'], refused.text);
  const right = { body: { ...TRUST, ahead_ms: Number(refused.body.ahead_ms) } };
  assert.equal((await call(behind, 'POST', '/v1/clocks/trust', right)).status, 200);
  assert.equal((await call(behind, 'GET', '/v1/clocks')).status, 200);
  await behind.close();
  await pool.end();
  await set.close();
  assert.equal((await trust({ ...TRUST, right: 'postgres' })).status, 400);
  assert.equal((await trust({})).status, 400);
  const text = { raw: 'a=1', headers: { 'content-type': 'text/plain' } };
  assert.equal((await call(api, 'POST', '/v1/clocks/trust', text)).status, 415);
  assert.equal((await call(api, 'POST', '/v1/clocks/trust', { body: 'x'.repeat(16 * 1024) })).status, 413);
}
