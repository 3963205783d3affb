import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepOwnVariables } from './environment.ts';

test('keeps the variables of the process, and none of others or of the library', () => {
  const own = {
    DATABASE_URL: 'postgres://x',
    ACCOUNTS_SECRET: 's',
    TICKET_SECRET: 't',
    PATH: '/bin',
    SMTP_URL: '',
    PGPASSWORD: 'p',
    PGSSLMODE: 'verify-full',
    PGSSLROOTCERT: '/etc/root.crt',
    SSL_CERT_FILE: '/etc/certs.pem',
  };
  const foreign = {
    OPERATOR_TOKEN: 'o',
    SHOP_TOKEN: 'h',
    SLICE_SIGNING_KEY: 'k',
    REDIS_URL: 'r',
    BETTER_AUTH_SECRET: 'b',
    BETTER_AUTH_TRUSTED_ORIGINS: 'b',
    AUTH_SECRET: 'b',
    NEXT_PUBLIC_AUTH_URL: 'b',
    NUXT_PUBLIC_BETTER_AUTH_URL: 'b',
    PUBLIC_BETTER_AUTH_URL: 'b',
    NEXTAUTH_URL: 'b',
  };
  const env: Record<string, string | undefined> = { ...own, ...foreign };
  keepOwnVariables(env);
  assert.deepEqual(env, own);
});
