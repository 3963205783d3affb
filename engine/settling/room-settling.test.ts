import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { transaction } from '../../sql/database.ts';
import { saveVersion, targetOf } from '../../sql/statements/campaigns/campaign-versions.ts';
import { createCampaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { readCampaigns } from '../../sql/statements/campaigns/settling.ts';
import { countPeople, getRoom, setTerms } from '../../sql/statements/rooms/rooms.ts';
import { brokenInvariants } from '../test/gateway.ts';
import { GRACE_MS, MANY, PASS_MS, TestRooms } from './testing/rooms.ts';

let rooms: TestRooms;
before(async () => {
  rooms = await TestRooms.make();
});
after(() => rooms.close());

test('admits users in stamp order at the configured rate', async () => {
  const campaign = await rooms.room({ perSecond: 0.02 });
  await rooms.ledger.enter(campaign, 30, 10, 20, 40);
  await rooms.come(campaign, 10, 20, 30, 40);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.ledger.outcomes(campaign), { 10: 1, 20: 'waiting', 30: 'waiting', 40: 'waiting' });
  await rooms.settle(campaign, 100);
  equal((await rooms.ledger.read(campaign)).grantedCount, 1);
  await rooms.later(campaign);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.ledger.outcomes(campaign), { 10: 1, 20: 2, 30: 'waiting', 40: 'waiting' });
  const { settledCount, settledStamp } = await rooms.ledger.read(campaign);
  deepEqual([settledCount, settledStamp], [2, 20 * 1024]);
});

test('ignores a draft, whatever its times', async () => {
  const { title, opensAt, closesAt } = await rooms.room();
  const terms = { kind: 'room', stock: MANY, title, opensAt, closesAt } as const;
  const campaign = await createCampaign(rooms.ledger.pool, { ...terms, stage: 'draft', draftTerms: {} });
  await rooms.furnish(campaign);
  await rooms.advanceAvailability(1);
  const found = await rooms.idsFound(closesAt.getTime() * 2_000);
  ok(found.length > 0 && !found.includes(campaign.campaignId));
});

test('keeps showing a cancelled room to gateways, and never shows an unannounced draft', async () => {
  const { title, opensAt, closesAt, ...announced } = await rooms.room();
  const terms = { kind: 'room', stock: MANY, title, opensAt, closesAt } as const;
  const draft = await createCampaign(rooms.ledger.pool, { ...terms, stage: 'draft', draftTerms: {} });
  const both = [{ title, opensAt, closesAt, ...announced }, draft];
  for (const campaign of both) {
    const { campaignId } = campaign;
    const target = { ...targetOf(campaign), stage: 'cancelled' as const };
    const wanted = { campaignId, action: 'cancel' as const, baseVersion: 1, target };
    const saved = await saveVersion(
      rooms.ledger.pool,
      { ...wanted, askedBy: 'operator', reason: null, decideBy: null },
      undefined,
    );
    equal(saved?.stage, 'cancelled');
  }
  const listed = (await readCampaigns(rooms.ledger.pool, undefined)).map(({ campaignId }) => campaignId);
  deepEqual(
    both.map(({ campaignId }) => listed.includes(campaignId)),
    [true, false],
  );
});

test('two concurrent engines share one budget', async () => {
  const campaign = await rooms.room({ perSecond: 5 });
  const instants = Array.from({ length: 40 }, (_, number) => number + 1);
  await rooms.ledger.enter(campaign, ...instants);
  await rooms.come(campaign, ...instants);
  await rooms.advanceAvailability(1);
  await Promise.all([1, 2, 3, 4].map(() => rooms.ledger.settle(campaign, 100)));
  const { rows } = await rooms.ledger.pool.query(
    `select count(*) as admitted from room_people where campaign_id = $1 and serial is not null`,
    [campaign.campaignId],
  );
  ok(rows[0].admitted <= 2, `${rows[0].admitted} were admitted at once`);
});

