import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GATEWAY_COUNT, gatewayOf, instantOf, lastStampAt, MAX_WINDOW_DAYS, stampOf } from './stamp.ts';

const opensAtUs = 1_790_000_000_000_000;
const instant = fc.integer({ min: opensAtUs, max: opensAtUs + MAX_WINDOW_DAYS * 86_400_000_000 });
const gateway = fc.integer({ min: 0, max: GATEWAY_COUNT - 1 });

test('a stamp is exact to the end of the longest window, and gives its instant and gateway', () => {
  fc.assert(
    fc.property(instant, gateway, (us, number) => {
      const stamp = stampOf(us, opensAtUs, number);
      assert.ok(Number.isSafeInteger(stamp) && stamp >= 0);
      assert.equal(instantOf(stamp, opensAtUs), us);
      assert.equal(gatewayOf(stamp), number);
    }),
  );
});

test('stamps order by instant, then by gateway, and never tie', () => {
  fc.assert(
    fc.property(instant, gateway, instant, gateway, (us, number, otherUs, otherNumber) => {
      const difference = stampOf(us, opensAtUs, number) - stampOf(otherUs, opensAtUs, otherNumber);
      assert.equal(Math.sign(difference), Math.sign(us - otherUs) || Math.sign(number - otherNumber));
    }),
  );
});

test('the last stamp of an instant bounds its stamps, and none of the next', () => {
  fc.assert(
    fc.property(instant, gateway, (us, number) => {
      const last = lastStampAt(us, opensAtUs);
      assert.ok(stampOf(us, opensAtUs, number) <= last);
      assert.ok(stampOf(us + 1, opensAtUs, number) > last);
    }),
  );
  assert.ok(lastStampAt(opensAtUs - 1, opensAtUs) < 0);
});
