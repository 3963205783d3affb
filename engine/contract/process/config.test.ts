import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, checkShared, readConfig, sharedVariables, ticketVariables, whole } from './config.ts';

const redis = { REDIS_URL: 'redis://:hidden@127.0.0.1:6379' };

test('has defaults for everything but addresses and secrets', () => {
  const config = readConfig(sharedVariables, redis);
  assert.equal(config.LOG, 'redis');
  assert.equal(config.NAMESPACE, 'fairline');
  assert.equal(config.LEASE_MS, 3_000);
});

test('reports all faults at once, each with name, value and remedy', () => {
  const env = { ...redis, LOG: 'rabbit', LEASE_MS: '-5', NAMESPACE: 'Upper', LOG_LEVEL: 'info' };
  assert.throws(
    () => readConfig(sharedVariables, env),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.faults.length, 3);
      assert.match(error.message, /LOG is "rabbit"; expected one of redis, kafka/);
      assert.match(error.message, /LEASE_MS is "-5"; expected a whole number from 500 to 60000/);
      assert.match(error.message, /NAMESPACE is "Upper"/);
      return true;
    },
  );
});

test('names a missing address, and treats an empty variable as missing', () => {
  assert.throws(
    () => readConfig(sharedVariables, { REDIS_URL: '' }),
    /REDIS_URL is not set; expected redis:\/\//,
  );
});

test('never shows a secret or a password', () => {
  const hidden = /hunter2/;
  for (const env of [{ TICKET_SECRET: 'hunter2' }, { TICKET_SECRET: 'hunter2', TICKET_AUDIENCE: 'a b' }]) {
    assert.throws(
      () => readConfig(ticketVariables, env),
      (error: unknown) => error instanceof ConfigError && !hidden.test(error.message),
    );
  }
  assert.throws(
    () => readConfig(sharedVariables, { REDIS_URL: 'http://:hunter2@x' }),
    (error: unknown) => error instanceof ConfigError && !hidden.test(error.message),
  );
});

test('accepts whole numbers at their limits', () => {
  const variables = { N: whole(5, 1, 10) };
  for (const right of ['1', '10']) assert.equal(readConfig(variables, { N: right }).N, Number(right));
  for (const wrong of ['0', '11', '1.5', '1e1', ' 1', '0x1', 'NaN']) {
    assert.throws(() => readConfig(variables, { N: wrong }), ConfigError, wrong);
  }
});

test('a Kafka log needs brokers', () => {
  const config = readConfig(sharedVariables, { ...redis, LOG: 'kafka' });
  assert.throws(() => checkShared(config), /KAFKA_BROKERS is not set, but LOG is kafka/);
  checkShared(readConfig(sharedVariables, { ...redis, LOG: 'kafka', KAFKA_BROKERS: 'a:9092,b:9092' }));
});
