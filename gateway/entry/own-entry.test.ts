import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import { boardCampaign } from '../../engine/contract/redis/board/testing/campaign.ts';
import type { EntryStanding } from '../shared/lookups.ts';
import { isCancelled, outcomeOf } from './entry-view.ts';

const SETTLED = 2_000;

function campaign(changes: Partial<BoardCampaign>): BoardCampaign {
  return boardCampaign({
    campaignId: 7,
    kind: 'room',
    title: 'A waiting room',
    stock: 10,
    closesAtUs: 1_000_000,
    settledStamp: SETTLED,
    settledCount: 2,
    granted: 2,
    ...changes,
  });
}

function standing(changes: Partial<EntryStanding> = {}): EntryStanding {
  const nothing = { grant: undefined, claimant: undefined, withdrawn: false };
  return {
    campaign: campaign({}),
    stamp: SETTLED - 1,
    rank: 0,
    final: true,
    settled: true,
    lookedUpUs: 0,
    ...nothing,
    ...changes,
  };
}

test('a skipped room entry waits until the room ends, and then shows the outcome', () => {
  const cancelled = { cancelledStamp: SETTLED };
  const grant = { serial: 1, code: 'a code' };
  const cases = [
    [campaign({}), standing()],
    [campaign({ finished: true }), standing()],
    [campaign(cancelled), standing()],
    [campaign({ ...cancelled, finished: true }), standing({ stamp: SETTLED + 1, settled: false })],
    [campaign({ ...cancelled, finished: true }), standing({ grant })],
    [campaign({ ...cancelled, finished: true }), standing({ withdrawn: true })],
  ] as const;
  deepEqual(
    cases.map(([of, who]) => outcomeOf({ ...who, campaign: of })),
    ['waiting', 'skipped', 'cancelled', 'cancelled', 'admitted', 'withdrawn'],
  );
});

test('a cancelled coupon keeps its earlier decisions', () => {
  const cancelled = campaign({ kind: 'coupon', cancelledStamp: SETTLED });
  deepEqual(
    [SETTLED - 1, SETTLED, SETTLED + 1].map(stamp => isCancelled(cancelled, stamp)),
    [false, false, true],
  );
  deepEqual(outcomeOf(standing({ campaign: cancelled })), 'sold_out');
});
