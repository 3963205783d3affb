import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { groupsOf, leading, readAddress, readNetwork } from './ip-address.ts';

test('reads addresses of both families, and takes a mapped one for what it stands for', () => {
  assert.deepEqual(readAddress('203.0.113.7'), { family: 4, high: 0xcb00, low: 0x7107 });
  for (const mapped of ['::ffff:203.0.113.7', '0000:0000:0000:0000:0000:FFFF:cb00:7107'])
    assert.deepEqual(readAddress(mapped), readAddress('203.0.113.7'), mapped);
  assert.deepEqual(readAddress('::1'), { family: 6, high: 0, low: 0 });
  assert.deepEqual(readAddress('2001:db8:0:3::'), { family: 6, high: 0x20010db8, low: 3 });
  assert.deepEqual(readAddress('8000::'), { family: 6, high: -(2 ** 31), low: 0 });
  for (const wrong of ['', '203.0.113', 'fe80::1%eth0', '203.0.113.0/24', 'a'])
    assert.equal(readAddress(wrong), undefined, wrong);
});

test('reads networks whose other bits are zero', () => {
  assert.deepEqual(readNetwork('203.0.113.0/24'), { family: 4, high: 0xcb00, low: 0x7100, bits: 24 });
  assert.deepEqual(readNetwork('2001:db8::/32'), { family: 6, high: 0x20010db8, low: 0, bits: 32 });
  assert.equal(readNetwork('2001:db8:0:3::/64')?.bits, 64);
  assert.equal(readNetwork('0.0.0.0/0')?.bits, 0);
  for (const wrong of [
    '203.0.113.7/24',
    '203.0.113.0',
    '203.0.113.0/33',
    '203.0.113.0/24/8',
    '203.0.113.0/-1',
    '2001:db8::1/64',
    '2001:db8:1::/32',
    '2001:db8::/65',
    'fe80::%eth0/64',
    '::ffff:203.0.113.0/120',
    '/24',
  ])
    assert.equal(readNetwork(wrong), undefined, wrong);
});

/** The groups as WHATWG's parser of URLs reads them, which is another implementation. */
function groupsByUrl(address: string): number[] {
  const { hostname } = new URL(`http://[${address}]`);
  const [head = '', tail] = hostname.slice(1, -1).split('::');
  const numbers = (text: string): number[] =>
    text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16));
  if (tail === undefined) return numbers(head);
  const [before, behind] = [numbers(head), numbers(tail)];
  return [...before, ...Array<number>(8 - before.length - behind.length).fill(0), ...behind];
}

test('reads the groups of an address in any notation', () => {
  for (const text of [
    '::',
    '1::',
    '::1',
    '1:2:3:4:5:6:7:8',
    '::ffff:1.2.3.4',
    '1:2::3.4.5.6',
    '1:2:3:4:5:6:7::',
  ])
    assert.deepEqual(groupsOf(text), groupsByUrl(text), text);
  fc.assert(fc.property(fc.ipV6(), text => assert.deepEqual(groupsOf(text), groupsByUrl(text))));
});

test('an address is in the network of its leading bits, and in no other of that length', () => {
  const ipV4 = fc.tuple(fc.ipV4(), fc.ipV4(), fc.nat(32));
  const ipV6 = fc.tuple(fc.ipV6(), fc.ipV6(), fc.nat(64));
  fc.assert(
    fc.property(fc.oneof(ipV4, ipV6), ([one, other, bits]) => {
      const list = new BlockList();
      const family = isIP(one) === 4 ? 'ipv4' : 'ipv6';
      list.addSubnet(one, bits, family);
      const [first, second] = [readAddress(one), readAddress(other)];
      assert.ok(first !== undefined && second !== undefined);
      // A mapped address has the bits of another family here.
      fc.pre(first.family === isIP(one) && second.family === first.family);
      const network = leading(first, bits);
      assert.deepEqual(leading(network, bits), network);
      const { high, low } = leading(second, bits);
      assert.equal(high === network.high && low === network.low, list.check(other, family));
    }),
  );
});
