import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digitCount, writeDigits } from './digits.ts';

function check(value: number): void {
  const bytes = new Uint8Array(20);
  const at = writeDigits(bytes, 18, value);
  assert.equal(Buffer.from(bytes.subarray(at, 18)).toString('latin1'), String(value));
  assert.equal(digitCount(value), 18 - at);
  assert.deepEqual([bytes[at - 1], bytes[18]], [0, 0]);
}

test('writes the digits of String(), at every power of ten and at random', () => {
  for (let power = 1; power < Number.MAX_SAFE_INTEGER; power *= 10) {
    for (const value of [power - 1, power, power + 1]) check(value);
  }
  check(Number.MAX_SAFE_INTEGER);
  fc.assert(fc.property(fc.maxSafeNat(), check));
});
