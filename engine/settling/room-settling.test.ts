import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { transaction } from '../../sql/database.ts';
import { saveVersion, targetOf } from '../../sql/statements/campaigns/campaign-versions.ts';
import {
  type Campaign,
  createCampaign,
  getCampaign,
  opensAtUs,
} from '../../sql/statements/campaigns/campaigns.ts';
import { readCampaigns } from '../../sql/statements/campaigns/settling.ts';
import { moveAvailability, readAvailability } from '../../sql/statements/progress/availability.ts';
import {
  addStreams,
  endStreams,
  noteIncarnation,
  removeStreams,
} from '../../sql/statements/rooms/presence.ts';
import { readMoves } from '../../sql/statements/rooms/room-turns.ts';
import {
  countPeople,
  createRoom,
  findRooms,
  getRoom,
  type NewRoom,
  setTerms,
} from '../../sql/statements/rooms/rooms.ts';
import { keysOf } from '../contract/redis/keys.ts';
import { beginPresence } from '../contract/redis/presence/presence.ts';
import { connectRedis, waitForRedis } from '../contract/redis/redis.ts';
import { takePresence } from '../intake/presence.ts';
import { brokenInvariants } from '../test/gateway.ts';
import { TestLedger } from '../test/settling.ts';
import { serversFromEnv, testNamespace } from '../test/support.ts';
import { EMPTY_MS } from './room-settling.ts';

const GRACE_MS = 10_000;
const PASS_MS = 30_000;
const GATEWAY = 4_294_967_297;
const MANY = 10_000_000;

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

/** A room whose pace delays nobody, unless told otherwise. */
async function room(more: Partial<NewRoom> = {}): Promise<Campaign> {
  return furnish(await ledger.campaign('room', MANY), more);
}

async function furnish(campaign: Campaign, more: Partial<NewRoom> = {}): Promise<Campaign> {
  await createRoom(ledger.pool, campaign.campaignId, {
    perSecond: 10_000,
    capacity: null,
    paused: false,
    graceMs: GRACE_MS,
    passMs: PASS_MS,
    visitMs: null,
    singleUse: false,
    ...more,
  });
  const made = await getCampaign(ledger.pool, campaign.campaignId);
  ok(made);
  return made;
}

function streams(campaignId: number, incarnation: number, instants: readonly number[]) {
  return { incarnation, rooms: [{ campaignId, userIds: instants.map(instant => `user-${instant}`) }] };
}

async function come(campaign: Campaign, ...instants: number[]): Promise<void> {
  const { campaignId } = campaign;
  await addStreams(ledger.pool, streams(campaignId, GATEWAY, instants));
}

async function go(campaign: Campaign, ...instants: number[]): Promise<void> {
  const { campaignId } = campaign;
  await removeStreams(ledger.pool, streams(campaignId, GATEWAY, instants), ledger.clockMs);
}

/** The rooms that have work at this watermark. */
async function idsFound(watermarkUs: number): Promise<readonly number[]> {
  const found = await findRooms(ledger.pool, watermarkUs, EMPTY_MS);
  return found.map(({ campaignId }) => campaignId);
}

/** Advances available time. */
async function advanceAvailability(ms: number): Promise<void> {
  const from = await readAvailability(ledger.pool);
  ok(
    await moveAvailability(ledger.pool, from, {
      availableMs: from.availableMs + ms,
      throughMs: from.throughMs + 1,
      watermarkMs: from.watermarkMs,
    }),
  );
}

/** Settles until nothing is left, after a moment of available time. */
async function settle(campaign: Campaign, afterUs: number): Promise<void> {
  await advanceAvailability(1);
  await ledger.settle(campaign, afterUs);
}

/** Resets the pace, as if a second had passed since the last admission. */
async function later(campaign: Campaign): Promise<void> {
  await ledger.pool.query(`update rooms set next_us = 0, recent = '[]' where campaign_id = $1`, [
    campaign.campaignId,
  ]);
}

async function states(campaign: Campaign): Promise<Record<string, string>> {
  const { rows } = await ledger.pool.query<{ user_id: string; state: string }>(
    'select user_id, state from room_people where campaign_id = $1 and stamp is not null order by stamp',
    [campaign.campaignId],
  );
  return Object.fromEntries(rows.map(row => [row.user_id.slice(5), row.state]));
}

