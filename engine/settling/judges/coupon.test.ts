import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TurnEntry } from '../../../sql/statements/campaigns/settling.ts';
import { judgeCoupons } from './coupon.ts';

function entry(stamp: number, isWithdrawn = false): TurnEntry {
  return { userId: `user-${stamp}`, stamp, isWithdrawn };
}

function withStock(stock: number) {
  return { stock, grantedCount: 0, waitlist: 0, waitlistedCount: 0 };
}

test('grants to the first in order until the stock is gone', () => {
  const turn = judgeCoupons(withStock(2), [entry(5), entry(7), entry(9)]);
  deepEqual(turn, {
    granted: [
      { serial: 1, userId: 'user-5' },
      { serial: 2, userId: 'user-7' },
    ],
    waitlisted: [],
    decided: 3,
    lastStamp: 9,
  });
});

test('continues serials where the last step ended', () => {
  deepEqual(judgeCoupons({ ...withStock(10), grantedCount: 4 }, [entry(1)]).granted, [
    { serial: 5, userId: 'user-1' },
  ]);
});

test('a withdrawn entry gets no coupon and uses none', () => {
  const { granted } = judgeCoupons(withStock(1), [entry(1, true), entry(2)]);
  deepEqual(granted, [{ serial: 1, userId: 'user-2' }]);
});

test('no entries, no decisions', () => {
  deepEqual(judgeCoupons(withStock(1), []), {
    granted: [],
    waitlisted: [],
    decided: 0,
    lastStamp: undefined,
  });
});

test('after the stock, waitlists the next up to the capacity, in order', () => {
  const entries = [entry(1), entry(2, true), entry(3), entry(4), entry(5)];
  const turn = judgeCoupons({ ...withStock(1), waitlist: 2 }, entries);
  deepEqual(turn.granted, [{ serial: 1, userId: 'user-1' }]);
  deepEqual(turn.waitlisted, [
    { waitlistPosition: 1, userId: 'user-3' },
    { waitlistPosition: 2, userId: 'user-4' },
  ]);
  equal(turn.decided, 5);
});

test('decides the same however the entries are cut into steps', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 60 }),
      fc.integer({ min: 1, max: 40 }),
      fc.nat({ max: 20 }),
      fc.integer({ min: 1, max: 10 }),
      (withdrawn, stock, waitlist, turnLength) => {
        const entries = withdrawn.map((isWithdrawn, index) => entry(index, isWithdrawn));
        const whole = judgeCoupons({ ...withStock(stock), waitlist }, entries);
        const granted: unknown[] = [];
        const waitlisted: unknown[] = [];
        for (let at = 0; at < entries.length; at += turnLength) {
          const counts = { grantedCount: granted.length, waitlistedCount: waitlisted.length };
          const turn = judgeCoupons({ stock, waitlist, ...counts }, entries.slice(at, at + turnLength));
          granted.push(...turn.granted);
          waitlisted.push(...turn.waitlisted);
        }
        deepEqual({ granted, waitlisted }, { granted: whole.granted, waitlisted: whole.waitlisted });
        ok(granted.length <= stock && waitlisted.length <= waitlist);
        ok(waitlisted.length === 0 || granted.length === stock);
        equal(whole.decided, entries.length);
        deepEqual(
          [
            ...whole.granted.map(({ serial }) => serial),
            ...whole.waitlisted.map(({ waitlistPosition }) => stock + waitlistPosition),
          ],
          Array.from({ length: granted.length + waitlisted.length }, (_, index) => index + 1),
        );
      },
    ),
  );
});
