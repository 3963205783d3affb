import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StackError } from './errors.ts';
import { type KafkaNeed, makePlan } from './plan.ts';

const cases: [
  name: string,
  env: Record<string, string>,
  need: KafkaNeed | undefined,
  kafka: KafkaNeed,
  log: string,
][] = [
  ['no server is given', {}, undefined, 'if-possible', 'by-kafka'],
  ['LOG=redis needs no Kafka', { LOG: 'redis' }, undefined, 'no', 'redis'],
  ['LOG=redis and a bench that compares both', { LOG: 'redis' }, 'if-possible', 'if-possible', 'redis'],
  ['LOG=kafka requires one', { LOG: 'kafka' }, undefined, 'required', 'kafka'],
  ['LOG=kafka still requires one', { LOG: 'kafka' }, 'if-possible', 'required', 'kafka'],
  ['KAFKA_BROKERS chooses Kafka', { KAFKA_BROKERS: 'k:9092' }, undefined, 'no', 'kafka'],
  ['LOG=redis beside KAFKA_BROKERS', { KAFKA_BROKERS: 'k:9092', LOG: 'redis' }, undefined, 'no', 'redis'],
  ['a start that needs no Kafka', {}, 'no', 'no', 'redis'],
  ['a start that requires Kafka', {}, 'required', 'required', 'by-kafka'],
  [
    'an empty variable counts as missing',
    { LOG: '', KAFKA_BROKERS: ' ' },
    undefined,
    'if-possible',
    'by-kafka',
  ],
];

for (const [name, env, need, privateKafka, log] of cases) {
  test(name, () => {
    const plan = makePlan(env, need);
    assert.deepEqual({ privateKafka: plan.privateKafka, log: plan.log }, { privateKafka, log });
  });
}

test('keeps given servers as they are', () => {
  const plan = makePlan({ DATABASE_URL: 'postgres://a/b', REDIS_URL: 'redis://c', LOG: 'redis' }, undefined);
  assert.equal(plan.databaseUrl, 'postgres://a/b');
  assert.equal(plan.redisUrl, 'redis://c');
});

test('refuses an unknown LOG with its value and the valid ones', () => {
  assert.throws(
    () => makePlan({ LOG: 'rabbit' }, undefined),
    (error: unknown) =>
      error instanceof StackError &&
      /LOG=rabbit/.test(error.message) &&
      /LOG=kafka or LOG=redis/.test(error.remedy),
  );
});

test('LOG=kafka conflicts with a start without Kafka', () => {
  assert.throws(() => makePlan({ LOG: 'kafka' }, 'no'), StackError);
});
