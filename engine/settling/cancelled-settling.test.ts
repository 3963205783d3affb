import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  effectVersion,
  proposeVersion,
  readVersion,
  targetOf,
} from '../../sql/statements/campaigns/campaign-versions.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { saveRevealed } from '../../sql/statements/draws/draws.ts';
import { readTotals } from '../../sql/statements/entries/outcomes.ts';
import { moveAvailability, readAvailability } from '../../sql/statements/progress/availability.ts';
import { addStreams } from '../../sql/statements/rooms/presence.ts';
import { createRoom } from '../../sql/statements/rooms/rooms.ts';
import { brokenInvariants } from '../test/gateway.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';
import { COUNT_LIMIT } from './settling-step.ts';

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

/** Cancels a campaign; all gateways knew of it `afterMs` after the opening. */
async function cancel(made: Campaign, afterMs: number): Promise<Campaign> {
  const { pool } = ledger;
  const campaign = await ledger.read(made);
  const { campaignId, version: baseVersion } = campaign;
  const target = { ...targetOf(campaign), stage: 'cancelled' as const };
  const by = { askedBy: 'Ada', reason: null, decideBy: null };
  const proposed = await proposeVersion(pool, { campaignId, action: 'cancel', baseVersion, target, ...by });
  ok(proposed?.pending);
  const version = await readVersion(pool, campaignId, proposed.pending.version);
  ok(version);
  const knownBy = new Date(campaign.opensAt.getTime() + afterMs);
  const none = (): undefined => undefined;
  const confirmed = { knownBy, neverOpens: false, isStillSo: async () => true, withinMs: 1_000 };
  equal((await effectVersion(pool, version, confirmed, none, none)).state, 'effective');
  return await ledger.read(made);
}

test('a cancelled coupon keeps earlier decisions, and waits for entries still in the log', async () => {
  const campaign = await ledger.campaign('coupon', 1);
  await ledger.enter(campaign, 10, 20, 500, 600);
  await ledger.withdraw(campaign, 500, 600);
  await ledger.settle(campaign, 500);
  await ledger.enter(campaign, 700);
  const cancelled = await cancel(campaign, 1);
  deepEqual(await ledger.outcomes(campaign), {
    10: 1,
    20: 'sold_out',
    500: 'withdrawn',
    600: 'cancelled',
    700: 'cancelled',
  });
  await ledger.enter(campaign, 800);
  await ledger.settle(campaign, 999);
  equal((await ledger.read(campaign)).finishedAt, null, 'a gateway may have accepted until then');
  equal(await ledger.findsWork(campaign, 1_000), true);
  await ledger.settle(campaign, 1_000);
  const finished = await ledger.read(campaign);
  ok(finished.finishedAt);
  deepEqual(
    [finished.grantedCount, finished.settledCount, finished.cancelledStamp],
    [1, 6, cancelled.cancelledStamp],
  );
  const outcomes = await ledger.outcomes(campaign);
  deepEqual([outcomes[600], outcomes[800]], ['cancelled', 'cancelled'], 'an outcome never changes');
  equal(await ledger.findsWork(campaign, WINDOW_US), false);
  deepEqual(await brokenInvariants(ledger.pool), []);
});

test('counts very many entries in several steps, all cancelled from the first one on', async () => {
  const campaign = await ledger.campaign('raffle', 1);
  const { campaignId } = campaign;
  const count = COUNT_LIMIT + 10;
  await ledger.pool.query(
    `insert into entries (campaign_id, user_id, stamp)
     select $1, 'user-' || n, n::bigint * 1024 from generate_series(1, $2::integer) n`,
    [campaignId, count],
  );
  await cancel(campaign, 1_000);
  const whole = { granted: 0, waiting: 0, cancelled: count, lost: 0 };
  const check = async (settledCount: number, isFinished: boolean): Promise<void> => {
    const now = await ledger.read(campaign);
    deepEqual([now.settledCount, now.finishedAt !== null], [settledCount, isFinished]);
    const totals = await readTotals(ledger.pool, campaignId);
    deepEqual({ ...totals, ...whole }, totals);
  };
  await check(0, false);
  equal(await ledger.settle(campaign, 1_000_000, {}, () => false), true);
  await check(COUNT_LIMIT, false);
  await ledger.settle(campaign, 1_000_000);
  await check(count, true);
});

