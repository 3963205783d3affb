import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeRecord,
  encodeHead,
  ITEM_ENTRY,
  ITEM_WITHDRAWAL,
  type LogItem,
  RecordEncoder,
  type RecordHead,
  UnreadableRecord,
} from './record.ts';

const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const head: fc.Arbitrary<RecordHead> = fc.record(
  {
    kind: fc.constantFrom('slice', 'through', 'leave', 'fence'),
    gateway: fc.integer({ min: 0, max: 1_023 }),
    incarnation: whole,
    sliceNumber: whole,
    throughUs: whole,
    rankedUs: whole,
  },
  { noNullPrototype: true },
);
const item: fc.Arbitrary<LogItem> = fc.record(
  {
    kind: fc.constantFrom(ITEM_ENTRY, ITEM_WITHDRAWAL),
    campaignId: fc.integer({ min: 1, max: 2_147_483_647 }),
    stamp: whole,
    userId: fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .filter(id => id.isWellFormed() && Buffer.byteLength(id) <= 128),
  },
  { noNullPrototype: true },
);

function encode(given: RecordHead, items: readonly LogItem[], encoder = new RecordEncoder()): Buffer {
  encoder.begin();
  for (const { kind, campaignId, stamp, userId } of items) encoder.add(kind, campaignId, stamp, userId);
  return Buffer.from(encoder.finish(given));
}

test('what is encoded is decoded, also with memory that is used again', () => {
  const encoder = new RecordEncoder();
  fc.assert(
    fc.property(head, fc.array(item, { maxLength: 50 }), (given, items) => {
      assert.deepEqual(decodeRecord(encode(given, items, encoder)), { ...given, items });
    }),
  );
});

test('a slice larger than the memory it began with is whole', () => {
  const items: LogItem[] = Array.from({ length: 3_000 }, (_, index) => ({
    kind: ITEM_ENTRY,
    campaignId: 7,
    stamp: index,
    userId: `${index}`.padEnd(128, 'x'),
  }));
  const given: RecordHead = {
    kind: 'slice',
    gateway: 3,
    incarnation: 1,
    sliceNumber: 2,
    throughUs: 3,
    rankedUs: 4,
  };
  assert.deepEqual(decodeRecord(encode(given, items)).items, items);
});

test('a head alone is a record', () => {
  const given: RecordHead = {
    kind: 'fence',
    gateway: 3,
    incarnation: 9,
    sliceNumber: 0,
    throughUs: 5,
    rankedUs: 5,
  };
  assert.deepEqual(decodeRecord(encodeHead(given)), { ...given, items: [] });
});

test('every changed byte, every cut and every addition is noticed', () => {
  fc.assert(
    fc.property(
      head,
      fc.array(item, { maxLength: 5 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (given, items, where, by) => {
        const bytes = encode(given, items);
        const at = where % bytes.length;
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ by;
        assert.throws(() => decodeRecord(changed), UnreadableRecord);
        assert.throws(() => decodeRecord(bytes.subarray(0, at)), UnreadableRecord);
        assert.throws(() => decodeRecord(Buffer.concat([bytes, Buffer.from([by])])), UnreadableRecord);
      },
    ),
  );
});

test('whatever stands in the log, decoding ends with a record or with UnreadableRecord', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      assert.throws(() => decodeRecord(Buffer.from(bytes)), UnreadableRecord);
    }),
  );
});
