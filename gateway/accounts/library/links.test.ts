import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Links } from './links.ts';

const secret = 'a secret of accounts, of 32 characters or more';
const change = {
  fanId: 'aD4xQm81nTcVzKpR07LwYbEsJg2HfUoi',
  from: 'ada@example.com',
  to: `${'ä'.repeat(60)}@example.com`,
  credentialVersion: 'a3b1c5d7-0000-4000-8000-000000000001',
};

test('a link for a new address says what it changes, for as long as links last', () => {
  let nowMs = 0;
  const links = new Links({ secret, lifeS: 60, nowMs: () => nowMs });
  const token = links.forChange(change);
  assert.ok(links.isForChange(token) && token.length <= 1_024);
  nowMs = 59_999;
  assert.deepEqual(links.readChange(token), change);
  nowMs = 60_000;
  assert.equal(links.readChange(token), undefined);
});

test('a link that was changed, or signed for something else, is none', () => {
  const links = new Links({ secret, lifeS: 60 });
  const token = links.forChange(change);
  const [kind = '', text = '', signature = ''] = token.split('.');
  const others = [
    new Links({ secret: `${secret}!`, lifeS: 60 }).forChange(change),
    `${kind}.${text.slice(4)}.${signature}`,
    `${kind}.${text}.${signature.slice(1)}`,
    `${kind}.${text}`,
    'change.',
    '',
  ];
  for (const each of others) assert.equal(links.readChange(each), undefined, each);
});

test('a link to reset a password says whose, for as long as links last, and is no link of the other kind', () => {
  let nowMs = 0;
  const links = new Links({ secret, lifeS: 60, nowMs: () => nowMs });
  const { fanId, credentialVersion } = change;
  const grant = { fanId, address: 'ada@example.com', credentialVersion };
  const token = links.forReset(grant);
  assert.deepEqual(links.readReset(token), grant);
  assert.equal(links.readReset(`${token}x`), undefined);
  assert.equal(links.readReset(links.forChange(change)), undefined);
  assert.equal(links.readReset(links.forChange(change).replace('change.', 'reset.')), undefined);
  assert.equal(links.readChange(token.replace('reset.', 'change.')), undefined);
  nowMs = 60_000;
  assert.equal(links.readReset(token), undefined);
});
