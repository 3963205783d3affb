import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressPrefix, clientAddress } from './client-address.ts';
import { readNetworks, TrustedProxies } from './trusted-proxies.ts';

const proxies = new TrustedProxies(readNetworks('203.0.113.0/28,2001:db8:1::/48') ?? []);
const from = (remote: string, forwardedFor = ''): string | undefined =>
  clientAddress(proxies, remote, forwardedFor);

test("the connection's own address, unless it is that of a proxy that is named", () => {
  assert.equal(from('198.51.100.7'), '198.51.100.7');
  assert.equal(
    from('198.51.100.7', '192.0.2.1'),
    '198.51.100.7',
    'what a client says itself is not believed',
  );
  assert.equal(from('203.0.113.3', '192.0.2.1'), '192.0.2.1');
  assert.equal(from('203.0.113.9', '6.6.6.6, 192.0.2.1, 203.0.113.3'), '192.0.2.1', 'the last that is none');
  assert.equal(from('2001:db8:1::9', '2001:db8:2::1'), '2001:db8:2::1');
  assert.equal(from('::ffff:203.0.113.3', '192.0.2.1'), '192.0.2.1');
});

test('nobody can be told by it inside a network, and nobody there is believed who is not named', () => {
  for (const remote of ['127.0.0.1', '::1', '10.0.0.1', '172.31.0.1', '192.168.7.7', '100.64.0.1', 'fd00::1'])
    for (const forwardedFor of ['', '192.0.2.1']) assert.equal(from(remote, forwardedFor), undefined, remote);
  assert.equal(
    from('203.0.113.3', '192.0.2.1, 10.0.0.1'),
    undefined,
    'a proxy of theirs, or of ours that is not named',
  );
  assert.equal(from('203.0.113.3', 'unknown'), undefined);
  assert.equal(from('203.0.113.3', '192.0.2.1, fe80::1%eth0'), undefined);
  assert.equal(from(''), undefined, 'the connection is gone');
});

test('prefixes are those of customers, however an address is written', () => {
  assert.equal(addressPrefix('198.51.100.7'), '198.51.100.7');
  assert.equal(addressPrefix('::ffff:198.51.100.7'), '198.51.100.7');
  assert.equal(addressPrefix('0000:0000:0000:0000:0000:ffff:c633:6407'), '198.51.100.7');
  assert.equal(addressPrefix('2001:db8:2:3::1'), '2001:db8:2:3');
  assert.equal(addressPrefix('2001:0DB8:0002:ffff:1:2:3:4'), '2001:db8:2:ffff');
  assert.equal(addressPrefix('2001::1:2:3:4:5:6'), '2001:0:1:2');
  assert.equal(addressPrefix('::1'), '0:0:0:0');
  assert.equal(addressPrefix('localhost'), undefined);
});
