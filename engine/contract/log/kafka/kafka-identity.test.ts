import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { decodeInitProducerId, encodeInitProducerId } from './kafka-identity.ts';

/** kafkajs's own encoders, which it does not export. */
const require = createRequire(import.meta.url);
const initProducerId: (of: { transactionalId: null; transactionTimeout: number }) => object =
  require('kafkajs/src/protocol/requests/initProducerId/v1/request.js');
const requestOf: (parts: {
  request: object;
  correlationId: number;
  clientId: string;
}) => Promise<{ readonly buffer: Buffer }> = require('kafkajs/src/protocol/request.js');

test('encodes a request byte for byte as kafkajs does', async () => {
  const request = initProducerId({ transactionalId: null, transactionTimeout: 60_000 });
  const theirs = await requestOf({ request, correlationId: 77, clientId: 'fairline' });
  assert.deepEqual(encodeInitProducerId(77, 'fairline'), theirs.buffer);
});

test('parses a response, and rejects one that is truncated or reuses an id', () => {
  const answer = Buffer.alloc(20);
  answer.writeInt32BE(77, 0);
  answer.writeBigInt64BE(2n ** 40n, 10);
  assert.deepEqual(decodeInitProducerId(answer), { errorCode: 0, producerId: 2n ** 40n });
  for (let length = 0; length < answer.length; length++) {
    assert.throws(() => decodeInitProducerId(answer.subarray(0, length)), RangeError, `${length} bytes`);
  }
  answer.writeInt16BE(1, 18);
  assert.throws(() => decodeInitProducerId(answer), /epoch 1/);
  answer.writeInt16BE(15, 8);
  assert.equal(decodeInitProducerId(answer).errorCode, 15);
});
