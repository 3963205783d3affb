import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import { emptyDatabase, type TestDatabase } from '../../engine/test/support.ts';
import { MIGRATIONS_TABLE, migrate, migrationFiles } from './migrate.ts';

const databases: TestDatabase[] = [];
after(async () => {
  for (const database of databases) await database.drop();
});

async function fresh(): Promise<string> {
  const database = await emptyDatabase();
  databases.push(database);
  return database.url;
}

async function select(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(text);
  await client.end();
  return rows;
}

const quiet = (): void => undefined;

describe('migrate', () => {
  it('migrates once when several engines start together, and all succeed', async () => {
    const url = await fresh();
    const all = (await migrationFiles()).map(file => file.replace(/\.sql$/, ''));
    const lines: string[] = [];
    const runs = await Promise.all([1, 2, 3, 4].map(() => migrate(url, line => lines.push(line))));
    assert.deepEqual(
      runs.filter(run => run.length > 0),
      [all],
    );
    assert.deepEqual(
      lines,
      all.map(name => `migrate: ${name} up`),
    );
    assert.deepEqual(
      await select(url, `select name from ${MIGRATIONS_TABLE} order by id`),
      all.map(name => ({ name })),
    );
  });

  it('keeps existing rows', async () => {
    const url = await fresh();
    await migrate(url, quiet);
    await select(
      url,
      `insert into campaigns (kind, title, places, opens_at, closes_at)
       values ('coupon', 'kept', 1, now(), now() + interval '1 hour')`,
    );
    assert.deepEqual(await migrate(url, quiet), []);
    assert.deepEqual(await select(url, 'select title from campaigns'), [{ title: 'kept' }]);
  });

  it('reverts everything and can start over', async () => {
    const url = await fresh();
    const files = await migrationFiles();
    await migrate(url, quiet);
    for (const _ of files) await migrate(url, quiet, 'down');
    const left = await select(
      url,
      `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'S')
       union all select proname from pg_proc where pronamespace = 'public'::regnamespace order by 1`,
    );
    assert.deepEqual(left, [{ relname: MIGRATIONS_TABLE }, { relname: `${MIGRATIONS_TABLE}_id_seq` }]);
    assert.equal((await migrate(url, quiet)).length, files.length);
  });

  it('changes nothing when a migration fails, and reports why', async () => {
    const url = await fresh();
    await select(url, 'create table entries (other integer)');
    const lines: string[] = [];
    await assert.rejects(
      migrate(url, line => lines.push(line)),
      /relation "entries" already exists/,
    );
    assert.match(lines.join('\n'), /entries/);
    assert.deepEqual(await select(url, `select to_regclass('campaigns') as table`), [{ table: null }]);
  });

  it('rejects without a database', async () => {
    await assert.rejects(migrate('postgres://nobody@127.0.0.1:1/none', quiet), /ECONNREFUSED/);
  });
});
