import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_AMOUNT } from '../../engine/contract/coupons/terms.ts';
import { allocate } from './allocate.ts';

test('gives the remainder to the largest remainders, and to the first among equals', () => {
  assert.deepEqual(allocate(100, [1, 1, 1]), [34, 33, 33]);
  assert.deepEqual(allocate(5, [10, 20, 30]), [1, 2, 2]);
  assert.deepEqual(allocate(7, [0, 3, 0, 4]), [0, 3, 0, 4]);
  assert.deepEqual(allocate(0, [0, 0]), [0, 0]);
  assert.throws(() => allocate(1, [0, 0]), RangeError);
});

test('parts sum to the total; each is its share rounded up or down, and at most its weight', () => {
  const weights = fc.array(fc.integer({ min: 0, max: MAX_AMOUNT / 100 }), { minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(weights, fc.double({ min: 0, max: 1, noNaN: true }), (given, share) => {
      const sum = given.reduce((total, weight) => total + weight, 0);
      const whole = Math.floor(sum * share);
      const parts = allocate(whole, given);
      assert.equal(
        parts.reduce((total, part) => total + part, 0),
        whole,
      );
      for (const [index, part] of parts.entries()) {
        const weight = given[index] ?? 0;
        assert.ok(Number.isSafeInteger(part) && part >= 0 && part <= weight);
        if (sum === 0) continue;
        const product = BigInt(whole) * BigInt(weight);
        const below = product / BigInt(sum);
        const isExact = product % BigInt(sum) === 0n;
        assert.ok(BigInt(part) === below || (!isExact && BigInt(part) === below + 1n));
      }
    }),
  );
});

test('no other rounding is closer to the exact shares', () => {
  // Every way to divide a small whole over three weights, by brute force.
  for (let whole = 0; whole <= 6; whole++) {
    for (let code = 0; code < 7 ** 3; code++) {
      const weights = [code % 7, Math.floor(code / 7) % 7, Math.floor(code / 49)];
      const sum = weights.reduce((total, weight) => total + weight, 0);
      if (sum < Math.max(1, whole)) continue;
      // In units of 1 / sum, so that everything is exact.
      const errorOf = (parts: readonly number[]): number =>
        parts.reduce((worst, part, index) => worst + Math.abs(part * sum - whole * (weights[index] ?? 0)), 0);
      let least = Number.POSITIVE_INFINITY;
      for (let first = 0; first <= whole; first++) {
        for (let second = 0; first + second <= whole; second++) {
          least = Math.min(least, errorOf([first, second, whole - first - second]));
        }
      }
      assert.equal(errorOf(allocate(whole, weights)), least, `${whole} over ${weights}`);
    }
  }
});
