import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { Offered } from '../../engine/contract/campaign/claimant.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import { offerMembers } from './claimant-view.ts';
import { Deadlines } from './deadlines.ts';

const NOW_US = 1_900_000_000_000_000;

function setUp(outageUs: number, synchronised = true) {
  const seen = { counted: [] as unknown[], logged: [] as unknown[] };
  const deadlines = new Deadlines({
    clock: { synchronised, now: () => NOW_US },
    metrics: { deadlinesBeyond: { inc: () => void seen.counted.push(1) } as never },
    log: { error: (what: unknown) => void seen.logged.push(what) } as never,
  });
  const claims = { withinS: 10, waitlist: 0, waitlisted: 0, moves: 0, outageUs };
  return { deadlines, campaign: { campaignId: 7, claims } as BoardCampaign, seen };
}

const OFFERED: Offered = {
  state: 'offered',
  serial: 1,
  code: 'code',
  claimByUs: NOW_US + 10_000_000,
  outageUs: 1_000_000,
  isMoved: false,
};

test('shows the deadline of the rules plus the time of outages', () => {
  const { deadlines, campaign, seen } = setUp(4_000_000);
  equal(deadlines.shownUs(campaign, OFFERED), NOW_US + 14_000_000);
  equal(seen.counted.length, 0);
});

test('an offer that is newer than the board has its outages already', () => {
  const { deadlines, campaign } = setUp(0);
  equal(deadlines.shownUs(campaign, OFFERED), NOW_US + 11_000_000);
});

test('hides a deadline in the year 2090, shows the offer, counts it, and logs it once', () => {
  const { deadlines, campaign, seen } = setUp(NOW_US);
  equal(deadlines.shownUs(campaign, OFFERED), undefined);
  deepEqual(offerMembers(deadlines, campaign, OFFERED), { serial: 1, code: 'code' });
  equal(seen.counted.length, 2);
  equal(seen.logged.length, 1);
});

test('shows a deadline that the operator moved, and does not check it without a clock', () => {
  const { deadlines, campaign } = setUp(NOW_US);
  equal(deadlines.shownUs(campaign, { ...OFFERED, isMoved: true }), 2 * NOW_US + 10_000_000);
  const unsure = setUp(NOW_US, false);
  equal(unsure.deadlines.shownUs(unsure.campaign, OFFERED), 2 * NOW_US + 10_000_000);
});
