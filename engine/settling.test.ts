import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type Campaign, createCampaign, getCampaign, opensAtUs } from '../sql/campaigns.ts';
import { openPool, type Pool, transaction } from '../sql/database.ts';
import { insertEntries } from '../sql/entries.ts';
import { findWork } from '../sql/settling.ts';
import { insertWithdrawals } from '../sql/withdrawals.ts';
import { draw } from './judges/raffle.ts';
import { localSeed, type SettlingOptions, settleCampaign } from './settling.ts';
import { type TestDatabase, testDatabase } from './test/support.ts';
import { brokenInvariants } from './test-gateway.ts';

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await testDatabase();
  pool = openPool(database.url, { max: 6, applicationName: 'test', onError: () => undefined });
});
after(async () => {
  await pool.end();
  await database.drop();
});

const SEED = Buffer.alloc(32, 7);
const WINDOW_US = 60_000_000;

function options(more: Partial<SettlingOptions> = {}): SettlingOptions {
  return { pool, seedSource: localSeed, onDecided: () => undefined, ...more };
}

function makeCampaign(kind: Campaign['kind'], places: number): Promise<Campaign> {
  const opensAt = new Date('2030-01-01T00:00:00Z');
  const closesAt = new Date(opensAt.getTime() + WINDOW_US / 1000);
  return createCampaign(pool, { kind, title: 'test', places, opensAt, closesAt });
}

/** Entries of user-<instant> at these instants after the opening, in microseconds, all from gateway 0. */
async function enter(campaign: Campaign, ...instants: number[]): Promise<void> {
  const inserted = await insertEntries(pool, columns(campaign, instants), 'all');
  equal(inserted, instants.length);
}

async function withdraw(campaign: Campaign, ...instants: number[]): Promise<void> {
  await insertWithdrawals(pool, columns(campaign, instants));
}

function columns({ campaignId }: Campaign, instants: readonly number[]) {
  return {
    campaignIds: instants.map(() => campaignId),
    userIds: instants.map(instant => `user-${instant}`),
    stamps: instants.map(instant => instant * 1024),
  };
}

/** Settles up to so many microseconds after the opening. */
function settle(campaign: Campaign, afterUs: number, more: Partial<SettlingOptions> = {}): Promise<void> {
  return settleCampaign(options(more), campaign.campaignId, opensAtUs(campaign) + afterUs, () => true);
}

async function outcomes(campaign: Campaign): Promise<Record<string, string | number>> {
  const { rows } = await pool.query<{ user_id: string; outcome: string; serial: number | null }>(
    'select user_id, outcome, serial from entry_outcomes where campaign_id = $1 order by stamp',
    [campaign.campaignId],
  );
  return Object.fromEntries(rows.map(row => [row.user_id.slice(5), row.serial ?? row.outcome]));
}

async function read(campaign: Campaign): Promise<Campaign> {
  const row = await getCampaign(pool, campaign.campaignId);
  if (row === undefined) throw new Error('the campaign is gone');
  return row;
}

async function findsWork(campaign: Campaign, afterUs: number): Promise<boolean> {
  const work = await findWork(pool, opensAtUs(campaign) + afterUs);
  return work.some(({ campaignId }) => campaignId === campaign.campaignId);
}

test('coupons go to the first, up to the watermark and no further', async () => {
  const campaign = await makeCampaign('coupon', 2);
  await enter(campaign, 10, 20, 30);
  await settle(campaign, 10);
  deepEqual(await outcomes(campaign), { 10: 1, 20: 'waiting', 30: 'waiting' });
  await settle(campaign, 29);
  deepEqual(await outcomes(campaign), { 10: 1, 20: 2, 30: 'waiting' });
  await settle(campaign, 30);
  deepEqual(await outcomes(campaign), { 10: 1, 20: 2, 30: 'sold_out' });
  const { settledCount, grantedCount, finishedAt } = await read(campaign);
  deepEqual([settledCount, grantedCount, finishedAt], [3, 2, null]);
});

test('all gateways of an instant are settled with it', async () => {
  const campaign = await makeCampaign('coupon', 5);
  await insertEntries(pool, { ...columns(campaign, [5]), stamps: [5 * 1024 + 1023] }, 'all');
  await settle(campaign, 4);
  equal((await read(campaign)).settledCount, 0);
  await settle(campaign, 5);
  equal((await read(campaign)).settledCount, 1);
});

test('nothing new, nothing written: the revision stays', async () => {
  const campaign = await makeCampaign('coupon', 2);
  await enter(campaign, 10);
  await settle(campaign, 20);
  const { revision } = await read(campaign);
  await settle(campaign, 30);
  equal((await read(campaign)).revision, revision);
  equal(await findsWork(campaign, 30), false);
});

