import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeItems,
  decodeRecord,
  encodeHead,
  ITEM_ENTRY,
  ITEM_WITHDRAWAL,
  type LogItem,
  RecordEncoder,
  type RecordHead,
  SOURCE_BIT,
  SOURCE_PROXY,
  UnreadableRecord,
} from './record.ts';
import { SIGNED_HEAD_BYTES } from './slice-head.ts';

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

test('decodes what it encodes, also in reused memory', () => {
  const encoder = new RecordEncoder();
  fc.assert(
    fc.property(head, fc.array(item, { maxLength: 50 }), (given, items) => {
      assert.deepEqual(decodeRecord(encode(given, items, encoder)), { ...given, items });
    }),
  );
});

test('encodes a slice larger than its initial memory', () => {
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

const signedHead = Buffer.alloc(SIGNED_HEAD_BYTES, 'a signed head');
const slice = head.map(given => ({ ...given, kind: 'slice' }) as const);
const sourced = fc
  .tuple(item, fc.boolean())
  .map(([given, isProxy]): LogItem => (isProxy ? { ...given, source: SOURCE_PROXY } : given));

function encodeSigned(given: RecordHead, items: readonly LogItem[]): Buffer {
  const encoder = new RecordEncoder();
  encoder.begin(true);
  for (const { kind, campaignId, stamp, userId, source } of items) {
    encoder.add(kind, campaignId, stamp, userId, source);
  }
  encoder.sign(signedHead);
  return Buffer.from(encoder.finish(given));
}

test('decodes a signed slice with its signed head, its sources, and its items in order', () => {
  fc.assert(
    fc.property(slice, fc.array(sourced, { maxLength: 20 }), (given, items) => {
      const { signed, ...decoded } = decodeRecord(encodeSigned(given, items));
      assert.deepEqual(decoded, { ...given, items });
      assert.deepEqual(signed?.head, signedHead);
      assert.deepEqual(decodeItems(signed.items, 0, items.length, SOURCE_BIT), items);
    }),
  );
});

test('still decodes version 1, from before slices were signed', () => {
  const bytes = Buffer.from(
    'fa0101000300000000000000000022400000000000000040000000000088b340000000000040af4002000000f06fcca501050700000000000000000c9040616c696365020308000000000000000006a040626f62',
    'hex',
  );
  assert.deepEqual(decodeRecord(bytes), {
    kind: 'slice',
    gateway: 3,
    incarnation: 9,
    sliceNumber: 2,
    throughUs: 5_000,
    rankedUs: 4_000,
    items: [
      { kind: ITEM_ENTRY, campaignId: 7, stamp: 1_027, userId: 'alice' },
      { kind: ITEM_WITHDRAWAL, campaignId: 8, stamp: 2_051, userId: 'bob' },
    ],
  });
});

test('version 1 has no sources, and only a slice has a signed head', () => {
  const encoder = new RecordEncoder();
  encoder.begin();
  encoder.add(ITEM_ENTRY, 7, 1, 'alice', SOURCE_PROXY);
  const given: RecordHead = {
    kind: 'slice',
    gateway: 1,
    incarnation: 1,
    sliceNumber: 1,
    throughUs: 1,
    rankedUs: 1,
  };
  assert.throws(() => decodeRecord(encoder.finish(given)), /item 0 has kind 129/);
  assert.throws(() => encoder.sign(signedHead), RangeError);
  assert.throws(() => decodeRecord(encodeSigned({ ...given, kind: 'leave' }, [])), UnreadableRecord);
});

test('detects every changed byte, truncation and addition', () => {
  fc.assert(
    fc.property(
      head,
      fc.array(item, { maxLength: 5 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (given, items, where, by) => {
        for (const bytes of [encode(given, items), encodeSigned({ ...given, kind: 'slice' }, items)]) {
          const at = where % bytes.length;
          const changed = Buffer.from(bytes);
          changed[at] = (changed[at] ?? 0) ^ by;
          assert.throws(() => decodeRecord(changed), UnreadableRecord);
          assert.throws(() => decodeRecord(bytes.subarray(0, at)), UnreadableRecord);
          assert.throws(() => decodeRecord(Buffer.concat([bytes, Buffer.from([by])])), UnreadableRecord);
        }
      },
    ),
  );
});

test('decoding any bytes gives a record or UnreadableRecord', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      assert.throws(() => decodeRecord(Buffer.from(bytes)), UnreadableRecord);
    }),
  );
});
