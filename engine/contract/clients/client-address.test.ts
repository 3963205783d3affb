import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressPrefix, clientAddress, lastHop } from './client-address.ts';
import { networkOf } from './network.ts';
import { readNetworks, TrustedProxies } from './trusted-proxies.ts';

const proxies = new TrustedProxies(readNetworks('203.0.113.0/28,2001:db8:1::/48') ?? []);
const from = (remote: string, forwardedFor = ''): string | undefined =>
  clientAddress(proxies, remote, forwardedFor);

test('uses the address of the connection, unless it belongs to a trusted proxy', () => {
  assert.equal(from('198.51.100.7'), '198.51.100.7');
  assert.equal(from('198.51.100.7', '192.0.2.1'), '198.51.100.7', "the client's own header is not trusted");
  assert.equal(from('203.0.113.3', '192.0.2.1'), '192.0.2.1');
  assert.equal(
    from('203.0.113.9', '6.6.6.6, 192.0.2.1, 203.0.113.3'),
    '192.0.2.1',
    'the last address that is no proxy',
  );
  assert.equal(from('2001:db8:1::9', '2001:db8:2::1'), '2001:db8:2::1');
  assert.equal(from('::ffff:203.0.113.3', '192.0.2.1'), '192.0.2.1');
});

test('private addresses identify no client, and only named proxies are trusted', () => {
  for (const remote of ['127.0.0.1', '::1', '10.0.0.1', '172.31.0.1', '192.168.7.7', '100.64.0.1', 'fd00::1'])
    for (const forwardedFor of ['', '192.0.2.1']) assert.equal(from(remote, forwardedFor), undefined, remote);
  assert.equal(from('203.0.113.3', '192.0.2.1, 10.0.0.1'), undefined, 'a proxy that is not named');
  assert.equal(from('203.0.113.3', 'unknown'), undefined);
  assert.equal(from('203.0.113.3', '192.0.2.1, fe80::1%eth0'), undefined);
  assert.equal(from(''), undefined, 'the connection is closed');
});

test('the last hop is the same, private or not, and still no proxy that is not named', () => {
  const source = (remote: string, forwardedFor = ''): string | undefined =>
    lastHop(proxies, remote, forwardedFor);
  assert.equal(source('10.0.0.1', '192.0.2.1'), '10.0.0.1', 'its header is not trusted');
  assert.equal(source('203.0.113.3', '192.0.2.1, 10.0.0.1'), '10.0.0.1');
  assert.equal(source('203.0.113.3', '203.0.113.4'), undefined);
  for (const forwardedFor of ['', 'unknown', '10.0.0.1, nonsense'])
    assert.equal(networkOf(source('203.0.113.3', forwardedFor)), '', 'what is no address has no network');
  assert.equal(networkOf(source('')), '');
});

test('groups addresses by customer prefix, in any notation', () => {
  assert.equal(addressPrefix('198.51.100.7'), '198.51.100.7');
  assert.equal(addressPrefix('::ffff:198.51.100.7'), '198.51.100.7');
  assert.equal(addressPrefix('0000:0000:0000:0000:0000:ffff:c633:6407'), '198.51.100.7');
  assert.equal(addressPrefix('2001:db8:2:3::1'), '2001:db8:2:3');
  assert.equal(addressPrefix('2001:0DB8:0002:ffff:1:2:3:4'), '2001:db8:2:ffff');
  assert.equal(addressPrefix('2001::1:2:3:4:5:6'), '2001:0:1:2');
  assert.equal(addressPrefix('::1'), '0:0:0:0');
  assert.equal(addressPrefix('localhost'), undefined);
});
