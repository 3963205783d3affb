import assert from 'node:assert/strict';
import { test } from 'node:test';
import { siteOf } from './sites.ts';

test('a site is the /48 of an IPv6 network, and any other network itself', () => {
  assert.equal(siteOf('2001:db8:1:2::'), '2001:db8:1::');
  assert.equal(siteOf('2001:db8:1:ffff::'), '2001:db8:1::');
  assert.equal(siteOf('203.0.113.0'), '203.0.113.0');
  assert.equal(siteOf(''), '');
});
