/** A raised stock goes to those who had lost, in stamp order and exactly once, and then to whoever comes. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { readRaises } from '../../sql/statements/books/books.ts';
import { listUntold, noteRaiseKnown, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';
import { watched } from '../test/watched-pool.ts';

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

const violates = (constraint: string) => ({ constraint });

test('grants what was added to those who had lost, in stamp order, then to whoever comes', async () => {
  const campaign = await ledger.announced(2);
  await ledger.enter(campaign, 10, 20, 30, 40);
  await ledger.settle(campaign, 50);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 2, 30: 'sold_out', 40: 'sold_out' });
  const before = await ledger.read(campaign);
  await ledger.raise(campaign, 5);
  equal(await ledger.findsWork(campaign, 50), true);
  await ledger.enter(campaign, 60, 70, 80);
  await ledger.settle(campaign, 90);
  deepEqual(await ledger.outcomes(campaign), {
    ...{ 10: 1, 20: 2, 30: 3, 40: 4, 60: 5 },
    ...{ 70: 'sold_out', 80: 'sold_out' },
  });
  const { settledCount, grantedCount, raisedStamp } = await ledger.read(campaign);
  deepEqual([settledCount - before.settledCount, grantedCount, raisedStamp], [3, 5, null]);
  equal(await ledger.findsWork(campaign, 90), false);
});

test('is handed out only when every gateway has known of it, and of a further raise likewise', async () => {
  const campaign = await ledger.announced(1);
  await ledger.enter(campaign, 10, 20, 30, 40);
  await ledger.settle(campaign, 50);
  await ledger.raise(campaign, 2, null);
  await ledger.enter(campaign, 60);
  await ledger.settle(campaign, 70);
  deepEqual(await ledger.outcomes(campaign), {
    10: 1,
    20: 'sold_out',
    30: 'sold_out',
    40: 'sold_out',
    60: 'waiting',
  });
  const knownUs = opensAtUs(campaign) + 80;
  const [untold] = (await listUntold(ledger.pool)).filter(
    ({ campaignId }) => campaignId === campaign.campaignId,
  );
  deepEqual([untold?.stock, untold?.raisedKnownUs], [2, null]);
  await noteRaiseKnown(ledger.pool, campaign.campaignId, 3, knownUs);
  equal((await ledger.read(campaign)).raisedKnownUs, null, 'gateways were told of another stock');
  await noteRaiseKnown(ledger.pool, campaign.campaignId, 2, knownUs);
  equal(await ledger.findsWork(campaign, 79), true, 'an entry is due');
  await ledger.settle(campaign, 79);
  equal((await ledger.outcomes(campaign))[20], 'sold_out');
  await ledger.raise(campaign, 3, null);
  await ledger.settle(campaign, 90);
  equal((await ledger.outcomes(campaign))[20], 'sold_out', 'told of the former raise only');
  await noteRaiseKnown(ledger.pool, campaign.campaignId, 3, knownUs);
  await ledger.settle(campaign, 90);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 2, 30: 3, 40: 'sold_out', 60: 'sold_out' });
  const { raisedStamp, raisedKnownUs } = await ledger.read(campaign);
  deepEqual([raisedStamp, raisedKnownUs], [null, null]);
});

test('is decided up to the end of the campaign, and not after it', async () => {
  const campaign = await ledger.announced(1);
  await ledger.enter(campaign, 10, 20, 30);
  await ledger.settle(campaign, WINDOW_US - 1);
  await ledger.raise(campaign, 2);
  await ledger.settle(campaign, WINDOW_US);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 2, 30: 'sold_out' });
  ok((await ledger.read(campaign)).finishedAt !== null);
  await rejects(ledger.raise(campaign, 3), violates('campaigns_raise'));
});

test('gives nobody a coupon who had withdrawn in time, and refuses withdrawals of those who had lost', async () => {
  const campaign = await ledger.announced(1);
  await ledger.enter(campaign, 10, 20, 30, 40);
  await ledger.withdraw(campaign, 20);
  await ledger.settle(campaign, 50);
  await ledger.withdraw(campaign, 30);
  await ledger.raise(campaign, 2);
  await ledger.settle(campaign, 50);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 'withdrawn', 30: 2, 40: 'sold_out' });
});

test('a campaign that is cancelled after a raise hands out no more', async () => {
  const campaign = await ledger.announced(1);
  await ledger.enter(campaign, 10, 20);
  await ledger.settle(campaign, 30);
  await ledger.raise(campaign, 2);
  await ledger.pool.query('alter table campaigns disable trigger campaigns_schedule');
  await ledger.pool.query(
    `update campaigns set stage = 'cancelled', cancelled_stamp = settled_stamp where campaign_id = $1`,
    [campaign.campaignId],
  );
  await ledger.pool.query('alter table campaigns enable trigger campaigns_schedule');
  await ledger.settle(campaign, WINDOW_US);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 'sold_out' });
  ok((await ledger.read(campaign)).finishedAt !== null);
  await rejects(ledger.raise(campaign, 3), violates('campaigns_raise'));
});

test('with claims, offers it to those who had lost, unless somebody waits', async () => {
  const campaign = await ledger.claimed(1, { withinS: 5, waitlist: 0 });
  await ledger.enter(campaign, 10, 20, 30);
  await ledger.settle(campaign, 40);
  await ledger.raise(campaign, 2);
  await ledger.settle(campaign, 40);
  deepEqual(await ledger.shown(campaign), { 10: 'offered 1', 20: 'offered 2', 30: 'sold_out' });
  const roomy = await ledger.claimed(1, { withinS: 5, waitlist: 1 });
  await ledger.enter(roomy, 10);
  await ledger.settle(roomy, 20);
  await ledger.raise(roomy, 2);
  await ledger.enter(roomy, 30, 40, 50);
  await ledger.settle(roomy, 60);
  const all = { 10: 'offered 1', 30: 'offered 2', 40: 'waitlisted', 50: 'sold_out' };
  deepEqual(await ledger.shown(roomy), all);
  await rejects(ledger.raise(roomy, 3), violates('campaigns_raise'));
});

test('with claims, offers it also after the close, while other offers are open', async () => {
  const campaign = await ledger.claimed(1, { withinS: 120, waitlist: 0 });
  await ledger.enter(campaign, 10, 20);
  await ledger.settle(campaign, WINDOW_US + 1);
  ok((await ledger.read(campaign)).decidedAt !== null);
  await ledger.raise(campaign, 2);
  await ledger.settle(campaign, WINDOW_US + 2);
  deepEqual(await ledger.shown(campaign), { 10: 'offered 1', 20: 'offered 2' });
});

for (const beside of [false, true]) {
  test(`an engine killed at any statement ${beside ? 'beside another one ' : ''}hands it out exactly once`, async () => {
    const users = Array.from({ length: 9 }, (_, index) => 10 * (index + 1));
    const right = Object.fromEntries(users.map((user, index) => [user, index < 6 ? index + 1 : 'sold_out']));
    let isDone = false;
    let kills = 0;
    for (; !isDone; kills++) {
      const campaign = await ledger.announced(2);
      await ledger.enter(campaign, ...users);
      await ledger.settle(campaign, 100);
      await ledger.raise(campaign, 6);
      await ledger.enter(campaign, 200, 210);
      let statements = 0;
      const pool = watched(ledger.pool, () => {
        statements += 1;
        if (statements === kills + 1) throw new Error('killed on purpose');
      });
      const dying = ledger.settle(campaign, 300, { pool }).then(
        () => true,
        (error: unknown) => {
          match(String(error), /killed on purpose/);
          return false;
        },
      );
      const [died] = await Promise.all([dying, beside ? ledger.settle(campaign, 300) : undefined]);
      isDone = died;
      await Promise.all([ledger.settle(campaign, 300), ledger.settle(campaign, 300)]);
      await ledger.settle(campaign, 300);
      deepEqual(await ledger.outcomes(campaign), { ...right, 200: 'sold_out', 210: 'sold_out' });
    }
    ok(beside || kills > 8, `${kills}`);
  });
}

test('hands out more than one transaction takes', async () => {
  const campaign = await ledger.announced(1);
  const lost = Array.from({ length: 11_000 }, (_, index) => 10 + index);
  await ledger.enter(campaign, 1, ...lost);
  await ledger.settle(campaign, 20_000);
  await ledger.raise(campaign, 10_500);
  await Promise.all([ledger.settle(campaign, 20_000), ledger.settle(campaign, 20_000)]);
  await ledger.settle(campaign, 20_000);
  const outcomes = await ledger.outcomes(campaign);
  lost.forEach((user, index) => {
    equal(outcomes[user], index + 2 <= 10_500 ? index + 2 : 'sold_out');
  });
});

test('ends as if the whole stock had been there from the beginning, however it was raised and settled', async () => {
  const act = fc.oneof(
    fc.record({ settleTo: fc.integer({ min: 0, max: 200 }) }),
    fc.record({ raiseBy: fc.integer({ min: 1, max: 4 }) }),
  );
  const users = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(
      users,
      fc.integer({ min: 1, max: 4 }),
      fc.array(act, { maxLength: 6 }),
      async (all, first, acts) => {
        const campaign = await ledger.announced(first);
        const sorted = all.toSorted((a, b) => a - b);
        let [stock, settled] = [first, 0];
        await ledger.enter(campaign, ...sorted);
        for (const each of acts) {
          if ('raiseBy' in each) {
            stock += each.raiseBy;
            await ledger.raise(campaign, stock);
          } else {
            settled = Math.max(settled, each.settleTo);
            await ledger.settle(campaign, settled);
          }
        }
        await ledger.settle(campaign, WINDOW_US);
        const right = sorted.map((user, index) => [user, index < stock ? index + 1 : 'sold_out']);
        deepEqual(await ledger.outcomes(campaign), Object.fromEntries(right));
        equal(
          (await readRaises(ledger.pool, campaign.campaignId)).length,
          acts.filter(a => 'raiseBy' in a).length,
        );
      },
    ),
    { numRuns: 40, seed: 20261130 },
  );
});

test('is only raised, only with its rules, and only of a coupon', async () => {
  const campaign = await ledger.announced(3);
  await ledger.enter(campaign, 10);
  await rejects(ledger.raise(campaign, 3), violates('campaigns_raise'));
  await rejects(ledger.raise(campaign, 2), violates('campaigns_rules'));
  await ledger.raise(campaign, 4);
  const [raise] = await readRaises(ledger.pool, campaign.campaignId);
  deepEqual([raise?.version, raise?.stockBefore, raise?.stock], [2, 3, 4]);
  // This campaign opens in 2030 by the database's clock, but its gateways have opened it: see readRaises.
  equal(raise?.atUs, campaign.opensAt.getTime() * 1_000);
  deepEqual(
    [raise?.rulesHashBefore, raise?.rulesHash],
    [campaign.rulesHash, (await ledger.read(campaign)).rulesHash],
  );
  await rejects(
    ledger.pool.query('update stock_raises set stock = 9 where campaign_id = $1', [campaign.campaignId]),
    /never|keep|drawn/,
  );
  const lower = ledger.pool.query(
    'update campaigns set places = 3, version = version + 1 where campaign_id = $1',
    [campaign.campaignId],
  );
  await rejects(lower, violates('campaigns_rules'));
});