test('admits users in stamp order at the configured rate', async () => {
  const campaign = await room({ perSecond: 0.02 });
  await ledger.enter(campaign, 30, 10, 20, 40);
  await come(campaign, 10, 20, 30, 40);
  await settle(campaign, 100);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 'waiting', 30: 'waiting', 40: 'waiting' });
  await settle(campaign, 100);
  equal((await ledger.read(campaign)).grantedCount, 1);
  await later(campaign);
  await settle(campaign, 100);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 2, 30: 'waiting', 40: 'waiting' });
  const { settledCount, settledStamp } = await ledger.read(campaign);
  deepEqual([settledCount, settledStamp], [2, 20 * 1024]);
});

test('ignores a draft, whatever its times', async () => {
  const { title, opensAt, closesAt } = await room();
  const terms = { kind: 'room', places: MANY, title, opensAt, closesAt } as const;
  const campaign = await createCampaign(ledger.pool, { ...terms, stage: 'draft', draftTerms: {} });
  await furnish(campaign);
  await advanceAvailability(1);
  const found = await idsFound(closesAt.getTime() * 2_000);
  ok(found.length > 0 && !found.includes(campaign.campaignId));
});

test('keeps showing a cancelled room to gateways, and never shows an unannounced draft', async () => {
  const { title, opensAt, closesAt, ...announced } = await room();
  const terms = { kind: 'room', places: MANY, title, opensAt, closesAt } as const;
  const draft = await createCampaign(ledger.pool, { ...terms, stage: 'draft', draftTerms: {} });
  const both = [{ title, opensAt, closesAt, ...announced }, draft];
  for (const campaign of both) {
    const { campaignId } = campaign;
    const target = { ...targetOf(campaign), stage: 'cancelled' as const };
    const wanted = { campaignId, action: 'cancel' as const, baseVersion: 1, target };
    const saved = await saveVersion(
      ledger.pool,
      { ...wanted, askedBy: 'operator', reason: null, decideBy: null },
      undefined,
    );
    equal(saved?.stage, 'cancelled');
  }
  const listed = (await readCampaigns(ledger.pool, undefined)).map(({ campaignId }) => campaignId);
  deepEqual(
    both.map(({ campaignId }) => listed.includes(campaignId)),
    [true, false],
  );
});

test('counts no absence before the first entry', async () => {
  const campaign = await room({ paused: true });
  await advanceAvailability(GRACE_MS * 2);
  await ledger.enter(campaign, 10, 20);
  await come(campaign, 10);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'waiting', 20: 'waiting' });
});

test('two concurrent engines share one budget', async () => {
  const campaign = await room({ perSecond: 5 });
  const instants = Array.from({ length: 40 }, (_, number) => number + 1);
  await ledger.enter(campaign, ...instants);
  await come(campaign, ...instants);
  await advanceAvailability(1);
  await Promise.all([1, 2, 3, 4].map(() => ledger.settle(campaign, 100)));
  const { rows } = await ledger.pool.query(
    `select count(*) as admitted from room_people where campaign_id = $1 and serial is not null`,
    [campaign.campaignId],
  );
  ok(rows[0].admitted <= 2, `${rows[0].admitted} were admitted at once`);
});

test('admits nobody while paused or full, and reported exits free capacity', async () => {
  const campaign = await room({ capacity: 2 });
  const { campaignId } = campaign;
  await ledger.enter(campaign, 10, 20, 30);
  await come(campaign, 10, 20, 30);
  await transaction(ledger.pool, db =>
    setTerms(db, campaignId, { perSecond: 10_000, capacity: 2, paused: true }),
  );
  await settle(campaign, 100);
  equal((await ledger.read(campaign)).grantedCount, 0);
  await transaction(ledger.pool, db =>
    setTerms(db, campaignId, { perSecond: 10_000, capacity: 2, paused: false }),
  );
  for (let turn = 0; turn < 5; turn++) {
    await later(campaign);
    await settle(campaign, 100);
  }
  deepEqual(await states(campaign), { 10: 'admitted', 20: 'admitted', 30: 'waiting' });
  await ledger.pool.query(
    `update room_people set state = 'left' where campaign_id = $1 and user_id = 'user-10'`,
    [campaignId],
  );
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'left', 20: 'admitted', 30: 'admitted' });
  const { rows } = await ledger.pool.query(
    'select version, capacity, paused from room_terms where campaign_id = $1 order by version',
    [campaignId],
  );
  deepEqual(
    rows.map(row => [row.version, row.paused]),
    [
      [1, false],
      [2, true],
      [3, false],
    ],
  );
});

