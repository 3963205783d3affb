import assert from 'node:assert/strict';
import type { Checked } from './checked.ts';
import { peoplePaths } from './paths.ts';

/** People: somebody who has everything that an answer can show. */
export async function matchPeople({ api, call }: Checked): Promise<void> {
  const user = 'f'.repeat(32);
  const id = await api.create();
  await api.pool.query('insert into entries values ($1, $2, 1024)', [id, user]);
  await api.pool.query(`insert into grants values ($1, 1, $2, 'PEOP-LE01', now())`, [id, user]);
  await api.pool.query('insert into withdrawals values ($1, $2, 2048, false)', [id, user]);
  await api.pool.query(
    `insert into fans (id, name, email, email_verified, locale, created_at, updated_at)
     values ($1, '', 'fan@example.com', true, 'en', now(), now())`,
    [user],
  );
  await api.pool.query(
    `insert into fan_sessions (id, fan_id, token, expires_at, ip_address, user_agent, created_at, updated_at, credential_version)
     select id, id, id, now() + interval '1 hour', '203.0.113.0', '', now(), now(), credential_version from fans where id = $1`,
    [user],
  );
  await api.pool.query(
    `with made as (
       insert into redemptions (user_id, state, basket, pricing, created_at, redeemed_at)
       values ($1, 'redeemed', '{"currency":"EUR"}', '{"total":900}', now(), now()) returning redemption_id)
     insert into refunds select redemption_id, 1, '{"amount":900}', now() from made`,
    [user],
  );
  for (const body of [{ user }, { code: 'peop-le01' }, { campaign: id, serial: 1 }])
    assert.equal((await call(api, 'POST', '/v1/people/search', { body })).status, 200);
  const nowhere = { body: { campaign: 999, serial: 1 } };
  assert.equal((await call(api, 'POST', '/v1/people/search', nowhere)).status, 404);
  for (const [method, path] of peoplePaths) {
    assert.equal((await call(api, method, path, { body: { user } })).status, 200);
    assert.equal((await call(api, method, path, { body: {} })).status, 400);
    const text = { raw: 'a=1', headers: { 'content-type': 'text/plain' } };
    assert.equal((await call(api, method, path, text)).status, 415);
    assert.equal((await call(api, method, path, { body: 'x'.repeat(16 * 1024) })).status, 413);
  }
}
