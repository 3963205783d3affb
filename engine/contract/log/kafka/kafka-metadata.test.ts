import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { decodeMetadata, encodeMetadata } from './kafka-metadata.ts';

/** kafkajs's own encoders, which it does not export. */
const require = createRequire(import.meta.url);
const metadata: (of: { topics: readonly string[]; allowAutoTopicCreation: boolean }) => object =
  require('kafkajs/src/protocol/requests/metadata/v5/request.js');
const requestOf: (parts: {
  request: object;
  correlationId: number;
  clientId: string;
}) => Promise<{ readonly buffer: Buffer }> = require('kafkajs/src/protocol/request.js');
const Encoder: new () => Writer = require('kafkajs/src/protocol/encoder.js');
interface Writer {
  readonly buffer: Buffer;
  writeInt8(value: number): Writer;
  writeInt16(value: number): Writer;
  writeInt32(value: number): Writer;
  writeBoolean(value: boolean): Writer;
  writeString(value: string | null): Writer;
  writeArray(values: readonly unknown[], type?: string): Writer;
}

test('encodes a request byte for byte as kafkajs does', async () => {
  const request = metadata({ topics: ['fairline.slices'], allowAutoTopicCreation: false });
  const theirs = await requestOf({ request, correlationId: 77, clientId: 'fairline' });
  assert.deepEqual(encodeMetadata(77, 'fairline', 'fairline.slices'), theirs.buffer);
});

function partition(number: number, errorCode: number, leader: number): Writer {
  return new Encoder()
    .writeInt16(errorCode)
    .writeInt32(number)
    .writeInt32(leader)
    .writeArray([2, 1, 3], 'int32')
    .writeArray([2, 3], 'int32')
    .writeArray([1], 'int32');
}

function answer(topics: readonly Writer[]): Buffer {
  const broker = (id: number, rack: string | null): Writer =>
    new Encoder().writeInt32(id).writeString(`host-${id}`).writeInt32(9092).writeString(rack);
  return new Encoder()
    .writeInt32(77)
    .writeInt32(0)
    .writeArray([broker(2, null), broker(3, 'b')])
    .writeString('the cluster')
    .writeInt32(2)
    .writeArray(topics).buffer;
}

test('parses a response with any partition error, and rejects a truncated one', () => {
  const topic = new Encoder()
    .writeInt16(0)
    .writeString('fairline.slices')
    .writeBoolean(false)
    .writeArray([partition(1, 0, 2), partition(0, 5, -1)]);
  const whole = answer([topic]);
  assert.deepEqual(decodeMetadata(whole), {
    clusterId: 'the cluster',
    controllerId: 2,
    brokers: [
      { id: 2, host: 'host-2', port: 9092 },
      { id: 3, host: 'host-3', port: 9092 },
    ],
    errorCode: 0,
    partitions: [
      { partition: 1, leader: 2, replicas: [2, 1, 3], inSync: [2, 3] },
      { partition: 0, leader: -1, replicas: [2, 1, 3], inSync: [2, 3] },
    ],
  });
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeMetadata(whole.subarray(0, length)), RangeError, `${length} bytes`);
  }
});

test('rejects a response about no topic or about another one', () => {
  assert.throws(() => decodeMetadata(answer([])), /for 0 topics/);
  const none = (): Writer => new Encoder().writeInt16(3).writeString('x').writeBoolean(false).writeArray([]);
  assert.equal(decodeMetadata(answer([none()])).errorCode, 3);
  assert.throws(() => decodeMetadata(answer([none(), none()])), /for 2 topics/);
});
