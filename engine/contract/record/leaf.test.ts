import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { leafHash } from '../hashing/merkle.ts';
import { LEAF_BYTES, leafData, saltOf, whoOf } from './leaf.ts';
import { ITEM_ENTRY, ITEM_WITHDRAWAL, type LogItem, RecordEncoder, SOURCE_PROXY } from './record.ts';
import { SliceTree } from './slice-tree.ts';

const SECRET = 'a secret of this test, 32 characters or more';

test('salt, who and leaf of a known user, assembled manually', () => {
  const salt = createHmac('sha256', SECRET)
    .update(Buffer.concat([Buffer.from('fairline salt 1'), Buffer.from([0, 0, 0, 7]), Buffer.from('älice')]))
    .digest()
    .subarray(0, 16);
  assert.deepEqual(saltOf(SECRET, 7, 'älice'), salt);
  const who = createHash('sha256')
    .update(Buffer.concat([salt, Buffer.from('älice')]))
    .digest();
  assert.deepEqual(whoOf(salt, 'älice'), who);
  const item = { kind: ITEM_WITHDRAWAL, campaignId: 7, stamp: 2 ** 40 + 5, source: SOURCE_PROXY } as const;
  const data = leafData(item, who);
  assert.equal(data.length, LEAF_BYTES);
  assert.equal(data.toString('hex'), `0201000000070000010000000005${who.toString('hex')}`);
});

test('a vector that catches any change of the format', () => {
  const salt = saltOf(SECRET, 1, 'alice');
  const data = leafData({ kind: ITEM_ENTRY, campaignId: 1, stamp: 604_053_504 }, whoOf(salt, 'alice'));
  assert.equal(
    leafHash(data).toString('hex'),
    'cd3b018eb638ade64f1d98624ea00d5b1e9e90d1a705f8acbe8b0d4ab8b78007',
  );
});

const item: fc.Arbitrary<LogItem> = fc.record(
  {
    kind: fc.constantFrom(ITEM_ENTRY, ITEM_WITHDRAWAL),
    campaignId: fc.integer({ min: 1, max: 2_147_483_647 }),
    stamp: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    userId: fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .filter(id => id.isWellFormed() && Buffer.byteLength(id) <= 128),
    source: fc.constant(SOURCE_PROXY),
  },
  { noNullPrototype: true, requiredKeys: ['kind', 'campaignId', 'stamp', 'userId'] },
);

for (const [what, secret] of [
  ['a secret of any length', SECRET],
  ['a secret longer than a block', SECRET.repeat(3)],
] as const) {
  test(`the leaves of a slice match the plain functions, in reused memory: ${what}`, () => {
    const encoder = new RecordEncoder();
    const slice = new SliceTree(secret);
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 150 }), items => {
        encoder.begin(true);
        for (const { kind, campaignId, stamp, userId, source } of items) {
          encoder.add(kind, campaignId, stamp, userId, source);
        }
        const tree = slice.build(encoder.items, items.length);
        for (const [index, each] of items.entries()) {
          const salt = saltOf(secret, each.campaignId, each.userId);
          assert.deepEqual(tree.leaf(index), leafHash(leafData(each, whoOf(salt, each.userId))));
          const copied = new Int32Array(4);
          slice.copySalt(index, copied, 0);
          assert.deepEqual(Buffer.from(copied.buffer), salt);
        }
      }),
      { numRuns: 50 },
    );
  });
}

test('accepts user ids at the limits of a block and of the allowed length', () => {
  const encoder = new RecordEncoder();
  const slice = new SliceTree(SECRET);
  const ids = Array.from({ length: 128 }, (_, index) => 'x'.repeat(index + 1));
  encoder.begin(true);
  for (const id of ids) encoder.add(ITEM_ENTRY, 7, 1, id);
  const tree = slice.build(encoder.items, ids.length);
  for (const [index, id] of ids.entries()) {
    const who = whoOf(saltOf(SECRET, 7, id), id);
    const data = leafData({ kind: ITEM_ENTRY, campaignId: 7, stamp: 1 }, who);
    assert.deepEqual(tree.leaf(index), leafHash(data), `${id.length} bytes`);
  }
});

test('grows for a slice larger than those before', () => {
  const encoder = new RecordEncoder();
  const slice = new SliceTree(SECRET);
  encoder.begin(true);
  for (let index = 0; index < 1_500; index++) encoder.add(ITEM_ENTRY, 7, index, `u${index}`);
  const tree = slice.build(encoder.items, 1_500);
  for (const index of [0, 511, 512, 1_499]) {
    const who = whoOf(saltOf(SECRET, 7, `u${index}`), `u${index}`);
    assert.deepEqual(
      tree.leaf(index),
      leafHash(leafData({ kind: ITEM_ENTRY, campaignId: 7, stamp: index }, who)),
    );
  }
});
