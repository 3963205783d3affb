import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TurnEntry } from '../../sql/settling.ts';
import { judgeCoupons } from './coupon.ts';

function entry(stamp: number, isWithdrawn = false): TurnEntry {
  return { userId: `user-${stamp}`, stamp, isWithdrawn };
}

test('the first get one, in order, until they are gone', () => {
  const turn = judgeCoupons({ places: 2, grantedCount: 0 }, [entry(5), entry(7), entry(9)]);
  deepEqual(turn, {
    granted: [
      { serial: 1, userId: 'user-5' },
      { serial: 2, userId: 'user-7' },
    ],
    decided: 3,
    lastStamp: 9,
  });
});

test('serials go on where the last turn ended', () => {
  deepEqual(judgeCoupons({ places: 10, grantedCount: 4 }, [entry(1)]).granted, [
    { serial: 5, userId: 'user-1' },
  ]);
});

test('who has withdrawn gets none and takes none away', () => {
  const { granted } = judgeCoupons({ places: 1, grantedCount: 0 }, [entry(1, true), entry(2)]);
  deepEqual(granted, [{ serial: 1, userId: 'user-2' }]);
});

test('nobody there, nothing decided', () => {
  deepEqual(judgeCoupons({ places: 1, grantedCount: 0 }, []), {
    granted: [],
    decided: 0,
    lastStamp: undefined,
  });
});

test('how the entries are cut into turns changes nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 60 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 10 }),
      (withdrawn, places, turnLength) => {
        const entries = withdrawn.map((isWithdrawn, index) => entry(index, isWithdrawn));
        const whole = judgeCoupons({ places, grantedCount: 0 }, entries);
        const cut: { serial: number; userId: string }[] = [];
        for (let at = 0; at < entries.length; at += turnLength) {
          const turn = entries.slice(at, at + turnLength);
          cut.push(...judgeCoupons({ places, grantedCount: cut.length }, turn).granted);
        }
        deepEqual(cut, whole.granted);
        ok(whole.granted.length <= places);
        equal(whole.decided, entries.length);
        deepEqual(
          whole.granted.map(({ serial }) => serial),
          whole.granted.map((_, index) => index + 1),
        );
      },
    ),
  );
});
