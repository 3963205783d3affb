/** Turns of a raffle: reading its pool delays nothing else, and a kill between any two statements changes nothing. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { type Campaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { extendFreeDeadlines } from '../../sql/statements/claims/claims.ts';
import { saveTerms } from '../../sql/statements/draws/entrant-terms.ts';
import { brokenInvariants } from '../test/gateway.ts';
import { TEST_SALT_SECRET, testRandomness } from '../test/randomness.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';
import { eventually } from '../test/support.ts';
import { watched } from '../test/watched-pool.ts';
import { CampaignTurns } from './campaign-turns.ts';
import { entrant, expectedOf, instants, raffle, winnersOf } from './testing/raffles.ts';

/** More than are read at a time. */
const ENTRANTS = 5_000;
const READS_POOL = /left join entrant_terms/;

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

async function expectDrawn(campaign: Campaign, left: readonly number[]): Promise<void> {
  const pool = instants(ENTRANTS).filter(instant => !left.includes(instant));
  const expected = await expectedOf(
    ledger,
    campaign,
    pool.map(instant => entrant(instant)),
  );
  deepEqual(
    (await winnersOf(ledger, campaign)).map(({ user }) => user),
    expected,
  );
  const { frozenCount, settledCount, goneCount } = await ledger.read(campaign);
  deepEqual([frozenCount, settledCount, goneCount], [pool.length, ENTRANTS, left.length]);
  deepEqual(await brokenInvariants(ledger.pool), []);
}

/** Rejects if the campaign's row is locked. */
async function touch({ campaignId }: Campaign): Promise<void> {
  await ledger.pool.query('select from campaigns where campaign_id = $1 for update nowait', [campaignId]);
}

test('while the pool is read, other campaigns settle and the row is unlocked', async () => {
  const campaign = await raffle(ledger);
  await ledger.enter(campaign, ...instants(ENTRANTS));
  await ledger.withdraw(campaign, 3, 4);
  let reads = 0;
  let letGo: (() => void) | undefined;
  const pool = watched(ledger.pool, async text => {
    if (!READS_POOL.test(text)) return;
    reads += 1;
    await new Promise<void>(resolve => {
      letGo = resolve;
    });
  });
  const raffles = { randomness: testRandomness(), saltSecret: TEST_SALT_SECRET };
  const settling = { pool, raffles, onDecided: () => undefined };
  const turns = new CampaignTurns({ settling, atOnce: 1, log: pino({ level: 'silent' }) }, () => undefined);
  const watermarkUs = opensAtUs(campaign) + WINDOW_US;
  const now = {
    watermarkUs,
    nowUs: watermarkUs,
    clockMs: Math.ceil(watermarkUs / 1_000),
    availability: undefined,
    presentMs: undefined,
  };
  const settle = ({ campaignId, kind }: Campaign) =>
    turns.settle([{ campaignId, kind, progress: 0 }], () => now);
  // Two pages for the root, and the same two for the draw.
  for (let page = 1; page <= 4; page++) {
    await eventually(async () => {
      await settle(campaign);
      return reads === page;
    });
    const coupon = await ledger.campaign('coupon', 5);
    await ledger.enter(coupon, 10, 20);
    await eventually(async () => {
      await settle(coupon);
      return (await ledger.read(coupon)).settledCount === 2;
    });
    await touch(campaign);
    // The pool is closed: nobody can leave it, and no tickets can be set.
    await ledger.withdraw(campaign, 10 + page);
    const terms = { userId: `user-${page}`, tickets: 9, group: null, excluded: null };
    equal(await saveTerms(ledger.pool, campaign.campaignId, [terms]), 'closed');
    letGo?.();
  }
  await eventually(async () => {
    await settle(campaign);
    return (await ledger.read(campaign)).finishedAt !== null;
  });
  await turns.close();
  equal(reads, 4);
  await expectDrawn(campaign, [3, 4]);
});

test('while one campaign is locked, an outage extends the deadlines of the others, then its own', async t => {
  const claims = { withinS: 60, waitlist: 0 };
  const [held, free] = [await ledger.claimed(1, claims), await ledger.claimed(1, claims)];
  ok(await extendFreeDeadlines(ledger.pool, ledger.outageUs));
  await ledger.outage(4_000_000);
  const holder = await ledger.pool.connect();
  t.after(() => holder.release(true));
  await holder.query('begin');
  await holder.query('select from campaigns where campaign_id = $1 for no key update', [held.campaignId]);
  const outages = async () => [(await ledger.read(held)).outageUs, (await ledger.read(free)).outageUs];
  equal(await extendFreeDeadlines(ledger.pool, ledger.outageUs), false);
  deepEqual(await outages(), [0, 4_000_000]);
  await holder.query('rollback');
  ok(await extendFreeDeadlines(ledger.pool, ledger.outageUs));
  deepEqual(await outages(), [4_000_000, 4_000_000]);
});

test('resumes a draw killed at any statement, with the same result', async () => {
  const campaign = await raffle(ledger);
  await ledger.enter(campaign, ...instants(ENTRANTS));
  await ledger.withdraw(campaign, 3, 4);
  let kills = 0;
  for (let isDone = false; !isDone; kills++) {
    let statements = 0;
    const pool = watched(ledger.pool, () => {
      statements += 1;
      if (statements === kills + 1) throw new Error('killed on purpose');
    });
    isDone = await ledger.settle(campaign, WINDOW_US, { pool }).then(
      () => true,
      (error: unknown) => {
        match(String(error), /killed on purpose/);
        return false;
      },
    );
    const { frozenAt, finishedAt } = await ledger.read(campaign);
    if (frozenAt !== null && finishedAt === null) await ledger.withdraw(campaign, 100 + kills);
  }
  ok(kills > 10);
  await ledger.settle(campaign, WINDOW_US);
  await expectDrawn(campaign, [3, 4]);
});

test('two engines that read a pool at once draw once, with the same result', async () => {
  const campaign = await raffle(ledger);
  await ledger.enter(campaign, ...instants(ENTRANTS));
  await eventually(async () => {
    await Promise.all([ledger.settle(campaign, WINDOW_US), ledger.settle(campaign, WINDOW_US)]);
    return (await ledger.read(campaign)).finishedAt !== null;
  });
  await expectDrawn(campaign, []);
});
