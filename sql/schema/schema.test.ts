import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { testDatabase } from '../../engine/test/support.ts';
import { checkSchema, SchemaMismatch } from './schema.ts';

const database = await testDatabase();
const client = new pg.Client({ connectionString: database.url });
before(() => client.connect());
after(async () => {
  await client.end();
  await database.drop();
});

/** The faults found after `change`, which is rolled back. */
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
  it('finds nothing in a freshly migrated database', async () => {
    await checkSchema(client);
  });

  it('ignores session settings that change output formats', async () => {
    assert.deepEqual(
      await faultsAfter(
        `set local timezone = 'Asia/Seoul'; set local datestyle = 'German'; set local intervalstyle = 'iso_8601';
         set local quote_all_identifiers = on; set local extra_float_digits = 0; set local bytea_output = 'escape'`,
      ),
      [],
    );
  });

  const guard =
    'CREATE TRIGGER campaigns_guard BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION campaigns_guard()';
  const epoch = 'sequence bigint increment 1 minvalue 1 maxvalue 9223372036854775807';
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
    ['drop sequence registry_epoch', `registry_epoch: is missing; expected "${epoch}": see 0001_ledger.sql`],
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
      'campaigns, constraint campaigns_granted: is missing; expected "CHECK (granted_count >= 0 AND granted_count <= places)": see 0001_ledger.sql',
    ],
    [
      'alter table grants drop constraint grants_campaign_id_fkey',
      'grants, constraint grants_campaign_id_fkey: is missing; expected "FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)": see 0001_ledger.sql',
    ],
    [
      'drop index gateways_to_backfill',
      'gateways, index gateways_to_backfill: is missing; expected "CREATE INDEX gateways_to_backfill ON gateways USING btree (gateway) WHERE NOT backfilled": see 0030_backfill.sql',
    ],
    [
      'drop index gateways_to_backfill; create index gateways_to_backfill on gateways (gateway desc) where not backfilled',
      'gateways, index gateways_to_backfill: is "CREATE INDEX gateways_to_backfill ON gateways USING btree (gateway DESC) WHERE NOT backfilled"; expected "CREATE INDEX gateways_to_backfill ON gateways USING btree (gateway) WHERE NOT backfilled": see 0030_backfill.sql',
    ],
    [
      'drop trigger campaigns_keep on campaigns',
      'campaigns, trigger campaigns_keep: is missing; expected "CREATE TRIGGER campaigns_keep BEFORE DELETE ON campaigns FOR EACH ROW EXECUTE FUNCTION campaigns_keep()": see 0001_ledger.sql',
    ],
    [
      'alter table grants disable trigger all',
      'grants, constraint grants_campaign_id_fkey: is "FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id) disabled"; expected "FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)": see 0001_ledger.sql',
    ],
    [
      'alter table campaigns disable trigger campaigns_guard',
      `campaigns, trigger campaigns_guard: is "${guard} disabled"; expected "${guard}": see 0001_ledger.sql`,
    ],
    [
      'alter table campaigns enable replica trigger campaigns_guard',
      `campaigns, trigger campaigns_guard: is "${guard} disabled"; expected "${guard}": see 0001_ledger.sql`,
    ],
    [
      'set local session_replication_role = replica',
      `campaigns, trigger campaigns_guard: is "${guard} disabled"; expected "${guard}": see 0001_ledger.sql`,
    ],
    [
      'drop trigger campaigns_shelved_once on campaigns; create trigger campaigns_shelved_once before update on campaigns for each row when (old.shelved_at > new.shelved_at) execute function campaigns_shelved_once()',
      'campaigns, trigger campaigns_shelved_once: is "CREATE TRIGGER campaigns_shelved_once BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (old.shelved_at > new.shelved_at) EXECUTE FUNCTION campaigns_shelved_once()"; expected "CREATE TRIGGER campaigns_shelved_once BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (old.shelved_at IS NOT NULL AND new.shelved_at IS DISTINCT FROM old.shelved_at) EXECUTE FUNCTION campaigns_shelved_once()": see 0018_shelved.sql',
    ],
    [
      'create or replace function campaigns_guard() returns trigger language plpgsql as $$ begin return new; end $$',
      'function campaigns_guard(): line 2 is "begin return new; end"; expected "declare": see 0041_raised_stock.sql',
    ],
    [
      'alter function has_entries(integer) security definer set search_path = public',
      'function has_entries(of_campaign integer): line 1 is "returns boolean language plpgsql volatile security definer set search_path=public"; expected "returns boolean language plpgsql volatile": see 0019_archives.sql',
    ],
    [
      'alter function has_entries(integer) immutable',
      'function has_entries(of_campaign integer): line 1 is "returns boolean language plpgsql immutable"; expected "returns boolean language plpgsql volatile": see 0019_archives.sql',
    ],
    [
      'drop trigger claimants_guard on claimants; drop function claimants_guard()',
      'function claimants_guard(): is missing; expected "returns trigger language plpgsql volatile" ...: see 0026_waitlist_position.sql',
    ],
    [
      'alter table campaigns drop constraint campaigns_granted, add constraint campaigns_granted check (granted_count >= 0)',
      'campaigns, constraint campaigns_granted: is "CHECK (granted_count >= 0)"; expected "CHECK (granted_count >= 0 AND granted_count <= places)": see 0001_ledger.sql',
    ],
    [
      'alter table campaigns drop constraint campaigns_settled, add constraint campaigns_settled check (settled_count >= granted_count) not valid',
      'campaigns, constraint campaigns_settled: is "CHECK (settled_count >= granted_count) NOT VALID"; expected "CHECK (settled_count >= granted_count)": see 0001_ledger.sql',
    ],
    [
      `create or replace view coupon_codes as
         select code, coupon_id, null::text collate "C" as holder from coupons where code is not null
         union all select g.code, c.coupon_id, g.user_id from grants g join coupons c using (campaign_id)`,
      'coupon_codes, query: line 11 is "     JOIN coupons c USING (campaign_id);"; expected "     JOIN coupons c USING (campaign_id)": see 0008_claims.sql',
    ],
    [
      'alter view coupon_codes set (security_invoker = true)',
      'coupon_codes: is "view with (security_invoker=true)"; expected "view": see 0006_coupons.sql',
    ],
    [
      'alter table entries enable row level security',
      'entries: is "table with row security"; expected "table": see 0001_ledger.sql',
    ],
    [
      'alter sequence registry_epoch cycle',
      `registry_epoch: is "${epoch} cycle"; expected "${epoch}": see 0001_ledger.sql`,
    ],
    [
      'alter table entries add source text not null',
      'entries, column source: is "text not null" and unknown to this version; expected a default',
    ],
  ];
  for (const [change, fault] of changes) {
    it(`reports ${change.slice(0, 90)}`, async () => {
      const faults = await faultsAfter(change);
      assert.ok(faults.includes(fault), `${faults.join('\n')}\nshould include\n${fault}`);
    });
  }

  it('reports every difference at once', async () => {
    const faults = await faultsAfter('drop table engines; drop index withdrawals_undecided');
    assert.deepEqual(
      faults.map(fault => fault.split(':')[0]),
      ['engines', 'withdrawals, index withdrawals_undecided'],
    );
  });

  it('reports migrations of another version', async () => {
    assert.deepEqual(
      await faultsAfter(
        "drop table engines; insert into schema_migrations (name, run_on) values ('9999_later', now())",
      ),
      [
        'engines: is missing; expected "table": see 0001_ledger.sql',
        'another version has run 9999_later here',
      ],
    );
  });

  it('accepts additions of a newer version', async () => {
    assert.deepEqual(
      await faultsAfter(
        'alter table entries add source text, add weight integer not null default 1; create table newer (id integer); create function newer() returns integer language sql as $$ select 1 $$',
      ),
      [],
    );
  });
});
