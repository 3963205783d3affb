/** Who is away from a waiting room, for how long, and what does not count as absence. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { transaction } from '../../sql/database.ts';
import { opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { readAvailability } from '../../sql/statements/progress/availability.ts';
import { addStreams, noteIncarnation } from '../../sql/statements/rooms/presence.ts';
import { readMoves } from '../../sql/statements/rooms/room-turns.ts';
import { setTerms } from '../../sql/statements/rooms/rooms.ts';
import { keysOf } from '../contract/redis/keys.ts';
import { beginPresence } from '../contract/redis/presence/presence.ts';
import { connectRedis, waitForRedis } from '../contract/redis/redis.ts';
import { takePresence } from '../intake/presence.ts';
import { brokenInvariants } from '../test/gateway.ts';
import { serversFromEnv, testNamespace } from '../test/support.ts';
import { EMPTY_MS } from './room-settling.ts';
import { GATEWAY, GRACE_MS, streams, TestRooms } from './testing/rooms.ts';

const DAY_MS = 86_400_000;
/** A usual lag between two steps. */
const BEHIND_MS = 1_500;

let rooms: TestRooms;
before(async () => {
  rooms = await TestRooms.make();
});
after(() => rooms.close());

test('counts no absence before the first entry', async () => {
  const campaign = await rooms.room({ paused: true });
  await rooms.advanceAvailability(GRACE_MS * 2);
  await rooms.ledger.enter(campaign, 10, 20);
  await rooms.come(campaign, 10);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'waiting', 20: 'waiting' });
});

test('skips a user who is away for the grace, and restores them at their stamp when they return', async () => {
  const campaign = await rooms.room({ paused: true });
  const { campaignId } = campaign;
  await rooms.ledger.enter(campaign, 10, 20, 30, 40);
  await rooms.come(campaign, 10, 20, 30, 40);
  await rooms.settle(campaign, 100);
  await rooms.go(campaign, 10, 20);
  await rooms.advanceAvailability(GRACE_MS - 10);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'waiting', 20: 'waiting', 30: 'waiting', 40: 'waiting' });
  await rooms.come(campaign, 20);
  await rooms.advanceAvailability(10);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'skipped', 20: 'waiting', 30: 'waiting', 40: 'waiting' });
  await rooms.come(campaign, 10);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'waiting', 20: 'waiting', 30: 'waiting', 40: 'waiting' });
  // Absent again while others are admitted: on return, their stamp is below the settled one.
  await rooms.go(campaign, 20);
  await rooms.advanceAvailability(GRACE_MS);
  await transaction(rooms.ledger.pool, db =>
    setTerms(db, campaignId, { perSecond: 1, capacity: null, paused: false }),
  );
  for (let turn = 0; turn < 2; turn++) {
    await rooms.later(campaign);
    await rooms.settle(campaign, 100);
  }
  deepEqual(await rooms.states(campaign), { 10: 'admitted', 20: 'skipped', 30: 'admitted', 40: 'waiting' });
  await rooms.come(campaign, 20);
  await rooms.later(campaign);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'admitted', 20: 'admitted', 30: 'admitted', 40: 'waiting' });
  const moves = await readMoves(rooms.ledger.pool, campaignId, 0, 100);
  deepEqual(
    moves.map(({ goneNumber, userId, move }) => [goneNumber, userId, move]),
    [
      [1, 'user-10', 'gone'],
      [2, 'user-10', 'back'],
      [3, 'user-20', 'gone'],
      [4, 'user-20', 'returned'],
      [5, 'user-20', 'gone'],
    ],
  );
  deepEqual(await brokenInvariants(rooms.ledger.pool), []);
});

test('counts no absence for reports that arrive late', async t => {
  t.after(() => rooms.setAvailableBehind(DAY_MS));
  const campaign = await rooms.room({ paused: true });
  await rooms.ledger.enter(campaign, 10, 20);
  await rooms.come(campaign, 10, 20);
  await rooms.settle(campaign, 100);
  await rooms.setAvailableBehind(BEHIND_MS);
  await rooms.go(campaign, 20);
  await rooms.ledger.enter(campaign, 30);
  await rooms.ledger.settle(campaign, 100);
  await rooms.advanceAvailability(GRACE_MS);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'waiting', 20: 'waiting', 30: 'waiting' });
  // More than the lag by then: the machine may be slow.
  await rooms.advanceAvailability(GRACE_MS);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'waiting', 20: 'skipped', 30: 'skipped' });
});

test('keeps streams of an ended gateway until its end is known', async t => {
  t.after(() => rooms.setAvailableBehind(DAY_MS));
  const campaign = await rooms.room({ paused: true });
  await rooms.ledger.enter(campaign, 10, 20);
  await rooms.come(campaign, 10);
  const incarnation = GATEWAY + 1;
  await noteIncarnation(rooms.ledger.pool, incarnation);
  await addStreams(rooms.ledger.pool, streams(campaign.campaignId, incarnation, [20]));
  await rooms.settle(campaign, 100);
  await rooms.setAvailableBehind(BEHIND_MS);
  await rooms.endGateway(incarnation);
  await rooms.advanceAvailability(GRACE_MS);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'waiting', 20: 'waiting' });
});

test('skips nobody while no waiting user is present: the outage may be ours', async () => {
  const campaign = await rooms.room({ paused: true });
  await rooms.ledger.enter(campaign, 10, 20);
  await rooms.come(campaign, 10, 20);
  await rooms.settle(campaign, 100);
  await rooms.go(campaign, 10, 20);
  await rooms.advanceAvailability(5 * GRACE_MS);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'waiting', 20: 'waiting' });
  await rooms.come(campaign, 20);
  await rooms.settle(campaign, 100);
  await rooms.advanceAvailability(GRACE_MS);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'skipped', 20: 'waiting' });
});

