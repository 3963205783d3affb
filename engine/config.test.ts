import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { readEngineConfig, readRuntimeConfig } from './config.ts';
import { ConfigError } from './contract/process/config.ts';

const RIGHT = {
  DATABASE_URL: 'postgres://user:password@127.0.0.1:5432/fairline',
  REDIS_URL: 'redis://127.0.0.1:6379',
  OPERATOR_TOKEN: 'sixteen-letters!',
  RECEIPT_SALT_SECRET: 'a salt secret that is long enough',
  DRAW_SECRET: 'a draw secret that is long enough',
  OPERATOR_SECRET: 'an operator secret that is long enough',
};

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readEngineConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

test('has defaults for everything but the servers, a token and secrets', () => {
  const config = readEngineConfig(RIGHT);
  deepEqual(
    [config.ENGINE_HOST, config.ENGINE_PORT, config.LOG, config.LOG_PARTITIONS, config.LEASE_MS],
    ['127.0.0.1', 8081, 'redis', 8, 3_000],
  );
});

test('reports all faults at once, and never a secret', () => {
  const faults = faultsOf({
    ENGINE_PORT: '65536',
    OPERATOR_TOKEN: 'too-short',
    DATABASE_URL: 'mysql://u:secret@h/d',
    DRAW_SECRET: 'too-short as well',
    DRAND_RELAYS: 'https://user:secret@relay,ftp://relay',
    DRAND_DELAY_S: '0',
  });
  deepEqual(faults.map(fault => fault.split(' ')[0]).sort(), [
    'DATABASE_URL',
    'DRAND_DELAY_S',
    'DRAND_RELAYS',
    'DRAW_SECRET',
    'ENGINE_PORT',
    'OPERATOR_SECRET',
    'OPERATOR_TOKEN',
    'RECEIPT_SALT_SECRET',
    'REDIS_URL',
  ]);
  for (const fault of faults) equal(/too-short|secret@/.test(fault), false, fault);
});

test('refuses a token of 15 characters, of 513, or with a space', () => {
  for (const token of ['x'.repeat(15), 'x'.repeat(513), 'sixteen letters and a space']) {
    equal(faultsOf({ ...RIGHT, OPERATOR_TOKEN: token }).length, 1, token);
  }
  equal(faultsOf({ ...RIGHT, OPERATOR_TOKEN: 'x'.repeat(512) }).length, 0);
});

test('trusts no proxy unless told, and says what a list of them is', () => {
  deepEqual(readEngineConfig(RIGHT).ENGINE_TRUSTED_PROXIES, []);
  const named = readEngineConfig({ ...RIGHT, ENGINE_TRUSTED_PROXIES: '10.0.0.0/8, fd00::1' });
  deepEqual(
    named.ENGINE_TRUSTED_PROXIES.map(({ address, bits }) => `${address}/${bits}`),
    ['10.0.0.0/8', 'fd00::1/128'],
  );
  for (const wrong of ['proxy.example', '10.0.0.0/33', '10.0.0.1,'])
    deepEqual(faultsOf({ ...RIGHT, ENGINE_TRUSTED_PROXIES: wrong }), [
      `ENGINE_TRUSTED_PROXIES is "${wrong}"; expected a comma-separated list of CIDR blocks or addresses, such as 10.0.0.0/8,fd00::/8`,
    ]);
});

test('a rebuild needs no token and no secret of operators', () => {
  const { OPERATOR_TOKEN: _, OPERATOR_SECRET: __, ...env } = RIGHT;
  equal(readRuntimeConfig(env).DATABASE_URL, RIGHT.DATABASE_URL);
  throws(() => readEngineConfig(env), ConfigError);
});

const PROVIDER = {
  ...RIGHT,
  OPERATOR_OIDC_ISSUER: 'https://id.example.com/',
  OPERATOR_OIDC_CLIENT_ID: 'fairline',
  OPERATOR_OIDC_CLIENT_SECRET: 'a secret of the client',
  OPERATOR_OIDC_RETURN_URL: 'https://queue.example.com/login',
  OPERATOR_OIDC_ROLES: 'raffle-admins=owner,shop=editor',
};

test('reads the identity provider of operators, and which groups have which role', () => {
  equal(readEngineConfig(RIGHT).OPERATOR_OIDC_ISSUER, '');
  const config = readEngineConfig(PROVIDER);
  deepEqual(
    [config.OPERATOR_OIDC_ISSUER, config.OPERATOR_OIDC_SCOPE, config.OPERATOR_OIDC_GROUPS_CLAIM],
    ['https://id.example.com/', 'openid profile', 'groups'],
  );
  deepEqual(config.OPERATOR_OIDC_ROLES.at(-1), { group: 'shop', role: 'editor' });
  equal(config.OPERATOR_OIDC_SESSION_S, 3_600);
});

test('names each setting of the identity provider that is wrong or missing, and never its secret', () => {
  for (const [name, value] of [
    ['OPERATOR_OIDC_ISSUER', 'http://id.example.com'],
    ['OPERATOR_OIDC_ISSUER', 'https://user:pass@id.example.com'],
    ['OPERATOR_OIDC_CLIENT_ID', 'two words'],
    ['OPERATOR_OIDC_RETURN_URL', 'https://queue.example.com/'],
    ['OPERATOR_OIDC_RETURN_URL', 'https://queue.example.com/login?x'],
    ['OPERATOR_OIDC_RETURN_URL', 'http://queue.example.com/login'],
    ['OPERATOR_OIDC_ROLES', 'raffle-admins=admin'],
    ['OPERATOR_OIDC_SCOPE', 'profile'],
    ['OPERATOR_OIDC_SCOPE', 'openid  profile'],
    ['OPERATOR_OIDC_GROUPS_CLAIM', 'two words'],
    ['OPERATOR_OIDC_ALGORITHMS', 'HS256'],
    ['OPERATOR_OIDC_ALGORITHMS', 'none'],
    ['OPERATOR_OIDC_SESSION_S', '59'],
    ['OPERATOR_OIDC_SESSION_S', '43201'],
  ] as const) {
    const faults = faultsOf({ ...PROVIDER, [name]: value });
    equal(faults.length, 1, faults.join());
    equal(faults[0]?.startsWith(`${name} is ${JSON.stringify(value)}; expected `), true, faults[0]);
  }
  const long = faultsOf({ ...PROVIDER, OPERATOR_OIDC_CLIENT_SECRET: `hidden${'x'.repeat(512)}` });
  equal(long.length === 1 && !long[0]?.includes('hidden'), true, long.join());
  const { OPERATOR_OIDC_ROLES: _, OPERATOR_OIDC_RETURN_URL: __, ...partial } = PROVIDER;
  deepEqual(
    faultsOf(partial).map(fault => fault.slice(0, fault.indexOf(';'))),
    [
      'OPERATOR_OIDC_RETURN_URL is not set, but OPERATOR_OIDC_ISSUER is',
      'OPERATOR_OIDC_ROLES is not set, but OPERATOR_OIDC_ISSUER is',
    ],
  );
  const alone = faultsOf({ ...RIGHT, OPERATOR_OIDC_ROLES: 'shop=editor' });
  deepEqual(
    alone.map(fault => fault.split(' ')[0]),
    ['OPERATOR_OIDC_ISSUER', 'OPERATOR_OIDC_CLIENT_ID', 'OPERATOR_OIDC_RETURN_URL'],
  );
});
