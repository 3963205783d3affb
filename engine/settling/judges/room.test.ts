import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Pace, paceAfter, type RoomTerms, roomFor } from './room.ts';

const NOTHING: Pace = { nextUs: 0, recent: [] };
const SECOND_US = 1_000_000;
const NOW_US = 1_900_000_000_000_000;

function terms(perSecond: number, more: Partial<RoomTerms> = {}): RoomTerms {
  return { perSecond, capacity: null, paused: false, ...more };
}

/** Admits as many as allowed at each of these instants; returns the instants with their counts. */
function admitAt(instants: readonly number[], of: (atUs: number) => RoomTerms): [number, number][] {
  const admitted: [number, number][] = [];
  let pace = NOTHING;
  for (const atUs of instants) {
    const count = roomFor(pace, of(atUs), 0, atUs);
    // As the ledger stores it.
    pace = JSON.parse(JSON.stringify(paceAfter(pace, of(atUs).perSecond, count, atUs)));
    if (count > 0) admitted.push([atUs, count]);
  }
  return admitted;
}

/** How many were admitted in the second that ends with the last admission. */
function inSecondOfLast(admitted: readonly [number, number][]): number {
  const [endUs] = admitted.at(-1) ?? [0];
  return admitted.reduce(
    (sum, [atUs, count]) => sum + (atUs > endUs - SECOND_US && atUs <= endUs ? count : 0),
    0,
  );
}

/** The maximum number of admissions in any second. */
function mostInASecond(admitted: readonly [number, number][]): number {
  const inSecondUpTo = ([endUs]: readonly [number, number]): number =>
    admitted.reduce((sum, [atUs, count]) => sum + (atUs > endUs - SECOND_US && atUs <= endUs ? count : 0), 0);
  return Math.max(0, ...admitted.map(inSecondUpTo));
}

test('no second exceeds the rate, whenever it ends and whatever the turns', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 2_500_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 10_000 }), (given, perSecond) => {
      let atUs = NOW_US;
      const instants = given.map(gap => {
        atUs += gap;
        return atUs;
      });
      const admitted = admitAt(instants, () => terms(perSecond));
      ok(mostInASecond(admitted) <= perSecond);
    }),
  );
});

test('a turn every 40 ms uses nearly all of the rate, evenly', () => {
  for (const perSecond of [1, 7, 100, 1_000, 10_000]) {
    const instants = Array.from({ length: 25 * 60 }, (_, number) => NOW_US + number * 40_000);
    const admitted = admitAt(instants, () => terms(perSecond));
    const sum = admitted.reduce((all, [, count]) => all + count, 0);
    ok(sum <= 60 * perSecond + 1 && sum >= 0.98 * 60 * perSecond, `${sum} in a minute at ${perSecond}`);
    ok(Math.max(...admitted.slice(1).map(([, count]) => count)) <= Math.ceil(perSecond / 10) + 1);
  }
});

test('a slow turn catches up on due admissions, up to the budget of a second', () => {
  for (const [everyMs, least] of [
    [250, 0.98],
    [500, 0.98],
    [1_000, 0.98],
  ] as const) {
    const instants = Array.from(
      { length: 60_000 / everyMs },
      (_, number) => NOW_US + number * everyMs * 1_000,
    );
    const admitted = admitAt(instants, () => terms(20));
    const sum = admitted.reduce((all, [, count]) => all + count, 0);
    ok(sum >= least * 60 * 20 - 20, `${sum} in a minute, with a turn every ${everyMs} ms`);
    ok(mostInASecond(admitted) <= 20);
  }
});

test('irregular turns lose less than a third of the rate', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 150, max: 350 }), { minLength: 200, maxLength: 200 }), gaps => {
      let atUs = NOW_US;
      const instants = gaps.map(gap => {
        atUs += gap * 1_000;
        return atUs;
      });
      const sum = admitAt(instants, () => terms(20)).reduce((all, [, count]) => all + count, 0);
      return sum >= (0.66 * 20 * (atUs - NOW_US)) / SECOND_US;
    }),
  );
});

