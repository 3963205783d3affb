import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { transaction } from '../../sql/database.ts';
import { insertEntries } from '../../sql/statements/entries/entries.ts';
import { brokenInvariants } from '../test/gateway.ts';
import { columns, TestLedger, WINDOW_US } from '../test/settling.ts';

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

test('grants coupons to the first, up to the watermark', async () => {
  const campaign = await ledger.campaign('coupon', 2);
  await ledger.enter(campaign, 10, 20, 30);
  await ledger.settle(campaign, 10);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 'waiting', 30: 'waiting' });
  await ledger.settle(campaign, 29);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 2, 30: 'waiting' });
  await ledger.settle(campaign, 30);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 2, 30: 'sold_out' });
  const { settledCount, grantedCount, finishedAt } = await ledger.read(campaign);
  deepEqual([settledCount, grantedCount, finishedAt], [3, 2, null]);
});

test('settles all gateways of an instant together', async () => {
  const campaign = await ledger.campaign('coupon', 5);
  await insertEntries(ledger.pool, { ...columns(campaign, [5]), stamps: [5 * 1024 + 1023] }, 'all');
  await ledger.settle(campaign, 4);
  equal((await ledger.read(campaign)).settledCount, 0);
  await ledger.settle(campaign, 5);
  equal((await ledger.read(campaign)).settledCount, 1);
});

test('writes nothing when nothing is new, and keeps the revision', async () => {
  const campaign = await ledger.campaign('coupon', 2);
  await ledger.enter(campaign, 10);
  await ledger.settle(campaign, 20);
  const { revision } = await ledger.read(campaign);
  await ledger.settle(campaign, 30);
  equal((await ledger.read(campaign)).revision, revision);
  equal(await ledger.findsWork(campaign, 30), false);
});

test('finishes a coupon when the watermark has reached the close, not before', async () => {
  const campaign = await ledger.campaign('coupon', 2);
  await ledger.enter(campaign, 10, WINDOW_US - 1);
  await ledger.settle(campaign, WINDOW_US - 1);
  equal((await ledger.read(campaign)).finishedAt, null);
  equal(await ledger.findsWork(campaign, WINDOW_US - 1), false);
  equal(await ledger.findsWork(campaign, WINDOW_US), true);
  await ledger.settle(campaign, WINDOW_US);
  const finished = await ledger.read(campaign);
  ok(finished.finishedAt !== null && finished.frozenAt !== null);
  deepEqual([finished.settledCount, finished.settledStamp], [2, WINDOW_US * 1024 - 1]);
  equal(await ledger.findsWork(campaign, WINDOW_US), false);
});

test('a withdrawal in time frees the coupon for the next; one after settlement changes nothing', async () => {
  const campaign = await ledger.campaign('coupon', 2);
  await ledger.enter(campaign, 10, 20, 30, 40);
  await ledger.settle(campaign, 10);
  await ledger.withdraw(campaign, 10, 20);
  equal(await ledger.findsWork(campaign, 10), true);
  await ledger.settle(campaign, 30);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 'withdrawn', 30: 2, 40: 'waiting' });
  const { settledCount, goneCount } = await ledger.read(campaign);
  deepEqual([settledCount, goneCount], [3, 1]);
});

test('keeps a withdrawal that arrives before its entry', async () => {
  const campaign = await ledger.campaign('coupon', 2);
  await ledger.withdraw(campaign, 20);
  await ledger.enter(campaign, 10);
  await ledger.settle(campaign, 15);
  await ledger.enter(campaign, 20, 30);
  await ledger.settle(campaign, 30);
  deepEqual(await ledger.outcomes(campaign), { 10: 1, 20: 'withdrawn', 30: 2 });
});

test('refuses a withdrawal after settlement, and finds it no second time', async () => {
  const campaign = await ledger.campaign('coupon', 2);
  await ledger.enter(campaign, 10);
  await ledger.settle(campaign, WINDOW_US);
  await ledger.withdraw(campaign, 10, 99);
  equal(await ledger.findsWork(campaign, WINDOW_US), true);
  await ledger.settle(campaign, WINDOW_US);
  equal(await ledger.findsWork(campaign, WINDOW_US), false);
  deepEqual(await ledger.outcomes(campaign), { 10: 1 });
});

test('skips a campaign that another engine has locked', async () => {
  const campaign = await ledger.campaign('coupon', 2);
  await ledger.enter(campaign, 10);
  await transaction(ledger.pool, async client => {
    await client.query('select from campaigns where campaign_id = $1 for no key update', [
      campaign.campaignId,
    ]);
    await ledger.settle(campaign, 20);
    equal((await ledger.read(campaign)).settledCount, 0);
  });
  await ledger.settle(campaign, 20);
  equal((await ledger.read(campaign)).settledCount, 1);
});

test('several engines settle more than one step holds', async () => {
  const campaign = await ledger.campaign('coupon', 6_000);
  await ledger.enter(campaign, ...Array.from({ length: 12_000 }, (_, index) => index + 1));
  const decided: number[] = [];
  const onDecided = (count: number): void => {
    decided.push(count);
  };
  while ((await ledger.read(campaign)).settledCount < 12_000) {
    await Promise.all([1, 2, 3].map(() => ledger.settle(campaign, 20_000, { onDecided })));
  }
  equal(
    decided.reduce((sum, count) => sum + count, 0),
    12_000,
  );
  equal((await ledger.read(campaign)).grantedCount, 6_000);
  deepEqual(await brokenInvariants(ledger.pool), []);
});

test('matches a plain computation over the entries, whatever the steps', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('enter' as const), gapUs: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant('settle' as const), gapUs: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ kind: fc.constant('withdraw' as const), gapUs: fc.nat({ max: 30 }) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 10 }),
      fc.array(step, { maxLength: 30 }),
      async (stock, steps) => {
        const campaign = await ledger.campaign('coupon', stock);
        const entered: number[] = [];
        const left = new Set<number>();
        let nowUs = 0;
        let watermarkUs = 0;
        for (const { kind, gapUs } of steps) {
          nowUs += kind === 'withdraw' ? 0 : gapUs;
          if (kind === 'enter') {
            nowUs = Math.max(nowUs, watermarkUs + 1);
            await ledger.enter(campaign, nowUs);
            entered.push(nowUs);
          } else if (kind === 'settle') {
            watermarkUs = Math.max(watermarkUs, nowUs - 2);
            await ledger.settle(campaign, watermarkUs);
          } else {
            const who = entered[gapUs % Math.max(1, entered.length)];
            if (who === undefined) continue;
            await ledger.withdraw(campaign, who);
            if (who > watermarkUs) left.add(who);
          }
          const shown = await ledger.outcomes(campaign);
          let serial = 0;
          for (const who of entered) {
            const isDue = who <= watermarkUs;
            if (isDue && !left.has(who)) serial += 1;
            const due = left.has(who) ? 'withdrawn' : serial <= stock ? serial : 'sold_out';
            equal(shown[who], isDue ? due : 'waiting', `user-${who}`);
          }
        }
      },
    ),
    { numRuns: 40 },
  );
  deepEqual(await brokenInvariants(ledger.pool), []);
});
