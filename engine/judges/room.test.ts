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

/** Admits whatever may be at each of these instants; answers when how many were. */
function admitAt(instants: readonly number[], of: (atUs: number) => RoomTerms): [number, number][] {
  const admitted: [number, number][] = [];
  let pace = NOTHING;
  for (const atUs of instants) {
    const count = roomFor(pace, of(atUs), 0, atUs);
    // As the ledger keeps it.
    pace = JSON.parse(JSON.stringify(paceAfter(pace, of(atUs).perSecond, count, atUs)));
    if (count > 0) admitted.push([atUs, count]);
  }
  return admitted;
}

/** The most that were admitted in any second. */
function mostInASecond(admitted: readonly [number, number][]): number {
  const inSecondUpTo = ([endUs]: readonly [number, number]): number =>
    admitted.reduce((sum, [atUs, count]) => sum + (atUs > endUs - SECOND_US && atUs <= endUs ? count : 0), 0);
  return Math.max(0, ...admitted.map(inSecondUpTo));
}

test('no second, whenever it ends, has more than the rate, whatever the turns', () => {
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

test('with a look every 40 ms nearly all of the rate is used, and evenly', () => {
  for (const perSecond of [1, 7, 100, 1_000, 10_000]) {
    const instants = Array.from({ length: 25 * 60 }, (_, number) => NOW_US + number * 40_000);
    const admitted = admitAt(instants, () => terms(perSecond));
    const sum = admitted.reduce((all, [, count]) => all + count, 0);
    ok(sum <= 60 * perSecond + 1 && sum >= 0.98 * 60 * perSecond, `${sum} in a minute at ${perSecond}`);
    ok(Math.max(...admitted.slice(1).map(([, count]) => count)) <= Math.ceil(perSecond / 10) + 1);
  }
});

test('a rate below one a second admits one at a time', () => {
  const instants = Array.from({ length: 600 }, (_, number) => NOW_US + number * 100_000);
  const admitted = admitAt(instants, () => terms(0.1));
  ok(admitted.length >= 6 && admitted.every(([, count]) => count === 1));
  const gapsUs = admitted.slice(1).map(([atUs], index) => atUs - (admitted[index]?.[0] ?? 0));
  ok(Math.min(...gapsUs) >= 9_900_000);
});

test('a rate that was lowered holds at once, for the second that is under way too', () => {
  const instants = Array.from({ length: 75 }, (_, number) => NOW_US + number * 40_000);
  const lowerFromUs = NOW_US + SECOND_US;
  const admitted = admitAt(instants, atUs => terms(atUs < lowerFromUs ? 1_000 : 10));
  ok(!admitted.some(([atUs]) => atUs >= lowerFromUs && atUs < lowerFromUs + 900_000));
  ok(mostInASecond(admitted.filter(([atUs]) => atUs >= lowerFromUs)) <= 10);
});

test('nobody while it is paused, and no more than there are places', () => {
  equal(roomFor(NOTHING, terms(100, { paused: true }), 0, NOW_US), 0);
  equal(roomFor(NOTHING, terms(100, { capacity: 5 }), 3, NOW_US), 2);
  equal(roomFor(NOTHING, terms(100, { capacity: 5 }), 9, NOW_US), 0);
});

test('a clock that was set back holds the room up for a second at most', () => {
  const pace = paceAfter(NOTHING, 10, 10, NOW_US);
  const backUs = NOW_US - 3_600 * SECOND_US;
  const held = paceAfter(pace, 10, 0, backUs);
  equal(roomFor(held, terms(10), 0, backUs), 0);
  ok(roomFor(held, terms(10), 0, backUs + SECOND_US) > 0);
});
