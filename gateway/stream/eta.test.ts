import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import { boardCampaign } from '../../engine/contract/redis/board/testing/campaign.ts';
import { AdmissionRate, Etas } from './eta.ts';

const SECOND_US = 1_000_000;

/** The rate of a room after this many seconds, each with as many admissions as `admitted` returns. */
function served(perSecond: number, seconds: number, admitted: (second: number) => number): AdmissionRate {
  const rate = new AdmissionRate(perSecond);
  let granted = 0;
  for (let second = 0; second <= seconds; second++) {
    rate.note(perSecond, { busyUs: second * SECOND_US, granted });
    granted += admitted(second);
  }
  return rate;
}

test('uses the configured rate before any measurement', () => {
  const { p50, p90 } = new AdmissionRate(10).wait(1_000);
  assert.equal(p50, 100);
  assert.ok(p90 > p50);
});

test('is exact for a steady rate, with almost no spread', () => {
  const { p50, p90 } = served(100, 60, () => 80).wait(8_000);
  assert.deepEqual([p50, p90], [100, 100]);
});

test('never rounds p90 below its value', () => {
  const { p50, p90 } = served(100, 60, () => 80).wait(8_024);
  assert.deepEqual([p50, p90], [100, 101]);
});

test('moves p90 further from p50 as the rate varies more', () => {
  const calm = served(100, 60, second => 80 + (second % 2 === 0 ? 2 : -2)).wait(8_000);
  const wild = served(100, 60, second => 80 + (second % 2 === 0 ? 40 : -40)).wait(8_000);
  assert.ok(Math.abs(calm.p50 - wild.p50) <= 2);
  assert.ok(wild.p90 - wild.p50 > 4 * (calm.p90 - calm.p50), JSON.stringify({ calm, wild }));
});

test('falls by a second each second, without jumps', () => {
  const rate = new AdmissionRate(50);
  let granted = 0;
  let last: number | undefined;
  for (let second = 0; second < 100; second++) {
    rate.note(50, { busyUs: second * SECOND_US, granted });
    const { p50 } = rate.wait(10_000 - granted);
    if (last !== undefined) assert.ok(Math.abs(last - 1 - p50) <= 3, `${last} was followed by ${p50}`);
    last = p50;
    granted += second % 3 === 0 ? 47 : 51;
  }
});

test('applies a changed rate at once', () => {
  const rate = served(100, 60, () => 100);
  assert.equal(rate.wait(1_000).p50, 10);
  rate.note(50, { busyUs: 61 * SECOND_US, granted: 6_100 });
  assert.equal(rate.wait(1_000).p50, 20);
});

test('a full shop gives a long but finite wait', () => {
  const { p50, p90 } = served(10, 60, () => 0).wait(5);
  assert.ok(Number.isFinite(p50) && Number.isFinite(p90) && p50 > 600);
});

test('totals that fall are measured anew, also when the rate changes with them', () => {
  // Another ledger, an hour back: what it admits is slower than what was measured.
  const again = served(100, 3_600, () => 100);
  const changed = served(100, 3_600, () => 100);
  for (let second = 0; second <= 60; second++) {
    const totals = { busyUs: second * SECOND_US, granted: second * 20 };
    again.note(100, totals);
    changed.note(50, totals);
  }
  assert.deepEqual([again.wait(1_000).p50, changed.wait(1_000).p50], [50, 50]);
});

test('a restored ledger with the totals of before is measured from them', () => {
  const rate = served(100, 3_600, () => 100);
  rate.note(50, { busyUs: 1_800 * SECOND_US, granted: 180_000 });
  const { p50, p90 } = rate.wait(1_000);
  assert.equal(p50, 20, 'by the configured rate');
  assert.ok(p90 >= p50 && p90 < 60, String(p90));
});

test('a new board keeps what was measured of its rooms, and forgets the rooms that it does not have', () => {
  const room = (campaignId: number, second: number): BoardCampaign =>
    boardCampaign({
      campaignId,
      kind: 'room',
      granted: 20 * second,
      room: { perSecond: 100, capacity: null, paused: false, busyUs: second * SECOND_US },
    });
  const etas = new Etas({ listen: () => undefined });
  for (let second = 0; second <= 60; second++) etas.changed([room(1, second), room(2, second)]);
  etas.replaced();
  etas.changed([room(1, 61)]);
  assert.equal(etas.of(room(1, 61), 999)?.p50, 50);
  assert.equal(etas.of(room(2, 61), 999), null);
});
