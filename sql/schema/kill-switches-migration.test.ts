/** 0038_kill_switches.sql while gateways go on: shops redeem, and campaigns are read. */
import { deepEqual, equal } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { emptyDatabase, eventually, type TestDatabase } from '../../engine/test/support.ts';
import { MIGRATIONS_DIRECTORY, migrate, migrationFiles } from './migrate.ts';

const FILE = '0038_kill_switches.sql';
const quiet = (): void => undefined;

let database: TestDatabase;
let one: pg.Client;
let other: pg.Client;
before(async () => {
  database = await emptyDatabase();
  await migrate(database.url, quiet, 'up', (await migrationFiles()).indexOf(FILE));
  one = new pg.Client({ connectionString: database.url });
  other = new pg.Client({ connectionString: database.url });
  await one.connect();
  await other.connect();
});
after(async () => {
  await one.end();
  await other.end();
  await database.drop();
});

test('campaigns are read while the indexes are built', async () => {
  const text = await readFile(join(MIGRATIONS_DIRECTORY, FILE), 'utf8');
  const built = text.indexOf(';', text.lastIndexOf('create index'));
  await one.query('begin');
  await one.query(text.slice(0, built));
  try {
    const { rows } = await other.query<{ name: string }>(
      `select relation::regclass::text as name from pg_locks
        where mode = 'AccessExclusiveLock' and relation in ('coupons'::regclass, 'campaigns'::regclass, 'campaign_versions'::regclass)`,
    );
    deepEqual(
      rows.map(({ name }) => name),
      ['coupons'],
    );
    await other.query(`set statement_timeout = '2s'`);
    equal((await other.query('select from campaigns')).rowCount, 0);
    equal((await other.query('select from campaign_versions')).rowCount, 0);
  } finally {
    await one.query('rollback');
  }
});

test('a redemption in flight ends, and the migration waits for it', async () => {
  await other.query(`set statement_timeout = '20s'`);
  // The order in which decideBatch takes its locks (gateway/coupons/transaction.ts); rows of the tables do not matter.
  await one.query('begin');
  await one.query('select from coupons');
  await one.query('select from coupons for no key update');
  await one.query('update redemption_uses set held_until = null where false');
  const migrated = migrate(database.url, quiet, 'up', 1);
  await eventually(async () => {
    const { rows } = await other.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows.length === 1;
  });
  await one.query('insert into redemptions overriding system value select * from redemptions where false');
  // Longer than deadlock_timeout: the server would have ended one of the two.
  await sleep(1_500);
  await one.query('commit');
  equal((await migrated).length, 1);
});