test('never draws a cancelled raffle, even with a frozen pool', async () => {
  const campaign = await ledger.campaign('raffle', 1);
  await ledger.enter(campaign, 10, 20, 30);
  // Frozen, and cancelled while it waits for its randomness.
  await ledger.pool.query(
    `insert into campaign_versions
       (campaign_id, version, action, stage, title, places, opens_at, closes_at, draws_at, time_zone, paused,
        base_version, asked_by, state, decided_at)
     select campaign_id, 2, 'edit', stage, title, places, opens_at, closes_at, closes_at + interval '1 hour',
            time_zone, false, 1, 'Ada', 'effective', now()
       from campaigns where campaign_id = $1`,
    [campaign.campaignId],
  );
  await ledger.pool.query(
    `update campaigns set version = 2, draws_at = closes_at + interval '1 hour' where campaign_id = $1`,
    [campaign.campaignId],
  );
  await ledger.settle(campaign, WINDOW_US);
  const frozen = await ledger.read(campaign);
  ok(frozen.poolRoot !== null && frozen.seed === null && frozen.finishedAt === null);
  equal(await ledger.findsWork(campaign, WINDOW_US), false, 'its drawing is not due');
  await cancel(campaign, 60_000);
  equal(await ledger.findsWork(campaign, WINDOW_US), true);
  await ledger.settle(campaign, WINDOW_US);
  const finished = await ledger.read(campaign);
  ok(finished.finishedAt);
  deepEqual([finished.grantedCount, finished.settledCount, finished.seed], [0, 3, null]);
  deepEqual(await ledger.outcomes(campaign), { 10: 'cancelled', 20: 'cancelled', 30: 'cancelled' });
  const revealed = {
    source: 'commit',
    randomness: Buffer.alloc(32),
    signature: null,
    round: null,
    seed: Buffer.alloc(32),
  } as const;
  equal(await saveRevealed(ledger.pool, campaign.campaignId, revealed), false);
});

test('an offer made before a cancellation is claimed or passes on until its end', async () => {
  const campaign = await ledger.claimed(1, { withinS: 1, waitlist: 1 });
  await ledger.enter(campaign, 10, 20, 30);
  await ledger.settle(campaign, 100);
  await ledger.enter(campaign, 700);
  await cancel(campaign, 1);
  await ledger.settle(campaign, 1_000);
  const kept = { 30: 'sold_out', 700: 'cancelled' };
  deepEqual(await ledger.shown(campaign), { 10: 'offered 1', 20: 'waitlisted', ...kept });
  equal((await ledger.read(campaign)).finishedAt, null);
  const lapsed = 100 + 1_000_000;
  equal(await ledger.findsWork(campaign, lapsed), true);
  await ledger.settle(campaign, lapsed);
  await ledger.claim(campaign, [20, lapsed + 10]);
  await ledger.settle(campaign, lapsed + 20);
  deepEqual(await ledger.shown(campaign), { 10: 'lapsed', 20: 'granted 1', ...kept });
  ok((await ledger.read(campaign)).finishedAt);
  deepEqual(await brokenInvariants(ledger.pool), []);
});

test('a cancelled room admits nobody more, waiting or absent', async () => {
  const campaign = await ledger.campaign('room', 10);
  const { campaignId } = campaign;
  const paced = { perSecond: 1, capacity: null, paused: false, singleUse: false };
  await createRoom(ledger.pool, campaignId, { ...paced, graceMs: 1_000, passMs: 60_000, visitMs: null });
  await ledger.enter(campaign, 10, 20, 30);
  await addStreams(ledger.pool, { incarnation: 1, rooms: [{ campaignId, userIds: ['user-30'] }] });
  for (const availableMs of [1, 2_000]) {
    const from = await readAvailability(ledger.pool);
    await moveAvailability(ledger.pool, from, {
      availableMs: from.availableMs + availableMs,
      throughMs: from.throughMs + 1,
      watermarkMs: from.watermarkMs,
    });
    await ledger.settle(campaign, 100);
  }
  await ledger.enter(campaign, 700);
  await cancel(campaign, 1);
  await ledger.settle(campaign, 1_000);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 'cancelled', 30: 'cancelled', 700: 'cancelled' });
  const { finishedAt, grantedCount, settledCount } = await ledger.read(campaign);
  ok(finishedAt);
  deepEqual([grantedCount, settledCount], [1, 4]);
  deepEqual(await brokenInvariants(ledger.pool), []);
});
