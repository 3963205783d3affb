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