test('after a long delay, admissions are evenly spaced again', () => {
  const every50Ms = (fromUs: number, count: number): number[] =>
    Array.from({ length: count }, (_, number) => fromUs + number * 50_000);
  const instants = [...every50Ms(NOW_US, 20), ...every50Ms(NOW_US + 4 * SECOND_US, 200)];
  const admitted = admitAt(instants, () => terms(20));
  const late = admitted.filter(([atUs]) => atUs >= NOW_US + 5 * SECOND_US);
  ok(Math.max(...late.map(([, count]) => count)) <= 2);
  ok(mostInASecond(admitted) <= 20);
});

test('does not catch up on admissions that fell due while nobody was waiting', () => {
  let pace: Pace = NOTHING;
  for (let atUs = NOW_US; atUs < NOW_US + SECOND_US; atUs += 100_000) pace = paceAfter(pace, 20, 0, atUs);
  equal(roomFor(pace, terms(20), 0, NOW_US + SECOND_US), 3);
});

test('a rate below one a second admits one at a time', () => {
  const instants = Array.from({ length: 600 }, (_, number) => NOW_US + number * 100_000);
  const admitted = admitAt(instants, () => terms(0.1));
  ok(admitted.length >= 6 && admitted.every(([, count]) => count === 1));
  const gapsUs = admitted.slice(1).map(([atUs], index) => atUs - (admitted[index]?.[0] ?? 0));
  ok(Math.min(...gapsUs) >= 9_900_000);
});

test('a lowered rate applies at once, also to the current second', () => {
  const instants = Array.from({ length: 75 }, (_, number) => NOW_US + number * 40_000);
  const lowerFromUs = NOW_US + SECOND_US;
  const admitted = admitAt(instants, atUs => terms(atUs < lowerFromUs ? 1_000 : 10));
  ok(!admitted.some(([atUs]) => atUs >= lowerFromUs && atUs < lowerFromUs + 900_000));
  ok(mostInASecond(admitted.filter(([atUs]) => atUs >= lowerFromUs)) <= 10);
});

test('admits nobody while paused, and never beyond the capacity', () => {
  equal(roomFor(NOTHING, terms(100, { paused: true }), 0, NOW_US), 0);
  equal(roomFor({ nextUs: 1, recent: [] }, terms(100, { capacity: 5 }), 3, NOW_US), 2);
  equal(roomFor({ nextUs: 1, recent: [] }, terms(100, { capacity: 5 }), 9, NOW_US), 0);
});

test('a clock set back delays the room by a second at most', () => {
  const pace = paceAfter(NOTHING, 10, 10, NOW_US);
  const backUs = NOW_US - 3_600 * SECOND_US;
  const held = paceAfter(pace, 10, 0, backUs);
  equal(roomFor(held, terms(10), 0, backUs), 0);
  ok(roomFor(held, terms(10), 0, backUs + SECOND_US) > 0);
});

test('a clock set wrong and corrected admits nobody extra', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 700_000 }), { minLength: 2, maxLength: 40 });
  // Set back either by more than the whole run or by less than a second. In between, the judge has forgotten admissions by
  // the time the same instants come again, and cannot know that they were used.
  const offUs = fc.constantFrom(-40_000_000, -300_000, 1_243_000, 3_600_000_000);
  const turn = fc.integer({ min: 0, max: 40 });
  fc.assert(
    fc.property(
      gaps,
      offUs,
      turn,
      turn,
      fc.integer({ min: 1, max: 4 }),
      (given, off, from, to, perSecond) => {
        let trueUs = NOW_US;
        const instants = given.map((gap, index) => {
          trueUs += gap;
          return trueUs + (index >= from && index < to ? off : 0);
        });
        const admitted = admitAt(instants, () => terms(perSecond));
        // As each turn sees it: what a clock that is ahead will count as the same second is not known before.
        ok(admitted.every((_, index) => inSecondOfLast(admitted.slice(0, index + 1)) <= perSecond));
      },
    ),
    { numRuns: 1_000 },
  );
});
