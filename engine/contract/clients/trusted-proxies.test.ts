import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readNetworks, TrustedProxies } from './trusted-proxies.ts';

function proxies(text: string): TrustedProxies {
  const networks = readNetworks(text);
  assert.ok(networks !== undefined, `${text} is invalid`);
  return new TrustedProxies(networks);
}

test('matches blocks and single addresses of both families', () => {
  const trusted = proxies('10.0.0.0/8, 192.0.2.7,fd00::/8,2001:db8::1');
  for (const inside of ['10.0.0.0', '10.255.255.255', '192.0.2.7', 'fd12::3', '2001:db8::1']) {
    assert.equal(trusted.has(inside), true, inside);
    assert.equal(trusted.has(inside), true, `${inside}, asked again`);
  }
  for (const outside of ['11.0.0.0', '192.0.2.8', 'fe80::1', '2001:db8::2', '', 'localhost']) {
    assert.equal(trusted.has(outside), false, outside);
  }
});

test('matches an IPv4 proxy on an IPv6 socket, as the server spells it', () => {
  const trusted = proxies('10.0.0.0/8');
  assert.equal(trusted.has('::ffff:10.0.0.1'), true);
  assert.equal(trusted.has('0000:0000:0000:0000:0000:ffff:0a00:0001'), true);
  assert.equal(trusted.has('0000:0000:0000:0000:0000:ffff:0b00:0001'), false);
});

test('trusts only named proxies', () => {
  const none = proxies('');
  assert.equal(none.some, false);
  assert.equal(none.has('127.0.0.1'), false);
  assert.equal(proxies('127.0.0.0/8').some, true);
});

test('answers the same after any number of lookups', () => {
  const trusted = proxies('10.0.0.0/16');
  for (let host = 0; host < 3_000; host++) {
    assert.equal(trusted.has(`10.${host >> 8}.${host & 255}.1`), host < 256, String(host));
  }
});

test('rejects invalid networks', () => {
  for (const text of [
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '010.0.0.1',
    'fd00::/129',
    'fe80::1%eth0',
    'fe80::1%eth0/64',
    'proxy.example',
    '10.0.0.1,,10.0.0.2',
    '10.0.0.1 10.0.0.2',
  ]) {
    assert.equal(readNetworks(text), undefined, text);
  }
});
