import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkOf, UnknownNetworks } from './network.ts';

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

test('warns with each thousand requests of which most have no network', () => {
  const warned: number[] = [];
  const unknown = new UnknownNetworks(share => warned.push(share));
  const count = (requests: number, network: string): void => {
    for (let each = 0; each < requests; each++) unknown.count(network);
  };
  count(500, '');
  count(500, '203.0.113.0');
  assert.deepEqual(warned, []);
  count(600, '');
  count(400, '203.0.113.0');
  count(999, '');
  assert.deepEqual(warned, [0.6]);
  count(1, '');
  assert.deepEqual(warned, [0.6, 1]);
});
