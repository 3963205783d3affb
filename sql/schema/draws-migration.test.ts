/** Raffles that were running when draws became announced continue. */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import pg from 'pg';
import { emptyDatabase } from '../../engine/test/support.ts';
import { migrate, migrationFiles } from './migrate.ts';

const database = await emptyDatabase();
const client = new pg.Client({ connectionString: database.url });
after(async () => {
  await client.end();
  await database.drop();
});

const quiet = (): void => undefined;

it('removes an unverifiable seed, keeps one that was drawn with, and changes nothing else', async () => {
  const files = await migrationFiles();
  await migrate(database.url, quiet);
  for (let last = files.length - 1; !files[last]?.startsWith('0002'); last--) {
    await migrate(database.url, quiet, 'down');
  }
  await client.connect();
  const made = `insert into campaigns (kind, title, places, opens_at, closes_at, frozen_at, frozen_count, seed, seed_source, finished_at)
    values ('raffle', 'x', 1, '2030-01-01Z', '2030-01-02Z', now(), 3, $1, 'local', $2) returning campaign_id`;
  const seed = Buffer.alloc(32, 7);
  const drawn = (await client.query(made, [seed, new Date()])).rows[0].campaign_id;
  const undrawn = (await client.query(made, [seed, null])).rows[0].campaign_id;
  await migrate(database.url, quiet);
  const { rows } = await client.query(
    'select campaign_id, seed, seed_source, frozen_count, revision from campaigns order by campaign_id',
  );
  // 0031 gives each campaign a new revision.
  assert.deepEqual(rows, [
    { campaign_id: drawn, seed, seed_source: 'local', frozen_count: '3', revision: '2' },
    { campaign_id: undrawn, seed: null, seed_source: null, frozen_count: '3', revision: '3' },
  ]);
});