test('pauses a room while no waiting user is present, and counts no absence for that time', async () => {
  const campaign = await rooms.room({ paused: true });
  const found = async (): Promise<boolean> =>
    (await rooms.idsFound(opensAtUs(campaign) + 100)).includes(campaign.campaignId);
  await rooms.advanceAvailability(GRACE_MS);
  equal(await found(), false, 'nobody was ever present');
  await rooms.ledger.enter(campaign, 10, 20);
  equal(await found(), true);
  await rooms.come(campaign, 10, 20);
  await rooms.settle(campaign, 100);
  equal(await found(), false);
  await rooms.advanceAvailability(1);
  equal(await found(), true, 'their visit continues');
  await rooms.settle(campaign, 100);
  await rooms.go(campaign, 10, 20);
  await rooms.settle(campaign, 100);
  await rooms.advanceAvailability(5 * GRACE_MS);
  equal(await found(), false, 'they have left');
  await rooms.come(campaign, 20);
  equal(await found(), true);
  // Before the first turn.
  await rooms.go(campaign, 20);
  await rooms.advanceAvailability(5 * GRACE_MS);
  await rooms.come(campaign, 20);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'waiting', 20: 'waiting' });
  await rooms.advanceAvailability(GRACE_MS);
  equal(await found(), true);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'skipped', 20: 'waiting' });
  equal(await found(), false);
  await rooms.come(campaign, 10);
  equal(await found(), true, 'a skipped user is back');
});

test('an open room that nobody has entered has no work, however long it is open', async () => {
  const campaign = await rooms.room();
  const atUs = opensAtUs(campaign) + 1_000_000;
  for (const ms of [1, GRACE_MS, EMPTY_MS]) {
    await rooms.advanceAvailability(ms);
    equal((await rooms.idsFound(atUs)).includes(campaign.campaignId), false);
  }
  await rooms.ledger.enter(campaign, 10);
  equal((await rooms.idsFound(atUs)).includes(campaign.campaignId), true);
});

test('checks an abandoned closed room when it is due to end', async () => {
  const campaign = await rooms.room();
  await rooms.ledger.enter(campaign, 10);
  const closeUs = campaign.closesAt.getTime() * 1000 - opensAtUs(campaign);
  const found = async (): Promise<boolean> =>
    (await rooms.idsFound(opensAtUs(campaign) + closeUs)).includes(campaign.campaignId);
  await rooms.settle(campaign, closeUs);
  await rooms.advanceAvailability(EMPTY_MS);
  equal(await found(), false);
  await rooms.advanceAvailability(1);
  equal(await found(), true);
  await rooms.ledger.settle(campaign, closeUs);
  deepEqual(await rooms.states(campaign), { 10: 'waiting' }, 'the grace counts from then on');
  await rooms.advanceAvailability(GRACE_MS);
  equal(await found(), true);
  await rooms.ledger.settle(campaign, closeUs);
  deepEqual(await rooms.states(campaign), { 10: 'skipped' });
  ok((await rooms.ledger.read(campaign)).finishedAt);
});

test('counts absence only as far as stream reports are known', async () => {
  const campaign = await rooms.room({ paused: true });
  await rooms.ledger.enter(campaign, 10, 20);
  await rooms.come(campaign, 20);
  await rooms.settle(campaign, 100);
  rooms.ledger.presentMs = (await readAvailability(rooms.ledger.pool)).availableMs;
  await rooms.advanceAvailability(5 * GRACE_MS);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'waiting', 20: 'waiting' });
  rooms.ledger.presentMs = Number.MAX_SAFE_INTEGER;
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'skipped', 20: 'waiting' });
});

test('counts no absence for stream reports lost with a board', async t => {
  const campaign = await rooms.room({ paused: true });
  await rooms.ledger.enter(campaign, 10, 20);
  await rooms.come(campaign, 20);
  await rooms.settle(campaign, 100);
  const { redisUrl } = serversFromEnv();
  const redis = connectRedis(redisUrl, { commandTimeoutMs: 5_000, onError: () => undefined });
  t.after(() => redis.disconnect());
  await waitForRedis(redis, 10_000);
  const clocks = { sharedUs: rooms.ledger.clockMs * 1_000 };
  const deps = { pool: rooms.ledger.pool, redis, keys: keysOf(testNamespace()), clocks };
  for (const [epoch, became] of [
    [1, 'waiting'],
    [2, 'waiting'],
    [2, 'skipped'],
  ] as const) {
    await rooms.advanceAvailability(5 * GRACE_MS);
    await beginPresence(redis, deps.keys, epoch);
    ok(await takePresence(deps, epoch));
    await rooms.settle(campaign, 100);
    deepEqual(await rooms.states(campaign), { 10: became, 20: 'waiting' });
  }
});

test('finishes an abandoned closed room', async () => {
  const campaign = await rooms.room();
  await rooms.ledger.enter(campaign, 10, 20);
  const closeUs = campaign.closesAt.getTime() * 1000 - opensAtUs(campaign);
  for (const ms of [1, 3_600_000]) {
    await rooms.advanceAvailability(ms);
    await rooms.ledger.settle(campaign, closeUs);
  }
  equal((await rooms.ledger.read(campaign)).finishedAt, null);
  await rooms.advanceAvailability(GRACE_MS);
  await rooms.ledger.settle(campaign, closeUs);
  deepEqual(await rooms.states(campaign), { 10: 'skipped', 20: 'skipped' });
  ok((await rooms.ledger.read(campaign)).finishedAt);
});
