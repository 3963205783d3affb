/** When an engine takes the ledger for restored, and what it does before it closes the registry. */
import { deepEqual, equal } from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { openPool, type Pool } from '../../sql/database.ts';
import { createCampaign } from '../../sql/statements/campaigns/campaigns.ts';
import { readOpenLogWriters } from '../../sql/statements/progress/log-writers.ts';
import { beginEpoch } from '../../sql/statements/progress/watermarks.ts';
import { beginBoard, openBoard, publishBoard } from '../contract/redis/board/board.ts';
import { boardCampaign } from '../contract/redis/board/testing/campaign.ts';
import { type Keys, keysOf } from '../contract/redis/keys.ts';
import {
  acquireLease,
  beginOpening,
  openRegistry,
  putUpNumbers,
  readRegistry,
} from '../contract/redis/lease/lease.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../contract/redis/redis.ts';
import { quiet } from '../test/gateway.ts';
import { serversFromEnv, type TestDatabase, testDatabase, testNamespace } from '../test/support.ts';
import { closeIfRestored } from './restored-ledger.ts';

const LEASE_MS = 60_000;
const EPOCH = 3;
const opensAt = new Date('2030-01-01T00:00:00Z');
const closesAt = new Date('2030-01-02T00:00:00Z');
const intake = { name: 'log' };
let database: TestDatabase;
let pool: Pool;
let redis: RedisClient;
let keys: Keys;
before(async () => {
  redis = connectRedis(serversFromEnv().redisUrl, { commandTimeoutMs: 5_000, onError: () => undefined });
  await waitForRedis(redis, 10_000);
});
after(() => redis.disconnect());

beforeEach(async () => {
  database = await testDatabase();
  pool = openPool(database.url, { max: 2, applicationName: 'test', onError: () => undefined });
  keys = keysOf(testNamespace());
  await beginEpoch(pool, EPOCH);
  equal((await beginOpening(redis, keys.leases, EPOCH)).state, 'begun');
  await beginBoard(redis, keys, EPOCH);
  await openBoard(redis, keys, EPOCH);
  equal(await openRegistry(redis, keys.leases, { epoch: EPOCH, floorUs: 1, leaseMs: LEASE_MS }), true);
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

async function newCampaign(): Promise<number> {
  return (await createCampaign(pool, { kind: 'coupon', title: 'x', stock: 1, opensAt, closesAt })).campaignId;
}

async function show(campaignId: number, revision: number): Promise<void> {
  await publishBoard(redis, keys, EPOCH, { campaigns: [boardCampaign({ campaignId, revision })] });
}

/** The epoch of the registry after an engine has started; undefined if it is closed. */
async function afterStart(): Promise<number | undefined> {
  await closeIfRestored({ pool, redis, keys, intake, fencing: { usesTokens: true } }, quiet);
  return (await readRegistry(redis, keys.leases)).epoch;
}

test('a ledger that has all that the board shows, or more, is not taken for restored', async () => {
  const campaignId = await newCampaign();
  await show(campaignId, 1);
  equal(await afterStart(), EPOCH);
  await pool.query("update campaigns set title = 'y' where campaign_id = $1", [campaignId]);
  equal(await afterStart(), EPOCH);
});

test('a campaign at an earlier revision than on the board shows that the ledger was restored', async () => {
  await show(await newCampaign(), 2);
  equal(await afterStart(), undefined);
});

test('the number of a campaign that the ledger lacks is not given again', async () => {
  const campaignId = await newCampaign();
  await show(campaignId, 1);
  await show(campaignId + 5, 1);
  equal(await afterStart(), undefined);
  equal(await newCampaign(), campaignId + 6);
});

test('writers that the ledger lacks, taken or not, are recorded before the registry is closed', async () => {
  const numbers = [1, 2].map(gateway => ({ gateway, token: `token ${gateway}` }));
  await putUpNumbers(redis, keys.leases, EPOCH, numbers);
  equal((await acquireLease(redis, keys.leases, LEASE_MS, 'test')).state, 'ok');
  await show(1, 1);
  const open = () => readOpenLogWriters(pool, { logName: intake.name, epoch: EPOCH });
  deepEqual(await open(), []);
  equal(await afterStart(), undefined);
  deepEqual(await open(), numbers);
});
