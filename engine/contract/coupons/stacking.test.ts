import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contradictionsWith, firstConflict, mayStack } from './stacking.ts';
import type { Stacking } from './terms.ts';

const CLASSES = [null, 'a', 'b'] as const;
const ALLOWED = [null, ['a'], ['b'], ['a', 'b']] as const;

/** Every combination of stacking rules with two classes. */
const all: readonly Stacking[] = CLASSES.flatMap(stackClass =>
  ALLOWED.flatMap(stackableWith =>
    [false, true].flatMap(exclusive => {
      if (exclusive && stackableWith !== null) return [];
      return [{ stackClass, stackableWith, exclusive, stackOrder: 0, stackCapBasisPoints: null }];
    }),
  ),
);

/** The rule in words: neither is exclusive, and each lists the other's class if it has a list. */
function modelled(one: Stacking, other: Stacking): boolean {
  if (one.exclusive || other.exclusive) return false;
  const has = (list: readonly string[] | null, name: string | null): boolean =>
    list === null || (name !== null && list.includes(name));
  return has(one.stackableWith, other.stackClass) && has(other.stackableWith, one.stackClass);
}

test('two coupons stack when both allow it: every pair', () => {
  for (const one of all) {
    for (const other of all) {
      assert.equal(mayStack(one, other), modelled(one, other));
      assert.equal(mayStack(one, other), mayStack(other, one), 'in either order');
    }
  }
});

test('several coupons stack when every pair does: every triple', () => {
  for (const one of all) {
    for (const two of all) {
      for (const three of all) {
        const expected = modelled(one, two) && modelled(one, three) && modelled(two, three);
        assert.equal(firstConflict([one, two, three]) === undefined, expected);
      }
    }
  }
  const [free, alone] = [all.find(each => !each.exclusive), all.find(each => each.exclusive)];
  assert.ok(free !== undefined && alone !== undefined);
  assert.deepEqual(firstConflict([free, free, alone]), [0, 2]);
  assert.equal(firstConflict([alone]), undefined);
});

test('detects a broken promise when the second coupon is created, in either order: every pair', () => {
  for (const wanted of all) {
    for (const other of all) {
      const promises = (one: Stacking, to: Stacking): boolean =>
        to.stackClass !== null && (one.stackableWith?.includes(to.stackClass) ?? false);
      const isBroken = (promises(wanted, other) || promises(other, wanted)) && !modelled(wanted, other);
      const found = contradictionsWith(wanted, [{ stacking: other, described: 'coupon 7' }]);
      assert.equal(found.length > 0, isBroken, JSON.stringify({ wanted, other, found }));
      for (const { field, expected } of found) {
        assert.match(expected, /coupon 7/);
        assert.ok(['exclusive', 'stackable_with'].includes(field));
      }
    }
  }
});
