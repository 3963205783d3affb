/** On a PostgreSQL of its own: a role belongs to a whole server, and other tests use that of theirs. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPool } from '../../sql/database.ts';
import { migrate } from '../../sql/schema/migrate.ts';
import { makeAccountsRole } from './accounts-role.ts';
import { startStack } from './stack.ts';

test('npm start gives accounts a role that has only their tables, also at the next start', {
  timeout: 180_000,
}, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'fairline-role-'));
  const stack = await startStack({ dir, env: { ...process.env, DATABASE_URL: '', LOG: 'redis' } });
  try {
    const first = await makeAccountsRole(stack.env.DATABASE_URL, 'a secret');
    await migrate(stack.env.DATABASE_URL, () => undefined);
    const url = await makeAccountsRole(stack.env.DATABASE_URL, 'a secret');
    assert.equal(url, first);
    const pool = openPool(url, { max: 1, applicationName: 'test', onError: () => undefined });
    try {
      assert.equal((await pool.query('select 1 from fans')).rows.length, 0);
      await assert.rejects(pool.query('select 1 from entries'), { code: '42501' });
    } finally {
      await pool.end();
    }
  } finally {
    await stack.stop();
    await rm(dir, { recursive: true, force: true });
  }
});
