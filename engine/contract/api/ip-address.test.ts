import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { leading, readAddress, readNetwork } from './ip-address.ts';

test('reads addresses of both families, and takes a mapped one for what it stands for', () => {
  assert.deepEqual(readAddress('203.0.113.7'), { family: 4, value: 0xcb007107n });
  assert.deepEqual(readAddress('::ffff:203.0.113.7'), readAddress('203.0.113.7'));
  assert.deepEqual(readAddress('::1'), { family: 6, value: 1n });
  assert.deepEqual(readAddress('2001:db8::'), { family: 6, value: 0x20010db8n << 96n });
  for (const wrong of ['', '203.0.113', 'fe80::1%eth0', '203.0.113.0/24', 'a'])
    assert.equal(readAddress(wrong), undefined, wrong);
});

test('reads networks whose other bits are zero', () => {
  assert.deepEqual(readNetwork('203.0.113.0/24'), { family: 4, value: 0xcb007100n, bits: 24 });
  assert.deepEqual(readNetwork('2001:db8::/32'), { family: 6, value: 0x20010db8n << 96n, bits: 32 });
  assert.equal(readNetwork('0.0.0.0/0')?.bits, 0);
  for (const wrong of [
    '203.0.113.7/24',
    '203.0.113.0',
    '203.0.113.0/33',
    '203.0.113.0/24/8',
    '203.0.113.0/-1',
    '2001:db8::1/64',
    '::ffff:203.0.113.0/120',
  ])
    assert.equal(readNetwork(wrong), undefined, wrong);
});

test('an address is in the network of its leading bits, and in no other of that length', () => {
  const part = fc.nat(255);
  fc.assert(
    fc.property(fc.tuple(part, part, part, part), fc.integer({ min: 8, max: 24 }), (parts, bits) => {
      const text = parts.join('.');
      assert.equal(isIP(text), 4);
      const address = readAddress(text);
      assert.ok(address !== undefined);
      const number = parts.reduce((value, each) => value * 256 + each, 0);
      assert.equal(Number(leading(address, bits)), Math.floor(number / 2 ** (32 - bits)));
    }),
  );
});
