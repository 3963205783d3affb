/** The role of the process of accounts; all other tests of accounts run as this role. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCOUNTS_ROLE, accountsUrl, testDatabase } from '../../engine/test/support.ts';
import { openPool } from '../../sql/database.ts';

test('the role of accounts has rights on its own tables and on no other', async () => {
  const database = await testDatabase();
  const pool = openPool(accountsUrl(database.url), {
    max: 1,
    applicationName: 'test',
    onError: () => undefined,
  });
  try {
    const { rows } = await pool.query<{ name: string; rights: string[] }>(
      `select t.relname as name, array_agg(r.name order by r.name) as rights
         from pg_class t,
              unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as r (name)
        where t.relkind in ('r', 'p', 'v') and t.relnamespace = 'public'::regnamespace
          and has_table_privilege(t.oid, r.name)
        group by t.relname order by t.relname`,
    );
    const own = ['delete', 'insert', 'select', 'update'];
    assert.deepEqual(
      rows.map(({ name, rights }) => [name, rights]),
      [
        ['fan_credentials', own],
        ['fan_providers', own],
        ['fan_sessions', own],
        ['fans', own],
        ['schema_migrations', ['select']],
      ],
    );
    for (const statement of [
      'select 1 from entries',
      'delete from operator_log',
      'create table mine (id int)',
    ])
      await assert.rejects(pool.query(statement), { code: /^42501$/ }, statement);
    const role = await pool.query(
      'select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication from pg_roles where rolname = $1',
      [ACCOUNTS_ROLE],
    );
    assert.deepEqual(new Set(Object.values(role.rows[0])), new Set([false]));
  } finally {
    await pool.end();
    await database.drop();
  }
});