test('skips a user who is away for the grace, and restores them at their stamp when they return', async () => {
  const campaign = await room({ paused: true });
  const { campaignId } = campaign;
  await ledger.enter(campaign, 10, 20, 30, 40);
  await come(campaign, 10, 20, 30, 40);
  await settle(campaign, 100);
  await go(campaign, 10, 20);
  await advanceAvailability(GRACE_MS - 10);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'waiting', 20: 'waiting', 30: 'waiting', 40: 'waiting' });
  await come(campaign, 20);
  await advanceAvailability(10);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'skipped', 20: 'waiting', 30: 'waiting', 40: 'waiting' });
  await come(campaign, 10);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'waiting', 20: 'waiting', 30: 'waiting', 40: 'waiting' });
  // Absent again while others are admitted: on return, their stamp is below the settled one.
  await go(campaign, 20);
  await advanceAvailability(GRACE_MS);
  await transaction(ledger.pool, db =>
    setTerms(db, campaignId, { perSecond: 1, capacity: null, paused: false }),
  );
  for (let turn = 0; turn < 2; turn++) {
    await later(campaign);
    await settle(campaign, 100);
  }
  deepEqual(await states(campaign), { 10: 'admitted', 20: 'skipped', 30: 'admitted', 40: 'waiting' });
  await come(campaign, 20);
  await later(campaign);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'admitted', 20: 'admitted', 30: 'admitted', 40: 'waiting' });
  const moves = await readMoves(ledger.pool, campaignId, 0, 100);
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
  deepEqual(await brokenInvariants(ledger.pool), []);
});

/**
 * Sets available time this far behind the shared clock, which is years ahead of PostgreSQL's; other tests leave it further
 * behind than anything that can still count.
 */
async function availableBehind(ms: number): Promise<void> {
  await ledger.pool.query('update availability set through_ms = $1', [ledger.clockMs - ms]);
}

const DAY_MS = 86_400_000;
/** A usual lag between two steps. */
const BEHIND_MS = 1_500;

async function endGateway(incarnation: number): Promise<void> {
  await ledger.pool.query(
    `insert into gateways (gateway, incarnation, log_name, partition, state, through_us, ranked_us, ended_at)
     values (7, $1, 'seven', 0, 'ended', 0, 0, now())`,
    [incarnation],
  );
  await endStreams(ledger.pool, 5_000, ledger.clockMs);
}

test('counts no absence for reports that arrive late', async t => {
  t.after(() => availableBehind(DAY_MS));
  const campaign = await room({ paused: true });
  await ledger.enter(campaign, 10, 20);
  await come(campaign, 10, 20);
  await settle(campaign, 100);
  await availableBehind(BEHIND_MS);
  await go(campaign, 20);
  await ledger.enter(campaign, 30);
  await ledger.settle(campaign, 100);
  await advanceAvailability(GRACE_MS);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'waiting', 20: 'waiting', 30: 'waiting' });
  // More than the lag by then: the machine may be slow.
  await advanceAvailability(GRACE_MS);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'waiting', 20: 'skipped', 30: 'skipped' });
});

test('keeps streams of an ended gateway until its end is known', async t => {
  t.after(() => availableBehind(DAY_MS));
  const campaign = await room({ paused: true });
  await ledger.enter(campaign, 10, 20);
  await come(campaign, 10);
  const incarnation = GATEWAY + 1;
  await noteIncarnation(ledger.pool, incarnation);
  await addStreams(ledger.pool, streams(campaign.campaignId, incarnation, [20]));
  await settle(campaign, 100);
  await availableBehind(BEHIND_MS);
  await endGateway(incarnation);
  await advanceAvailability(GRACE_MS);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'waiting', 20: 'waiting' });
});

test('skips nobody while no waiting user is present: the outage may be ours', async () => {
  const campaign = await room({ paused: true });
  await ledger.enter(campaign, 10, 20);
  await come(campaign, 10, 20);
  await settle(campaign, 100);
  await go(campaign, 10, 20);
  await advanceAvailability(5 * GRACE_MS);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'waiting', 20: 'waiting' });
  await come(campaign, 20);
  await settle(campaign, 100);
  await advanceAvailability(GRACE_MS);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'skipped', 20: 'waiting' });
});

test('pauses a room while no waiting user is present, and counts no absence for that time', async () => {
  const campaign = await room({ paused: true });
  const found = async (): Promise<boolean> =>
    (await idsFound(opensAtUs(campaign) + 100)).includes(campaign.campaignId);
  await advanceAvailability(GRACE_MS);
  equal(await found(), false, 'nobody was ever present');
  await ledger.enter(campaign, 10, 20);
  equal(await found(), true);
  await come(campaign, 10, 20);
  await settle(campaign, 100);
  equal(await found(), false);
  await advanceAvailability(1);
  equal(await found(), true, 'their visit continues');
  await settle(campaign, 100);
  await go(campaign, 10, 20);
  await settle(campaign, 100);
  await advanceAvailability(5 * GRACE_MS);
  equal(await found(), false, 'they have left');
  await come(campaign, 20);
  equal(await found(), true);
  // Before the first turn.
  await go(campaign, 20);
  await advanceAvailability(5 * GRACE_MS);
  await come(campaign, 20);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'waiting', 20: 'waiting' });
  await advanceAvailability(GRACE_MS);
  equal(await found(), true);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'skipped', 20: 'waiting' });
  equal(await found(), false);
  await come(campaign, 10);
  equal(await found(), true, 'a skipped user is back');
});

