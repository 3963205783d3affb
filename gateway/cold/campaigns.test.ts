/** A campaign's state as fans see it, compared with what operators see of the same row at the same instant. */
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stateOf } from '../../engine/campaigns/states.ts';
import { toBoard } from '../../engine/contract/redis/board/board-campaign.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { NEW_ROW } from '../../sql/statements/campaigns/new-row.ts';
import { campaignView } from './campaigns.ts';

const at = (ms: number): Date => new Date(Date.UTC(2030, 0, 1) + ms);

const COUPON: Campaign = {
  ...NEW_ROW,
  campaignId: 7,
  kind: 'coupon',
  title: 'test',
  stock: 3,
  opensAt: at(10),
  closesAt: at(20),
  createdAt: at(0),
  madeBy: 'test',
};

const row: fc.Arbitrary<Campaign> = fc
  .record({
    stage: fc.constantFrom('scheduled' as const, 'cancelled' as const, 'archived' as const),
    wasCancelled: fc.boolean(),
    isPaused: fc.boolean(),
    isFinished: fc.boolean(),
    grantedCount: fc.constantFrom(0, COUPON.stock),
    closingAt: fc.option(fc.integer({ min: 11, max: 20 })),
  })
  .map(({ stage, wasCancelled, isPaused, isFinished, grantedCount, closingAt }) => ({
    ...COUPON,
    stage,
    grantedCount,
    cancelledStamp: stage === 'cancelled' || (stage === 'archived' && wasCancelled) ? 5 : null,
    pausedAt: isPaused ? at(1) : null,
    finishedAt: isFinished || stage === 'archived' ? at(30) : null,
    closingAt: closingAt === null ? null : at(closingAt),
  }));

test('fans and operators see the same state, except that fans see sold_out, and how an archived campaign ended', () => {
  fc.assert(
    fc.property(row, fc.integer({ min: 0, max: 30 }), (campaign, ms) => {
      const nowMs = at(ms).getTime();
      const shown = campaignView(toBoard(campaign), nowMs * 1000).status;
      const state = stateOf(campaign, nowMs);
      if (state === 'archived') equal(shown, campaign.cancelledStamp === null ? 'settled' : 'cancelled');
      else if (state === 'open') equal(shown, campaign.grantedCount === campaign.stock ? 'sold_out' : 'open');
      else equal(shown, state);
    }),
    { numRuns: 2_000 },
  );
});

test('shows paused for a campaign that is paused before its opening or when sold out', () => {
  const paused = { ...COUPON, pausedAt: at(1) };
  const shown = (campaign: Campaign, ms: number): string =>
    campaignView(toBoard(campaign), at(ms).getTime() * 1000).status;
  equal(shown(paused, 5), 'paused');
  equal(shown({ ...paused, grantedCount: paused.stock }, 15), 'paused');
});
