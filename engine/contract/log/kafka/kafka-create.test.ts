import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { decodeCreated, encodeCreateTopic } from './kafka-create.ts';

/** kafkajs's own encoders, which it does not export. */
const require = createRequire(import.meta.url);
const createTopics: (of: {
  topics: readonly object[];
  validateOnly: boolean;
  timeout: number;
}) => object = require('kafkajs/src/protocol/requests/createTopics/v2/request.js');
const requestOf: (parts: {
  request: object;
  correlationId: number;
  clientId: string;
}) => Promise<{ readonly buffer: Buffer }> = require('kafkajs/src/protocol/request.js');

const SETTINGS = { 'min.insync.replicas': '2', 'cleanup.policy': 'delete', ünusual: '' };

test('encodes a request byte for byte as kafkajs does', async () => {
  const topic = {
    ...{ topic: 'fairline.slices', numPartitions: 16, replicationFactor: 3 },
    configEntries: Object.entries(SETTINGS).map(([name, value]) => ({ name, value })),
  };
  const request = createTopics({ topics: [topic], validateOnly: false, timeout: 3_000 });
  const theirs = await requestOf({ request, correlationId: 77, clientId: 'fairline' });
  const wanted = {
    topic: 'fairline.slices',
    partitions: 16,
    replication: 3,
    settings: SETTINGS,
    timeoutMs: 3_000,
  };
  assert.deepEqual(encodeCreateTopic(77, 'fairline', wanted), theirs.buffer);
});

/** An answer about these topics, each with its name, error code and message. */
function answer(
  ...topics: readonly (readonly [name: string, errorCode: number, message: string | null])[]
): Buffer {
  const text = (value: string | null): Buffer => {
    const length = Buffer.alloc(2);
    length.writeInt16BE(value === null ? -1 : Buffer.byteLength(value));
    return Buffer.concat([length, Buffer.from(value ?? '')]);
  };
  const head = Buffer.alloc(12);
  head.writeInt32BE(77);
  head.writeInt32BE(topics.length, 8);
  const parts = topics.map(([name, errorCode, message]) => {
    const code = Buffer.alloc(2);
    code.writeInt16BE(errorCode);
    return Buffer.concat([text(name), code, text(message)]);
  });
  return Buffer.concat([head, ...parts]);
}

test('parses a response, and rejects one that is truncated or about another number of topics', () => {
  assert.deepEqual(decodeCreated(answer(['a', 0, null])), { errorCode: 0, message: '' });
  const whole = answer(['a', 38, 'too few brokers']);
  assert.deepEqual(decodeCreated(whole), { errorCode: 38, message: 'too few brokers' });
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => decodeCreated(whole.subarray(0, length)), RangeError, `${length} bytes`);
  assert.throws(() => decodeCreated(answer()), /for 0 topics/);
  assert.throws(() => decodeCreated(answer(['a', 0, null], ['b', 0, null])), /for 2 topics/);
});
