import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { testDatabase } from '../../engine/test/support.ts';
import { type Fact, readCatalog } from './catalog.ts';
import { MIGRATIONS_TABLE, migrationFiles } from './migrate.ts';
import { checkSchema, expectedFacts, SchemaMismatch } from './schema.ts';

const database = await testDatabase();
const client = new pg.Client({ connectionString: database.url });
before(() => client.connect());
after(async () => {
  await client.end();
  await database.drop();
});

/** What is found wrong after `change`, which is undone. */
async function faultsAfter(change: string): Promise<readonly string[]> {
  await client.query('begin');
  try {
    await client.query(change);
    await checkSchema(client);
    return [];
  } catch (error) {
    if (error instanceof SchemaMismatch) return error.faults;
    throw error;
  } finally {
    await client.query('rollback');
  }
}

describe('checkSchema', () => {
  it('finds nothing in a database that was just migrated', async () => {
    await checkSchema(client);
  });

  it('expects exactly what the migrations make', async () => {
    const sorted = (facts: readonly Fact[]): string[] =>
      facts
        .map(({ relation, part, name, definition }) => `${relation} ${part} ${name}: ${definition}`)
        .sort();
    const made = (await readCatalog(client)).filter(({ relation }) => relation !== MIGRATIONS_TABLE);
    assert.deepEqual(sorted(expectedFacts()), sorted(made));
  });

  it('names migrations that are there', async () => {
    const files = await migrationFiles();
    for (const { migration } of expectedFacts()) assert.ok(files.includes(migration), migration);
  });

  const closesAt = 'timestamp(3) with time zone not null';
  const changes: readonly [change: string, fault: string][] = [
    [
      'alter table campaigns alter closes_at drop not null',
      `campaigns, column closes_at: is "timestamp(3) with time zone"; expected "${closesAt}": see 0001_ledger.sql`,
    ],
    [
      'drop view entry_outcomes; alter table entries alter stamp type numeric',
      'entries, column stamp: is "numeric not null"; expected "bigint not null": see 0001_ledger.sql',
    ],
    [
      'drop view entry_outcomes; alter table entries alter user_id type text collate "default"',
      'entries, column user_id: is "text not null"; expected "text collate "C" not null": see 0001_ledger.sql',
    ],
    [
      'alter table gateways rename slice_number to number_of_slice',
      'gateways, column slice_number: is missing; expected "bigint not null default 0": see 0001_ledger.sql',
    ],
    [
      'alter table campaigns alter revision drop default',
      'campaigns, column revision: is "bigint not null"; expected "bigint not null default 1": see 0001_ledger.sql',
    ],
    ['drop table engines', 'engines: is missing; expected "table": see 0001_ledger.sql'],
    [
      'alter table engines set unlogged',
      'engines: is "unlogged table"; expected "table": see 0001_ledger.sql',
    ],
    ['drop view entry_outcomes', 'entry_outcomes: is missing; expected "view": see 0009_room.sql'],
    [
      "drop view entry_outcomes; create view entry_outcomes as select campaign_id, user_id, stamp, ''::text as outcome, 1 as serial, ''::text as code, 1 as granted_at, stamp as claim_by_us, stamp as ended_us from entries",
      'entry_outcomes, column granted_at: is "integer"; expected "timestamp(3) with time zone": see 0009_room.sql',
    ],
    [
      'drop sequence registry_epoch',
      'registry_epoch: is missing; expected "sequence bigint": see 0001_ledger.sql',
    ],
    [
      'alter table log_partitions drop constraint log_partitions_pkey',
      'log_partitions, constraint log_partitions_pkey: is missing; expected "PRIMARY KEY (log_name, partition)": see 0001_ledger.sql',
    ],
    [
      'alter table entries drop constraint entries_stamp, add constraint entries_stamp unique (stamp)',
      'entries, constraint entries_stamp: is "UNIQUE (stamp)"; expected "UNIQUE (campaign_id, stamp)": see 0001_ledger.sql',
    ],
    [
      'alter table campaigns drop constraint campaigns_granted',
      'campaigns, constraint campaigns_granted: is missing; expected "CHECK": see 0001_ledger.sql',
    ],
    [
      'alter table grants drop constraint grants_campaign_id_fkey',
      'grants, constraint grants_campaign_id_fkey: is missing; expected "FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)": see 0001_ledger.sql',
    ],
    [
      'drop index gateways_unrepaired',
      'gateways, index gateways_unrepaired: is missing; expected "btree (gateway) where NOT repaired": see 0001_ledger.sql',
    ],
    [
      'drop index gateways_unrepaired; create index gateways_unrepaired on gateways (gateway)',
      'gateways, index gateways_unrepaired: is "btree (gateway)"; expected "btree (gateway) where NOT repaired": see 0001_ledger.sql',
    ],
    [
      'drop trigger campaigns_keep on campaigns',
      'campaigns, trigger campaigns_keep: is missing; expected "CREATE TRIGGER campaigns_keep BEFORE DELETE ON campaigns FOR EACH ROW EXECUTE FUNCTION campaigns_keep()": see 0001_ledger.sql',
    ],
    [
      'alter table entries add source text not null',
      'entries, column source: is "text not null" and unknown to this version; expected a default',
    ],
  ];
  for (const [change, fault] of changes) {
    it(`names what is wrong after: ${change.slice(0, 90)}`, async () => {
      const faults = await faultsAfter(change);
      assert.ok(faults.includes(fault), `${faults.join('\n')}\nshould include\n${fault}`);
    });
  }

  it('names a trigger that is disabled', async () => {
    const [fault] = await faultsAfter('alter table campaigns disable trigger campaigns_guard');
    assert.match(fault ?? '', /^campaigns, trigger campaigns_guard: is "CREATE TRIGGER .* disabled"; /);
  });

  it('names everything at once', async () => {
    const faults = await faultsAfter('drop table engines; drop index withdrawals_undecided');
    assert.deepEqual(
      faults.map(fault => fault.split(':')[0]),
      ['engines', 'withdrawals, index withdrawals_undecided'],
    );
  });

  it('lets be what a newer version has added', async () => {
    assert.deepEqual(
      await faultsAfter(
        'alter table entries add source text, add weight integer not null default 1; create table newer (id integer)',
      ),
      [],
    );
  });
});
