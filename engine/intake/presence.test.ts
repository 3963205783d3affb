import { equal } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRoom } from '../../sql/statements/rooms/rooms.ts';
import { keysOf } from '../contract/redis/keys.ts';
import { beginPresence, PAGE_REPORTS, tellPresence } from '../contract/redis/presence/presence.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../contract/redis/redis.ts';
import { TestLedger } from '../test/settling.ts';
import { serversFromEnv, testNamespace } from '../test/support.ts';
import { MOST_PAGES, takePresence } from './presence.ts';

const EPOCH = 1;
const INCARNATION = 4_294_967_297;
const CLOCKS = { sharedUs: Date.UTC(2030, 0, 1) * 1_000 };
const keys = keysOf(testNamespace());
let ledger: TestLedger;
let redis: RedisClient;
before(async () => {
  ledger = await TestLedger.make();
  redis = connectRedis(serversFromEnv().redisUrl, { commandTimeoutMs: 5_000, onError: () => undefined });
  await waitForRedis(redis, 10_000);
  await beginPresence(redis, keys, EPOCH);
});
after(async () => {
  redis.disconnect();
  await ledger.close();
});

async function room(): Promise<number> {
  const { campaignId } = await ledger.campaign('room', 100);
  await createRoom(ledger.pool, campaignId, {
    ...{ perSecond: 10, capacity: null, paused: false, graceMs: 10_000, passMs: 30_000, visitMs: null },
    singleUse: false,
  });
  return campaignId;
}

/** So many reports, each of one user in each of these rooms. */
async function reportStreams(count: number, rooms: readonly number[], how: 'here' | 'gone'): Promise<void> {
  for (let number = 0; number < count; number++) {
    const streams = { here: [], gone: [], [how]: [`user-${number}`] };
    const report = { incarnation: INCARNATION, rooms: rooms.map(campaignId => ({ campaignId, ...streams })) };
    await tellPresence(redis, keys.presence(EPOCH), report);
  }
}

async function present(campaignId: number): Promise<number> {
  const { rows } = await ledger.pool.query<{ count: number }>(
    'select count(*) as count from room_people where campaign_id = $1 and absent_since_ms is null',
    [campaignId],
  );
  return rows[0]?.count ?? 0;
}

test('one step takes in all pages of reports of all rooms, and reports whether more remain', async () => {
  const deps = { pool: ledger.pool, redis, keys, clocks: CLOCKS };
  const rooms = [await room(), await room()];
  await reportStreams(2 * PAGE_REPORTS + 1, rooms, 'here');
  equal(await takePresence(deps, EPOCH), true);
  for (const campaignId of rooms) equal(await present(campaignId), 2 * PAGE_REPORTS + 1);
  await reportStreams(2 * PAGE_REPORTS, rooms, 'gone');
  equal(await takePresence(deps, EPOCH), true);
  for (const campaignId of rooms) equal(await present(campaignId), 1);
  await reportStreams(MOST_PAGES * PAGE_REPORTS + 1, rooms, 'here');
  equal(await takePresence(deps, EPOCH), false);
  equal(await takePresence(deps, EPOCH), true);
  for (const campaignId of rooms) equal(await present(campaignId), MOST_PAGES * PAGE_REPORTS + 1);
});

test('a step stops at its limit of users, and the next continues there', async () => {
  const deps = { pool: ledger.pool, redis, keys, clocks: CLOCKS, mostUsers: PAGE_REPORTS + 1 };
  const campaignId = await room();
  await reportStreams(2 * PAGE_REPORTS + 1, [campaignId], 'here');
  equal(await takePresence(deps, EPOCH), false);
  equal(await present(campaignId), 2 * PAGE_REPORTS);
  equal(await takePresence(deps, EPOCH), true);
  equal(await present(campaignId), 2 * PAGE_REPORTS + 1);
});
