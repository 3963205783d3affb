import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPool, type Pool } from '../../sql/database.ts';
import { Locks } from '../locks.ts';
import { eventually, type TestDatabase, testDatabase } from '../test/support.ts';
import { LockedPartitions } from './partitions.ts';

let database: TestDatabase;
let pool: Pool;
const opened: Locks[] = [];
before(async () => {
  database = await testDatabase();
  pool = openPool(database.url, { max: 3, applicationName: 'test', onError: () => undefined });
});
after(async () => {
  for (const locks of opened) await locks.close();
  await pool.end();
  await database.drop();
});

function makeLocks(): Locks {
  const locks = new Locks({ databaseUrl: database.url, applicationName: 'test', onError: () => undefined });
  opened.push(locks);
  return locks;
}

function engine(): { locks: Locks; partitions: LockedPartitions } {
  const locks = makeLocks();
  return { locks, partitions: new LockedPartitions(pool, locks, 8) };
}

test('engines end with fair, disjoint shares, and take over those of a stopped engine', async () => {
  const first = engine();
  deepEqual(await first.partitions.poll(), [0, 1, 2, 3, 4, 5, 6, 7]);
  const second = engine();
  deepEqual(await second.partitions.poll(), [], 'all are assigned');
  deepEqual(await first.partitions.poll(), [0, 1, 2, 3], 'the first releases what exceeds its share');
  deepEqual(await second.partitions.poll(), [4, 5, 6, 7]);
  const third = engine();
  await third.partitions.poll();
  const shares = [
    await first.partitions.poll(),
    await second.partitions.poll(),
    await third.partitions.poll(),
  ];
  deepEqual(shares.flat().sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
  for (const share of shares) ok(share.length <= 3);
  // Gives its share back, so the others need not wait until it is forgotten.
  await second.partitions.giveBack();
  await third.partitions.giveBack();
  deepEqual(await first.partitions.poll(), [0, 1, 2, 3, 4, 5, 6, 7]);
  await first.partitions.giveBack();
});

test('an engine heard of in the future, by a clock before a failover, has no share', async () => {
  const first = engine();
  await pool.query(
    `insert into engines (engine_id, seen_at) values (gen_random_uuid(), now() + interval '60 s')`,
  );
  deepEqual(await first.partitions.poll(), [0, 1, 2, 3, 4, 5, 6, 7]);
  await first.partitions.giveBack();
});

test('an engine that loses its connection loses its partitions', async () => {
  const { partitions } = engine();
  equal((await partitions.poll()).length, 8);
  await pool.query(
    `select pg_terminate_backend(pid) from pg_locks
      where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
  );
  const other = makeLocks();
  await eventually(() => other.take({ name: 'partition', partition: 3 }));
  await eventually(async () => (await partitions.poll()).length > 0);
  deepEqual(await partitions.poll(), [0, 1, 2, 4, 5, 6, 7]);
  await partitions.giveBack();
});

test('one session holds a lock until it is released or its holder is gone', async () => {
  const [one, two] = [makeLocks(), makeLocks()];
  equal(await one.take({ name: 'registry' }), true);
  equal(await one.take({ name: 'registry' }), true);
  equal(await two.take({ name: 'registry' }), false);
  await one.release({ name: 'registry' });
  equal(await two.take({ name: 'registry' }), true);
  await two.close();
  await eventually(() => one.take({ name: 'registry' }));
});
