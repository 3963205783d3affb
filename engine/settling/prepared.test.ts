/** Prepared statements: their plans outlive the state of the tables that they were made for. */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPool, type Pool } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { createRoom } from '../../sql/statements/rooms/rooms.ts';
import { TestLedger } from '../test/settling.ts';

let ledger: TestLedger;
/** With a single connection. */
let pool: Pool;
before(async () => {
  ledger = await TestLedger.make();
  pool = openPool(ledger.url, { max: 1, applicationName: 'test', onError: () => undefined });
});
after(async () => {
  await pool.end();
  await ledger.close();
});

/** After five plans for given parameters, the server chooses a plan for all parameters. */
const TIMES = 8;
const TABLES = ['entries', 'withdrawals', 'claims', 'claimants', 'alternates', 'room_people', 'grants'];

/** Before each of several steps, one user enters, one withdraws and one claims. */
async function settleOften(campaign: Campaign, fromUs: number): Promise<void> {
  for (let at = fromUs; at < fromUs + 10 * TIMES; at += 10) {
    await ledger.enter(campaign, at, at + 1, at + 2);
    await ledger.leave(campaign, [at + 1, at + 3]);
    await ledger.claim(campaign, [at, at + 4]);
    await ledger.settle(campaign, at + 5, { pool });
  }
}

/** How often that connection has scanned each table from end to end. */
async function scans(): Promise<readonly { readonly table: string; readonly count: number }[]> {
  await pool.query('select pg_stat_force_next_flush()');
  const { rows } = await pool.query<{ table: string; count: number }>(
    `select relname as table, seq_scan as count from pg_stat_user_tables where relname = any ($1) order by relname`,
    [TABLES],
  );
  return rows;
}

test('a plan made for small tables never scans a large one', async () => {
  const [coupon, other] = [
    await ledger.claimed(5, { withinS: 1, waitlist: 100_000 }),
    await ledger.campaign('coupon', 5),
  ];
  const room = await ledger.campaign('room', 100);
  await createRoom(pool, room.campaignId, {
    ...{ perSecond: 10, capacity: null, paused: false, graceMs: 1_000, passMs: 1_000, visitMs: null },
    singleUse: false,
  });
  await settleOften(coupon, 10);
  await pool.query('analyze');
  const before = await scans();
  await settleOften(coupon, 1_000);
  await settleOften(other, 1_000);
  await settleOften(room, 1_000);
  deepEqual(await scans(), before);
});

test('replaces a connection whose plans a migration invalidated, for the next step', async () => {
  const campaign = await ledger.campaign('coupon', 5);
  await settleOften(campaign, 10);
  await ledger.pool.query('alter table campaigns alter column gone_ranked type bigint');
  await ledger.enter(campaign, 1_000);
  await rejects(ledger.settle(campaign, 1_001, { pool }), /cached plan must not change result type/);
  await ledger.settle(campaign, 1_001, { pool });
  equal((await ledger.read(campaign)).settledStamp, 1_000 * 1_024);
});
