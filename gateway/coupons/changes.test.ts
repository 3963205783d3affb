import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHANGES_KEPT_US } from '../../engine/contract/redis/coupons/copies.ts';
import { CouponChanges } from './changes.ts';

const heard = (changes: CouponChanges, version: number, ...couponIds: readonly number[]): void =>
  changes.heard({ version, changes: new Map(couponIds.map(couponId => [couponId, version])) });

test('what Redis reported long ago is forgotten, and copies from before are outdated', () => {
  const changes = new CouponChanges();
  heard(changes, 100, 1, 2);
  heard(changes, 200, 1);
  const old = { couponId: 3, version: 150, generation: 0 };
  assert.deepEqual(
    [1, 2, 3].map(couponId => changes.isOutdated({ ...old, couponId })),
    [true, false, false],
  );
  heard(changes, 150 + CHANGES_KEPT_US, 4);
  assert.equal(changes.size, 2, 'coupon 2 is forgotten');
  assert.equal(changes.isOutdated(old), false);
  heard(changes, 151 + CHANGES_KEPT_US);
  assert.equal(changes.isOutdated(old), true, 'whatever has changed');
  heard(changes, 10 * CHANGES_KEPT_US, 5);
  assert.equal(changes.size, 1);
  changes.clear();
  assert.deepEqual([changes.size, changes.version], [0, 0]);
});

test('own changes are forgotten all at once, and then all copies from before are outdated', () => {
  const changes = new CouponChanges();
  const copyOf = (couponId: number) => ({ couponId, version: 0, generation: changes.generation });
  const before = [copyOf(1), copyOf(-1)];
  changes.changed([1]);
  assert.deepEqual(
    before.map(copy => changes.isOutdated(copy)),
    [true, false],
  );
  for (let couponId = 2; couponId <= 20_000; couponId++) changes.changed([couponId]);
  assert.equal(changes.size, 20_000);
  assert.equal(changes.isOutdated(copyOf(1)), false);
  const late = copyOf(-1);
  changes.changed([20_001]);
  assert.equal(changes.size, 0);
  assert.deepEqual(
    [...before, late].map(copy => changes.isOutdated(copy)),
    [true, true, true],
  );
  assert.equal(changes.isOutdated(copyOf(20_001)), false);
});
