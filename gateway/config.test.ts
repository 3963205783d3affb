import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, type Environment } from '../engine/contract/process/config.ts';
import { readGatewayConfig } from './config.ts';

const base: Environment = {
  REDIS_URL: 'redis://127.0.0.1:6379',
  TICKET_SECRET: 'a secret of at least thirty-two characters',
  RECEIPT_SALT_SECRET: 'a salt secret that is long enough',
};

function faultsOf(env: Environment): readonly string[] {
  try {
    readGatewayConfig({ ...base, ...env });
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

test('defaults suit a laptop and trust no proxy', () => {
  const config = readGatewayConfig(base);
  assert.deepEqual(config.TRUSTED_PROXIES, []);
  assert.equal(config.CLOCK_WARN_MS, 5);
  assert.equal(config.CLOCK_STOP_MS, 50);
});

test('CLOCK_WARN_MS must be below CLOCK_STOP_MS', () => {
  const right = 'expected less than CLOCK_STOP_MS (20)';
  for (const warn of ['20', '21']) {
    assert.deepEqual(faultsOf({ CLOCK_WARN_MS: warn, CLOCK_STOP_MS: '20' }), [
      `CLOCK_WARN_MS is ${warn}; ${right}`,
    ]);
  }
  assert.deepEqual(faultsOf({ CLOCK_WARN_MS: '19', CLOCK_STOP_MS: '20' }), []);
});

test('TRUSTED_PROXIES takes networks', () => {
  assert.equal(readGatewayConfig({ ...base, TRUSTED_PROXIES: '10.0.0.0/8, ::1' }).TRUSTED_PROXIES.length, 2);
  assert.deepEqual(faultsOf({ TRUSTED_PROXIES: 'nginx' }), [
    'TRUSTED_PROXIES is "nginx"; expected a comma-separated list of CIDR blocks or addresses, such as 10.0.0.0/8,fd00::/8',
  ]);
});

test('SHOP_TOKEN is optional; one too short is rejected without being printed', () => {
  assert.equal(readGatewayConfig(base).SHOP_TOKEN, '');
  assert.equal(readGatewayConfig({ ...base, SHOP_TOKEN: 'x'.repeat(512) }).SHOP_TOKEN.length, 512);
  for (const token of ['x'.repeat(15), 'x'.repeat(513), 'sixteen letters and a space']) {
    const [fault] = faultsOf({ SHOP_TOKEN: token });
    assert.match(fault ?? '', /^SHOP_TOKEN is \(\d+ characters, not shown\); expected 16 to 512 printable/);
  }
});