test('a coupon is finished when the watermark has reached the close, and not before', async () => {
  const campaign = await makeCampaign('coupon', 2);
  await enter(campaign, 10, WINDOW_US - 1);
  await settle(campaign, WINDOW_US - 1);
  equal((await read(campaign)).finishedAt, null);
  equal(await findsWork(campaign, WINDOW_US - 1), false);
  equal(await findsWork(campaign, WINDOW_US), true);
  await settle(campaign, WINDOW_US);
  const finished = await read(campaign);
  ok(finished.finishedAt !== null && finished.frozenAt !== null);
  deepEqual([finished.settledCount, finished.settledStamp], [2, WINDOW_US * 1024 - 1]);
  equal(await findsWork(campaign, WINDOW_US), false);
});

test('a withdrawal in time leaves the place to the next; one after the turn changes nothing', async () => {
  const campaign = await makeCampaign('coupon', 2);
  await enter(campaign, 10, 20, 30, 40);
  await settle(campaign, 10);
  await withdraw(campaign, 10, 20);
  equal(await findsWork(campaign, 10), true);
  await settle(campaign, 30);
  deepEqual(await outcomes(campaign), { 10: 1, 20: 'withdrawn', 30: 2, 40: 'waiting' });
  const { settledCount, goneCount } = await read(campaign);
  deepEqual([settledCount, goneCount], [3, 1]);
});

test('a withdrawal that comes before its entry waits for it', async () => {
  const campaign = await makeCampaign('coupon', 2);
  await withdraw(campaign, 20);
  await enter(campaign, 10);
  await settle(campaign, 15);
  await enter(campaign, 20, 30);
  await settle(campaign, 30);
  deepEqual(await outcomes(campaign), { 10: 1, 20: 'withdrawn', 30: 2 });
});

test('a withdrawal after the end is refused, and found no second time', async () => {
  const campaign = await makeCampaign('coupon', 2);
  await enter(campaign, 10);
  await settle(campaign, WINDOW_US);
  await withdraw(campaign, 10, 99);
  equal(await findsWork(campaign, WINDOW_US), true);
  await settle(campaign, WINDOW_US);
  equal(await findsWork(campaign, WINDOW_US), false);
  deepEqual(await outcomes(campaign), { 10: 1 });
});

test('a campaign that another engine has is left to it', async () => {
  const campaign = await makeCampaign('coupon', 2);
  await enter(campaign, 10);
  await transaction(pool, async client => {
    await client.query('select from campaigns where campaign_id = $1 for no key update', [
      campaign.campaignId,
    ]);
    await settle(campaign, 20);
    equal((await read(campaign)).settledCount, 0);
  });
  await settle(campaign, 20);
  equal((await read(campaign)).settledCount, 1);
});

test('more than one turn holds is settled all the same, by several engines at once', async () => {
  const campaign = await makeCampaign('coupon', 6_000);
  await enter(campaign, ...Array.from({ length: 12_000 }, (_, index) => index + 1));
  const decided: number[] = [];
  const onDecided = (count: number): void => {
    decided.push(count);
  };
  while ((await read(campaign)).settledCount < 12_000) {
    await Promise.all([1, 2, 3].map(() => settle(campaign, 20_000, { onDecided })));
  }
  equal(
    decided.reduce((sum, count) => sum + count, 0),
    12_000,
  );
  equal((await read(campaign)).grantedCount, 6_000);
  deepEqual(await brokenInvariants(pool), []);
});

test('a coupon is settled as a plain look at its entries would have it, in whatever steps', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('enter' as const), gapUs: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant('settle' as const), gapUs: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ kind: fc.constant('withdraw' as const), gapUs: fc.nat({ max: 30 }) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 10 }),
      fc.array(step, { maxLength: 30 }),
      async (places, steps) => {
        const campaign = await makeCampaign('coupon', places);
        const entered: number[] = [];
        const left = new Set<number>();
        let nowUs = 0;
        let watermarkUs = 0;
        for (const { kind, gapUs } of steps) {
          nowUs += kind === 'withdraw' ? 0 : gapUs;
          if (kind === 'enter') {
            nowUs = Math.max(nowUs, watermarkUs + 1);
            await enter(campaign, nowUs);
            entered.push(nowUs);
          } else if (kind === 'settle') {
            watermarkUs = Math.max(watermarkUs, nowUs - 2);
            await settle(campaign, watermarkUs);
          } else {
            const who = entered[gapUs % Math.max(1, entered.length)];
            if (who === undefined) continue;
            await withdraw(campaign, who);
            if (who > watermarkUs) left.add(who);
          }
          const shown = await outcomes(campaign);
          let serial = 0;
          for (const who of entered) {
            const isDue = who <= watermarkUs;
            if (isDue && !left.has(who)) serial += 1;
            const due = left.has(who) ? 'withdrawn' : serial <= places ? serial : 'sold_out';
            equal(shown[who], isDue ? due : 'waiting', `user-${who}`);
          }
        }
      },
    ),
    { numRuns: 40 },
  );
  deepEqual(await brokenInvariants(pool), []);
});

