import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../engine/contract/process/config.ts';
import { readAccountsConfig } from './config.ts';

const env = {
  DATABASE_URL: 'postgres://localhost/fairline',
  TICKET_SECRET: 'a secret of tickets, 32 characters or more',
  ACCOUNTS_SECRET: 'a secret of accounts, 32 characters or more',
};

function faultOf(given: Readonly<Record<string, string>>): string {
  try {
    readAccountsConfig({ ...env, ...given });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults.join('\n');
  }
  return '';
}

test('has defaults for everything but the database and the secrets', () => {
  const config = readAccountsConfig(env);
  assert.equal(config.ACCOUNTS_PUBLIC_URL, 'http://localhost:8080');
  assert.equal(config.SMTP_URL, '');
  assert.match(
    faultOf({ DATABASE_URL: '', TICKET_SECRET: '', ACCOUNTS_SECRET: 'short' }),
    /^TICKET_SECRET.*\nACCOUNTS_SECRET.*\nDATABASE_URL/,
  );
});

test('the origin of the pages is one that keeps secure cookies', () => {
  for (const url of [
    'https://tickets.example.com',
    'https://tickets.example.com:8443/',
    'http://127.0.0.1:8080',
    'http://[::1]:1',
  ]) {
    assert.equal(faultOf({ ACCOUNTS_PUBLIC_URL: url, SMTP_URL: 'smtps://mail.example.com' }), '', url);
  }
  for (const url of [
    'http://tickets.example.com',
    'https://example.com/shop',
    'https://u:p@example.com',
    'ftp://localhost',
    'x',
  ]) {
    assert.match(faultOf({ ACCOUNTS_PUBLIC_URL: url }), /^ACCOUNTS_PUBLIC_URL/, url);
  }
});

test('refuses a sender that could end a header, secrets that are the same, and tickets longer than sessions', () => {
  assert.match(faultOf({ MAIL_FROM: 'x <a@example.com>\r\nBcc: eve@example.com' }), /^MAIL_FROM/);
  assert.match(faultOf({ MAIL_FROM: 'a@example.com' }), /^MAIL_FROM/);
  assert.match(faultOf({ ACCOUNTS_SECRET: env.TICKET_SECRET }), /ACCOUNTS_SECRET is TICKET_SECRET/);
  assert.match(faultOf({ TICKET_LIFETIME_S: '600', SESSION_LIFETIME_S: '600' }), /TICKET_LIFETIME_S/);
  assert.equal(faultOf({ SMTP_URL: 'smtps://user:pass@mail.example.com' }), '');
  assert.match(faultOf({ ACCOUNTS_PUBLIC_URL: 'https://tickets.example.com' }), /^SMTP_URL is not set/);
  const shown = faultOf({ SMTP_URL: 'http://user:hunter2@mail.example.com' });
  assert.match(shown, /^SMTP_URL/);
  assert.ok(!shown.includes('hunter2'));
});

test("the shop's own accounts need issuer, audience and keys that nobody on the way can change", () => {
  const idp = { IDP_ISSUER: 'https://id.example.com', IDP_AUDIENCE: 'queue', IDP_JWKS: '/etc/jwks.json' };
  assert.equal(faultOf(idp), '');
  assert.match(faultOf({ IDP_JWKS: idp.IDP_JWKS }), /^IDP_ISSUER is not set.*\nIDP_AUDIENCE is not set/);
  for (const place of ['https://id.example.com/jwks', 'http://localhost:3000/jwks', 'jwks.json']) {
    assert.equal(faultOf({ ...idp, IDP_JWKS: place }), '', place);
  }
  for (const place of [
    'http://id.example.com/jwks',
    'https://u:p@id.example.com/jwks',
    'https://:p@id.example.com/jwks',
    'ftp://x',
    'https://',
  ]) {
    assert.match(faultOf({ ...idp, IDP_JWKS: place }), /^IDP_JWKS/, place);
  }
  assert.match(
    faultOf({ LOCAL_ACCOUNTS: 'off' }),
    /^LOCAL_ACCOUNTS is off, and neither IDP_JWKS nor IDP_CLIENT_ID/,
  );
  assert.equal(
    faultOf({ ...idp, LOCAL_ACCOUNTS: 'off', ACCOUNTS_PUBLIC_URL: 'https://tickets.example.com' }),
    '',
  );
  for (const algorithms of ['HS256', 'none', 'RS256,HS256', 'RS256,', 'rs256']) {
    assert.match(faultOf({ ...idp, IDP_ALGORITHMS: algorithms }), /^IDP_ALGORITHMS/, algorithms);
  }
  for (const name of ['Shop', 'a:b', '', 'x'.repeat(21)]) {
    assert.match(faultOf({ ...idp, IDP_NAME: name }), name === '' ? /^$/ : /^IDP_NAME/, name);
  }
});

test('a client of an OpenID provider needs its address, and a page from which accounts can be called', () => {
  const client = {
    IDP_ISSUER: 'https://id.example.com/realms/shop',
    IDP_CLIENT_ID: 'queue',
    IDP_RETURN_URL: 'https://shop.example.com/welcome',
    CORS_ORIGINS: 'https://shop.example.com',
  };
  assert.equal(faultOf(client), '');
  assert.equal(faultOf({ ...client, IDP_RETURN_URL: 'http://localhost:8080/welcome', CORS_ORIGINS: '' }), '');
  assert.match(faultOf({ IDP_CLIENT_ID: 'queue' }), /^IDP_ISSUER is not set.*\nIDP_RETURN_URL is not set/);
  assert.match(faultOf({ ...client, CORS_ORIGINS: '' }), /^IDP_RETURN_URL is .*CORS_ORIGINS$/);
  for (const issuer of ['http://id.example.com', 'id.example.com', 'https://u:p@id.example.com'])
    assert.match(faultOf({ ...client, IDP_ISSUER: issuer }), /^IDP_ISSUER is /, issuer);
  for (const page of [
    'http://shop.example.com/',
    'https://shop.example.com/?a=b',
    'https://shop.example.com/#a',
  ])
    assert.match(faultOf({ ...client, IDP_RETURN_URL: page }), /^IDP_RETURN_URL is /, page);
  const shown = faultOf({ ...client, IDP_CLIENT_SECRET: 'höchst geheim' });
  assert.match(shown, /^IDP_CLIENT_SECRET/);
  assert.ok(!shown.includes('geheim'));
});
