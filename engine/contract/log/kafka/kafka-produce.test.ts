import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c, decodeProduced, ProduceEncoder, writeBatch } from './kafka-produce.ts';

/** kafkajs's own encoders, which it does not export. */
interface KafkajsRecordBatch {
  RecordBatch(batch: {
    records: readonly unknown[];
    firstTimestamp: number;
    maxTimestamp: number;
    lastOffsetDelta: number;
    producerId: string;
    producerEpoch: number;
    firstSequence: number;
  }): Promise<{ readonly buffer: Buffer }>;
}
const require = createRequire(import.meta.url);
const { RecordBatch }: KafkajsRecordBatch = require('kafkajs/src/protocol/recordBatch/v0/index.js');
const recordOf: (record: object) => unknown = require('kafkajs/src/protocol/recordBatch/record/v0/index.js');

test('CRC-32C: the check value, and the vectors of RFC 3720 appendix B.4', () => {
  const of = (bytes: Uint8Array): number => crc32c(bytes, 0, bytes.length);
  assert.equal(of(Buffer.from('123456789')), 0xe3069283);
  assert.equal(of(Buffer.alloc(32)), 0x8a9136aa);
  assert.equal(of(Buffer.alloc(32, 0xff)), 0x62a8ab43);
});

test('encodes a batch byte for byte as kafkajs does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 20_000 }),
      fc.integer({ min: 0, max: 4_000_000_000_000 }),
      fc.constantFrom(
        { producerId: -1n, epoch: -1, sequence: -1 },
        { producerId: 7n, epoch: 0, sequence: 0 },
        { producerId: 2n ** 40n, epoch: 1, sequence: 2 ** 31 - 1 },
      ),
      async (bytes, timestamp, writer) => {
        const value = Buffer.from(bytes);
        const theirs = await RecordBatch({
          records: [recordOf({ key: null, value, offsetDelta: 0, timestampDelta: 0 })],
          firstTimestamp: timestamp,
          maxTimestamp: timestamp,
          lastOffsetDelta: 0,
          producerId: String(writer.producerId),
          producerEpoch: writer.epoch,
          firstSequence: writer.sequence,
        });
        const ours = Buffer.alloc(value.length + 200);
        const end = writeBatch(ours, 0, value, { ...writer, timestampMs: timestamp });
        assert.deepEqual(ours.subarray(0, end), theirs.buffer);
      },
    ),
    { numRuns: 60 },
  );
});

test('a request grows with its record, and a small one after a large one is intact', () => {
  const encoder = new ProduceEncoder();
  const request = {
    correlationId: 7,
    clientId: 'fairline',
    topic: 'a.slices',
    partition: 3,
    timeoutMs: 1000,
  };
  const writer = { producerId: 1n, epoch: 0, sequence: 5, timestampMs: 1 };
  for (const size of [10, 1_000_000, 0, 100]) {
    const bytes = encoder.encode(request, Buffer.alloc(size, 1), writer);
    assert.equal(bytes.readInt32BE(0), bytes.length - 4);
    assert.equal(bytes.readInt32BE(8), 7);
  }
});

test('parses a response, and rejects one that is truncated or for other partitions', () => {
  const answer = Buffer.alloc(41);
  answer.writeInt32BE(7, 0);
  answer.writeInt32BE(1, 4);
  answer.writeInt16BE(3, 8);
  answer.write('top', 10);
  answer.writeInt32BE(1, 13);
  answer.writeInt32BE(2, 17);
  answer.writeInt16BE(6, 21);
  assert.deepEqual(decodeProduced(answer), { correlationId: 7, partition: 2, errorCode: 6 });
  for (let length = 0; length < 23; length++) {
    assert.throws(() => decodeProduced(answer.subarray(0, length)), RangeError, `${length} bytes`);
  }
  answer.writeInt32BE(2, 4);
  assert.throws(() => decodeProduced(answer), /2 topics/);
});