test('a raffle waits for the close, then draws what the pure function says', async () => {
  const campaign = await makeCampaign('raffle', 3);
  const instants = Array.from({ length: 40 }, (_, index) => index + 1);
  await enter(campaign, ...instants);
  await withdraw(campaign, 3, 4);
  await settle(campaign, WINDOW_US - 1);
  const gathered = await read(campaign);
  deepEqual([gathered.settledCount, gathered.goneCount, gathered.frozenAt], [0, 2, null]);
  await settle(campaign, WINDOW_US, { seedSource: { name: 'test', seed: async () => SEED } });
  const finished = await read(campaign);
  ok(finished.finishedAt !== null && finished.frozenAt !== null);
  deepEqual(finished.seed, SEED);
  equal(finished.seedSource, 'test');
  deepEqual([finished.frozenCount, finished.settledCount, finished.grantedCount], [38, 40, 3]);
  const pooled = instants
    .filter(instant => instant !== 3 && instant !== 4)
    .map(instant => ({ userId: `user-${instant}`, stamp: instant * 1024 }));
  const winners = draw(pooled, { winners: 3 }, SEED).map(({ userId }) => userId);
  const { rows } = await pool.query('select user_id from grants where campaign_id = $1 order by serial', [
    campaign.campaignId,
  ]);
  deepEqual(
    rows.map(row => row.user_id),
    winners,
  );
  const shown = Object.values(await outcomes(campaign));
  equal(shown.filter(outcome => outcome === 'not_drawn').length, 35);
  equal(shown.filter(outcome => outcome === 'withdrawn').length, 2);
});

test('with fewer entrants than winners all win', async () => {
  const campaign = await makeCampaign('raffle', 10);
  await enter(campaign, 1, 2, 3);
  await settle(campaign, WINDOW_US);
  deepEqual(Object.values(await outcomes(campaign)).sort(), [1, 2, 3]);
});

test('a raffle that nobody entered comes to its end', async () => {
  const campaign = await makeCampaign('raffle', 10);
  await settle(campaign, WINDOW_US);
  const { finishedAt, grantedCount } = await read(campaign);
  ok(finishedAt !== null);
  equal(grantedCount, 0);
});

test('a raffle goes on at the stage that was reached, and uses no seed that is not recorded', async () => {
  const campaign = await makeCampaign('raffle', 1);
  await enter(campaign, 1, 2, 3);
  const absent = { name: 'absent', seed: () => Promise.reject(new Error('no seed yet')) };
  await rejects(settle(campaign, WINDOW_US, { seedSource: absent }), /no seed yet/);
  const frozen = await read(campaign);
  deepEqual([frozen.frozenCount, frozen.seed, frozen.finishedAt], [3, null, null]);
  // Somebody who asks to leave now is too late: the pool is frozen.
  await withdraw(campaign, 1, 2, 3);
  await pool.query('update campaigns set seed = $2, seed_source = $3 where campaign_id = $1', [
    campaign.campaignId,
    SEED,
    'recorded before a crash',
  ]);
  await settle(campaign, WINDOW_US, { seedSource: absent });
  const pooled = [1, 2, 3].map(instant => ({ userId: `user-${instant}`, stamp: instant * 1024 }));
  const [winner] = draw(pooled, { winners: 1 }, SEED);
  equal((await outcomes(campaign))[winner?.userId.slice(5) ?? ''], 1);
  equal((await read(campaign)).goneCount, 0);
});

test('a pool that is not the frozen one is not drawn', async () => {
  const campaign = await makeCampaign('raffle', 1);
  await enter(campaign, 1, 2, 3);
  const tampering = {
    name: 'tampering',
    seed: async () => {
      await pool.query('delete from entries where campaign_id = $1 and stamp = 1024', [campaign.campaignId]);
      return SEED;
    },
  };
  await rejects(settle(campaign, WINDOW_US, { seedSource: tampering }), /frozen with 3 entrants and has 2/);
  equal((await read(campaign)).finishedAt, null);
});

test('several engines draw once', async () => {
  const campaign = await makeCampaign('raffle', 4);
  await enter(campaign, ...Array.from({ length: 50 }, (_, index) => index + 1));
  await Promise.all([1, 2, 3, 4].map(() => settle(campaign, WINDOW_US)));
  await settle(campaign, WINDOW_US);
  equal((await read(campaign)).grantedCount, 4);
});