test('checks an abandoned closed room when it is due to end', async () => {
  const campaign = await room();
  await ledger.enter(campaign, 10);
  const closeUs = campaign.closesAt.getTime() * 1000 - opensAtUs(campaign);
  const found = async (): Promise<boolean> =>
    (await idsFound(opensAtUs(campaign) + closeUs)).includes(campaign.campaignId);
  await settle(campaign, closeUs);
  await advanceAvailability(EMPTY_MS);
  equal(await found(), false);
  await advanceAvailability(1);
  equal(await found(), true);
  await ledger.settle(campaign, closeUs);
  deepEqual(await states(campaign), { 10: 'waiting' }, 'the grace counts from then on');
  await advanceAvailability(GRACE_MS);
  equal(await found(), true);
  await ledger.settle(campaign, closeUs);
  deepEqual(await states(campaign), { 10: 'skipped' });
  ok((await ledger.read(campaign)).finishedAt);
});

test('counts absence only as far as stream reports are known', async () => {
  const campaign = await room({ paused: true });
  await ledger.enter(campaign, 10, 20);
  await come(campaign, 20);
  await settle(campaign, 100);
  ledger.presentMs = (await readAvailability(ledger.pool)).availableMs;
  await advanceAvailability(5 * GRACE_MS);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'waiting', 20: 'waiting' });
  ledger.presentMs = Number.MAX_SAFE_INTEGER;
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'skipped', 20: 'waiting' });
});

test('counts no absence for stream reports lost with a board', async t => {
  const campaign = await room({ paused: true });
  await ledger.enter(campaign, 10, 20);
  await come(campaign, 20);
  await settle(campaign, 100);
  const { redisUrl } = serversFromEnv();
  const redis = connectRedis(redisUrl, { commandTimeoutMs: 5_000, onError: () => undefined });
  t.after(() => redis.disconnect());
  await waitForRedis(redis, 10_000);
  const clocks = { sharedUs: ledger.clockMs * 1_000 };
  const deps = { pool: ledger.pool, redis, keys: keysOf(testNamespace()), clocks };
  for (const [epoch, became] of [
    [1, 'waiting'],
    [2, 'waiting'],
    [2, 'skipped'],
  ] as const) {
    await advanceAvailability(5 * GRACE_MS);
    await beginPresence(redis, deps.keys, epoch);
    ok(await takePresence(deps, epoch));
    await settle(campaign, 100);
    deepEqual(await states(campaign), { 10: became, 20: 'waiting' });
  }
});

test('admits nobody while nobody can be notified, and catches nothing up afterwards', async () => {
  const campaign = await room({ perSecond: 2 });
  await ledger.enter(campaign, 10, 20, 30, 40);
  await come(campaign, 10, 20, 30, 40);
  for (let turn = 0; turn < 3; turn++) {
    await later(campaign);
    await ledger.settle(campaign, 100);
  }
  equal((await ledger.read(campaign)).grantedCount, 0, 'available time is paused');
  await go(campaign, 10, 20, 30, 40);
  await settle(campaign, 100);
  equal((await ledger.read(campaign)).grantedCount, 0, 'nobody is present');
  await come(campaign, 40);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'admitted', 20: 'waiting', 30: 'waiting', 40: 'waiting' });
});

test('finishes an abandoned closed room', async () => {
  const campaign = await room();
  await ledger.enter(campaign, 10, 20);
  const closeUs = campaign.closesAt.getTime() * 1000 - opensAtUs(campaign);
  for (const ms of [1, 3_600_000]) {
    await advanceAvailability(ms);
    await ledger.settle(campaign, closeUs);
  }
  equal((await ledger.read(campaign)).finishedAt, null);
  await advanceAvailability(GRACE_MS);
  await ledger.settle(campaign, closeUs);
  deepEqual(await states(campaign), { 10: 'skipped', 20: 'skipped' });
  ok((await ledger.read(campaign)).finishedAt);
});

