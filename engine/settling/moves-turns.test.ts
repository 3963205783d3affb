/**
 * Turns of users who leave: any number of simultaneous withdrawals is decided in bounded transactions, with the result of
 * one.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { listForShelf } from '../../sql/statements/campaigns/shelving.ts';
import { brokenInvariants } from '../test/gateway.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';
import { MOVES_LIMIT } from './settling-step.ts';

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

/** The instants at which `count` users enter, microseconds after the opening. */
function people(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** Settles in one transaction, like an engine that is killed after it. Returns whether there is more to do. */
function step(campaign: Campaign, afterUs: number, movesAtOnce?: number): Promise<boolean> {
  return ledger.settle(campaign, afterUs, { movesAtOnce }, () => false);
}

async function undecided({ campaignId }: Campaign): Promise<number> {
  const { rows } = await ledger.pool.query(
    'select from withdrawals where campaign_id = $1 and honoured is null',
    [campaignId],
  );
  return rows.length;
}

for (const kind of ['coupon', 'raffle'] as const) {
  test(`decides more withdrawals from a ${kind} than fit in a step over several, before settling anybody`, async () => {
    const [leaving, staying] = [2 * MOVES_LIMIT + 100, 10];
    const campaign = await ledger.campaign(kind, staying);
    await ledger.enter(campaign, ...people(leaving + staying));
    // The users who entered last ask first.
    await ledger.leave(campaign, ...people(leaving).map(who => [who, 2 * leaving - who] as const));
    if (kind === 'raffle') ok(await step(campaign, WINDOW_US), 'announced late');
    for (const left of [leaving - MOVES_LIMIT, leaving - 2 * MOVES_LIMIT]) {
      equal(await step(campaign, WINDOW_US), true);
      equal(await undecided(campaign), left);
      const { settledCount, goneCount, frozenAt } = await ledger.read(campaign);
      deepEqual([settledCount, goneCount, frozenAt], [0, leaving - left, null]);
      ok(await ledger.findsWork(campaign, WINDOW_US));
    }
    while (await step(campaign, WINDOW_US));
    const { settledCount, goneCount, grantedCount, finishedAt } = await ledger.read(campaign);
    deepEqual([settledCount, goneCount, grantedCount], [leaving + staying, leaving, staying]);
    ok(finishedAt !== null);
    deepEqual(await brokenInvariants(ledger.pool), []);
  });
}

/** Outcomes of users who leave in time, too late, and before their entries are known. */
async function leaveAll(kind: 'coupon' | 'raffle', movesAtOnce: number | undefined): Promise<unknown> {
  const campaign = await ledger.campaign(kind, 3);
  await ledger.enter(campaign, ...people(12));
  await ledger.leave(campaign, [2, 900], [4, 800], [5, 700], [20, 600]);
  await ledger.settle(campaign, 6, { movesAtOnce });
  await ledger.leave(campaign, [1, 1_000], [3, 1_100], [7, 1_050], [8, 1_010], [9, 1_200]);
  await ledger.settle(campaign, WINDOW_US, { movesAtOnce });
  ok((await ledger.read(campaign)).finishedAt !== null);
  equal(await undecided(campaign), 0);
  equal(await ledger.findsWork(campaign, WINDOW_US), false);
  const { settledCount, goneCount } = await ledger.read(campaign);
  const outcomes = await ledger.outcomes(campaign);
  // The winners differ from raffle to raffle.
  const shown = Object.entries(outcomes).map(([who, outcome]) => [
    who,
    kind === 'coupon' || outcome === 'withdrawn' ? outcome : 'in the draw',
  ]);
  return { settledCount, goneCount, shown };
}

test('the size of a step does not change the result', async () => {
  for (const kind of ['coupon', 'raffle'] as const) {
    const expected = await leaveAll(kind, undefined);
    for (const movesAtOnce of [1, 2, 3, 7]) deepEqual(await leaveAll(kind, movesAtOnce), expected);
  }
  deepEqual(await brokenInvariants(ledger.pool), []);
});

test('refuses late withdrawals over several steps, and keeps the campaign in Redis until then', async () => {
  for (const kind of ['coupon', 'raffle'] as const) {
    const campaign = await ledger.campaign(kind, 2);
    await ledger.enter(campaign, ...people(9));
    if (kind === 'raffle') {
      // Closed, then frozen: nobody can leave a frozen pool.
      for (let turn = 0; turn < 2; turn++) ok(await step(campaign, WINDOW_US, 2));
      ok((await ledger.read(campaign)).frozenAt !== null);
    } else await ledger.settle(campaign, 100, { movesAtOnce: 2 });
    await ledger.leave(campaign, ...people(9).map(who => [who, 50 + who] as const));
    const left: number[] = [];
    let more = true;
    while (more) {
      more = await step(campaign, WINDOW_US, 2);
      left.push(await undecided(campaign));
      const isListed = (await listForShelf(ledger.pool, -1_000, 100)).includes(campaign.campaignId);
      const { finishedAt } = await ledger.read(campaign);
      // A coupon without rules needs no book; the raffle is not listed because this ledger has no book of it.
      equal(isListed, kind === 'coupon' && finishedAt !== null && left.at(-1) === 0);
    }
    deepEqual(
      left.filter((count, at) => count !== left[at - 1]),
      [7, 5, 3, 1, 0],
    );
    const { goneCount, grantedCount, finishedAt } = await ledger.read(campaign);
    deepEqual([goneCount, grantedCount, finishedAt !== null], [0, 2, true]);
  }
  deepEqual(await brokenInvariants(ledger.pool), []);
});
