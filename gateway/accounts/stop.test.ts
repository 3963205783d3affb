/** A stop in the middle of acts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { newAddress, PASSWORD, startAccounts } from './testing/accounts.ts';

const OTHER = 'five herons in the reeds';

test('a stop answers the acts under way, all of them, and refuses new ones', async () => {
  const accounts = await startAccounts({ ACCOUNTS_DATABASE_TIMEOUT_MS: '10000' });
  try {
    const address = await accounts.fan(newAddress());
    await accounts.browser().post('/v1/accounts/password-mail', { address });
    const token = await accounts.link(address, /new password/);
    const holder = await accounts.pool.connect();
    await holder.query('begin');
    await holder.query('select 1 from fans where email = $1 for update', [address]);
    const reset = accounts.browser().post('/v1/accounts/password', { token, password: OTHER });
    await eventually(async () => {
      const { rows } = await accounts.pool.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rows.length === 1;
    });
    const others = Array.from({ length: 3 }, (_, each) => {
      const browser = accounts.browser(`203.0.${each}.1`);
      const fresh = { address: newAddress(), password: PASSWORD };
      return [browser.post('/v1/accounts', fresh), browser.post('/v1/accounts/login', fresh)];
    }).flat();
    // One that arrives only after the signal gets 503.
    await Promise.race(others);
    accounts.process.child.kill('SIGTERM');
    const late = await eventually(async () => {
      const answer = await accounts.browser().get('/v1/accounts/me');
      return answer.status === 503 && answer;
    });
    assert.equal(late.headers.get('retry-after'), '1');
    await holder.query('rollback');
    holder.release();
    assert.equal((await reset).status, 204);
    for (const { status, text } of await Promise.all(others))
      assert.ok([202, 401, 503].includes(status), text);
    assert.equal(await accounts.process.ended, 0);
    const { rows } = await accounts.pool.query('select count(*) from fan_sessions');
    assert.equal(rows[0]?.count, 0);
    assert.doesNotMatch(accounts.process.output(), /an act failed|the library failed/);
  } finally {
    await accounts.close();
  }
});