test('admits nobody while paused or full, and reported exits free capacity', async () => {
  const campaign = await rooms.room({ capacity: 2 });
  const { campaignId } = campaign;
  await rooms.ledger.enter(campaign, 10, 20, 30);
  await rooms.come(campaign, 10, 20, 30);
  await transaction(rooms.ledger.pool, db =>
    setTerms(db, campaignId, { perSecond: 10_000, capacity: 2, paused: true }),
  );
  await rooms.settle(campaign, 100);
  equal((await rooms.ledger.read(campaign)).grantedCount, 0);
  await transaction(rooms.ledger.pool, db =>
    setTerms(db, campaignId, { perSecond: 10_000, capacity: 2, paused: false }),
  );
  for (let turn = 0; turn < 5; turn++) {
    await rooms.later(campaign);
    await rooms.settle(campaign, 100);
  }
  deepEqual(await rooms.states(campaign), { 10: 'admitted', 20: 'admitted', 30: 'waiting' });
  await rooms.ledger.pool.query(
    `update room_people set state = 'left' where campaign_id = $1 and user_id = 'user-10'`,
    [campaignId],
  );
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'left', 20: 'admitted', 30: 'admitted' });
  const { rows } = await rooms.ledger.pool.query(
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

test('admits nobody while nobody can be notified, and catches nothing up afterwards', async () => {
  const campaign = await rooms.room({ perSecond: 2 });
  await rooms.ledger.enter(campaign, 10, 20, 30, 40);
  await rooms.come(campaign, 10, 20, 30, 40);
  for (let turn = 0; turn < 3; turn++) {
    await rooms.later(campaign);
    await rooms.ledger.settle(campaign, 100);
  }
  equal((await rooms.ledger.read(campaign)).grantedCount, 0, 'available time is paused');
  await rooms.go(campaign, 10, 20, 30, 40);
  await rooms.settle(campaign, 100);
  equal((await rooms.ledger.read(campaign)).grantedCount, 0, 'nobody is present');
  await rooms.come(campaign, 40);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'admitted', 20: 'waiting', 30: 'waiting', 40: 'waiting' });
});

test('an unused pass expires in available time, and frees its capacity', async () => {
  const campaign = await rooms.room({ capacity: 1 });
  await rooms.ledger.enter(campaign, 10, 20);
  await rooms.come(campaign, 10, 20);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'admitted', 20: 'waiting' });
  await rooms.advanceAvailability(PASS_MS - 10);
  await rooms.later(campaign);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'admitted', 20: 'waiting' });
  await rooms.advanceAvailability(10);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.states(campaign), { 10: 'expired', 20: 'admitted' });
});

test('a waiting user can withdraw, an admitted one cannot', async () => {
  const campaign = await rooms.room({ perSecond: 1 });
  await rooms.ledger.enter(campaign, 10, 20, 30);
  await rooms.come(campaign, 10, 20, 30);
  await rooms.settle(campaign, 100);
  await rooms.ledger.withdraw(campaign, 10, 20);
  await rooms.settle(campaign, 100);
  deepEqual(await rooms.ledger.outcomes(campaign), { 10: 1, 20: 'withdrawn', 30: 'waiting' });
  equal((await rooms.ledger.read(campaign)).goneCount, 1);
});

test('finishes when the campaign is closed and the line is empty', async () => {
  const { campaign } = await rooms.finished();
  equal((await countPeople(rooms.ledger.pool, campaign.campaignId)).admitted, 2);
});

test('passes and visits also expire in a finished room', async () => {
  const { campaign, closeUs } = await rooms.finished();
  const found = async (): Promise<boolean> =>
    (await rooms.idsFound(opensAtUs(campaign) + closeUs)).includes(campaign.campaignId);
  equal(await found(), false);
  await rooms.advanceAvailability(PASS_MS);
  equal(await found(), true);
  await rooms.ledger.settle(campaign, closeUs);
  deepEqual(await rooms.states(campaign), { 10: 'expired', 20: 'expired' });
  equal(await found(), false);
});

test('allows only documented transitions, and an admission is final', async () => {
  const campaign = await rooms.room();
  await rooms.ledger.enter(campaign, 10);
  await rooms.come(campaign, 10);
  await rooms.settle(campaign, 100);
  const set = (change: string): Promise<unknown> =>
    rooms.ledger.pool.query(`update room_people set ${change} where campaign_id = $1`, [campaign.campaignId]);
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
      const campaign = await rooms.room({ perSecond: 1 });
      const entered = new Set<number>();
      let highest = 0;
      for (const { what, who } of [...steps, { what: 'settle' as const, who: 0 }]) {
        if (what === 'available') await rooms.advanceAvailability(who);
        else if (what === 'settle') {
          const wereIn = await rooms.states(campaign);
          await rooms.later(campaign);
          await rooms.settle(campaign, highest);
          const now = await rooms.states(campaign);
          const admitted = Object.keys(now).filter(
            user => now[user] === 'admitted' && wereIn[user] !== 'admitted',
          );
          const waiting = Object.keys(now).filter(user => now[user] === 'waiting');
          ok(admitted.every(one => waiting.every(other => Number(one) < Number(other))));
        } else if (what === 'enter') {
          // New entries have stamps above the watermark.
          highest += who;
          if (!entered.has(highest)) await rooms.ledger.enter(campaign, highest);
          entered.add(highest);
        } else {
          const [user] = [...entered].slice(who % Math.max(1, entered.size));
          if (user === undefined) continue;
          if (what === 'come') await rooms.come(campaign, user);
          else if (what === 'go') await rooms.go(campaign, user);
          else await rooms.ledger.withdraw(campaign, user);
        }
      }
      deepEqual(await brokenInvariants(rooms.ledger.pool), []);
      const made = await getRoom(rooms.ledger.pool, campaign.campaignId);
      equal(made?.takenStamp, highest === 0 ? -1 : highest * 1024);
    }),
    { numRuns: 25 },
  );
});