test('an unused pass expires in available time, and frees its capacity', async () => {
  const campaign = await room({ capacity: 1 });
  await ledger.enter(campaign, 10, 20);
  await come(campaign, 10, 20);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'admitted', 20: 'waiting' });
  await advanceAvailability(PASS_MS - 10);
  await later(campaign);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'admitted', 20: 'waiting' });
  await advanceAvailability(10);
  await settle(campaign, 100);
  deepEqual(await states(campaign), { 10: 'expired', 20: 'admitted' });
});

test('a waiting user can withdraw, an admitted one cannot', async () => {
  const campaign = await room({ perSecond: 1 });
  await ledger.enter(campaign, 10, 20, 30);
  await come(campaign, 10, 20, 30);
  await settle(campaign, 100);
  await ledger.withdraw(campaign, 10, 20);
  await settle(campaign, 100);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 'withdrawn', 30: 'waiting' });
  equal((await ledger.read(campaign)).goneCount, 1);
});

/** A finished room: two users came and were admitted by its end. */
async function finished(): Promise<{ readonly campaign: Campaign; readonly closeUs: number }> {
  const campaign = await room();
  await ledger.enter(campaign, 10, 20);
  await come(campaign, 10, 20);
  const closeUs = campaign.closesAt.getTime() * 1000 - opensAtUs(campaign);
  await settle(campaign, closeUs);
  await later(campaign);
  await settle(campaign, closeUs);
  ok((await ledger.read(campaign)).finishedAt);
  return { campaign, closeUs };
}

test('finishes when the campaign is closed and the line is empty', async () => {
  const { campaign } = await finished();
  equal((await countPeople(ledger.pool, campaign.campaignId)).admitted, 2);
});

test('passes and visits also expire in a finished room', async () => {
  const { campaign, closeUs } = await finished();
  const found = async (): Promise<boolean> =>
    (await idsFound(opensAtUs(campaign) + closeUs)).includes(campaign.campaignId);
  equal(await found(), false);
  await advanceAvailability(PASS_MS);
  equal(await found(), true);
  await ledger.settle(campaign, closeUs);
  deepEqual(await states(campaign), { 10: 'expired', 20: 'expired' });
  equal(await found(), false);
});

test('allows only documented transitions, and an admission is final', async () => {
  const campaign = await room();
  await ledger.enter(campaign, 10);
  await come(campaign, 10);
  await settle(campaign, 100);
  const set = (change: string): Promise<unknown> =>
    ledger.pool.query(`update room_people set ${change} where campaign_id = $1`, [campaign.campaignId]);
  await rejects(set(`state = 'waiting', serial = null, admitted_us = null`), /cannot become waiting/);
  await rejects(set('admitted_us = 1'), /never changed/);
});

test('whatever users do, it admits the head of the line', async () => {
  const step = fc.oneof(
    ...(['come', 'go', 'withdraw', 'enter'] as const).map(what =>
      fc.record({ what: fc.constant(what), who: fc.integer({ min: 1, max: 12 }) }),
    ),
    fc.record({ what: fc.constant('available' as const), who: fc.integer({ min: 1, max: GRACE_MS }) }),
    fc.record({ what: fc.constant('settle' as const), who: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
      const campaign = await room({ perSecond: 1 });
      const entered = new Set<number>();
      let highest = 0;
      for (const { what, who } of [...steps, { what: 'settle' as const, who: 0 }]) {
        if (what === 'available') await advanceAvailability(who);
        else if (what === 'settle') {
          const wereIn = await states(campaign);
          await later(campaign);
          await settle(campaign, highest);
          const now = await states(campaign);
          const admitted = Object.keys(now).filter(
            user => now[user] === 'admitted' && wereIn[user] !== 'admitted',
          );
          const waiting = Object.keys(now).filter(user => now[user] === 'waiting');
          ok(admitted.every(one => waiting.every(other => Number(one) < Number(other))));
        } else if (what === 'enter') {
          // New entries have stamps above the watermark.
          highest += who;
          if (!entered.has(highest)) await ledger.enter(campaign, highest);
          entered.add(highest);
        } else {
          const [user] = [...entered].slice(who % Math.max(1, entered.size));
          if (user === undefined) continue;
          if (what === 'come') await come(campaign, user);
          else if (what === 'go') await go(campaign, user);
          else await ledger.withdraw(campaign, user);
        }
      }
      deepEqual(await brokenInvariants(ledger.pool), []);
      const made = await getRoom(ledger.pool, campaign.campaignId);
      equal(made?.takenStamp, highest === 0 ? -1 : highest * 1024);
    }),
    { numRuns: 25 },
  );
});
