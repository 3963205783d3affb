import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import pg from 'pg';
import { testDatabase } from '../../engine/test/support.ts';
import { readCatalog } from './catalog.ts';
import { ERD_FILE, erdDocument } from './erd.ts';

const database = await testDatabase();
const client = new pg.Client({ connectionString: database.url });
await client.connect();
after(async () => {
  await client.end();
  await database.drop();
});

/** The diagram after `change`, which is rolled back. */
async function drawnAfter(change: string): Promise<string> {
  await client.query('begin');
  try {
    await client.query(change);
    return erdDocument((await readCatalog(client)).facts);
  } finally {
    await client.query('rollback');
  }
}

test('ERD.md matches the migrated schema', async () => {
  const made = erdDocument((await readCatalog(client)).facts);
  const kept = await readFile(ERD_FILE, 'utf8');
  assert.equal(kept, made, 'sql/schema/ERD.md is stale; `npm run schema` writes it anew');
});

test('finds tables, columns, keys and nullability', async () => {
  const made = await drawnAfter(
    `create table seats (
       seat_id bigint generated always as identity primary key,
       campaign_id integer not null references campaigns,
       entered_by text collate "C" unique,
       held_until timestamptz(3),
       foreign key (campaign_id, entered_by) references entries
     )`,
  );
  const seats = /^ {2}seats \{\n(.*?)\n {2}\}/ms
    .exec(made)?.[1]
    ?.split('\n')
    .map(line => line.trim());
  assert.deepEqual(seats, [
    'bigint seat_id PK',
    'integer campaign_id FK',
    'text entered_by FK, UK "null"',
    'timestamptz(3) held_until "null"',
  ]);
  assert.ok(made.includes('  campaigns ||--o{ seats : "campaign_id"\n'));
  assert.ok(made.includes('  entries |o--o| seats : "campaign_id, entered_by"\n'));
});

test('draws a key without a foreign key dashed, until it has one', async () => {
  const dashed = '  campaigns ||..o{ entries : "campaign_id"\n';
  assert.ok(erdDocument((await readCatalog(client)).facts).includes(dashed));
  const made = await drawnAfter('alter table entries add foreign key (campaign_id) references campaigns');
  assert.ok(!made.includes(dashed));
  assert.ok(made.includes('  campaigns ||--o{ entries : "campaign_id"\n'));
});
