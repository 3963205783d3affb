import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accountsEnvironment, removeLibraryVariables } from './environment.ts';

test('the process of accounts gets its variables, and no secret of others', () => {
  const own = {
    DATABASE_URL: 'postgres://x',
    ACCOUNTS_SECRET: 's',
    TICKET_SECRET: 't',
    PATH: '/bin',
    SMTP_URL: '',
  };
  const foreign = {
    OPERATOR_TOKEN: 'o',
    SHOP_TOKEN: 'h',
    SLICE_SIGNING_KEY: 'k',
    BETTER_AUTH_SECRET: 'b',
    REDIS_URL: 'r',
  };
  assert.deepEqual(accountsEnvironment({ ...own, ...foreign, LOG_LEVEL: undefined }), own);
});

test('no variable of the library is left', () => {
  const env: Record<string, string | undefined> = { ACCOUNTS_SECRET: 's', AUTHOR: 'a', PATH: '/bin' };
  for (const name of [
    'BETTER_AUTH_SECRET',
    'BETTER_AUTH_SECRETS',
    'BETTER_AUTH_URL',
    'BETTER_AUTH_TRUSTED_ORIGINS',
    'BETTER_AUTH_TELEMETRY',
    'AUTH_SECRET',
    'NEXT_PUBLIC_AUTH_URL',
    'NEXT_PUBLIC_BETTER_AUTH_URL',
    'NUXT_PUBLIC_BETTER_AUTH_URL',
    'PUBLIC_BETTER_AUTH_URL',
    'NEXTAUTH_URL',
  ]) {
    env[name] = 'x';
  }
  removeLibraryVariables(env);
  assert.deepEqual(env, { ACCOUNTS_SECRET: 's', AUTHOR: 'a', PATH: '/bin' });
});
