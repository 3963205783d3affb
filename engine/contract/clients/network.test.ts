import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkOf } from './network.ts';

test('a network is a /24 of IPv4 or a /64 of IPv6, and never a whole address', () => {
  for (const [address, network] of [
    ['203.0.113.77', '203.0.113.0'],
    ['::ffff:203.0.113.77', '203.0.113.0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
    ['2001:db8::1', '2001:db8:0:0::'],
    ['not an address', ''],
    [undefined, ''],
  ] as const) {
    assert.equal(networkOf(address), network, address);
  }
});
