import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { test } from 'node:test';
import Value from 'typebox/value';
import { isIncluded, leafHash } from '../hashing/merkle.ts';
import { leafData, whoOf } from './leaf.ts';
import { Receipt, type SliceReceipts } from './receipt.ts';
import { ITEM_ENTRY, ITEM_WITHDRAWAL, type LogItem, SOURCE_ARRIVAL, SOURCE_PROXY } from './record.ts';
import { decodeSignedHead } from './slice-head.ts';
import { publicKey, receiptsOf } from './testing/receipts.ts';

function itemsOf(count: number): LogItem[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: index % 7 === 3 ? ITEM_WITHDRAWAL : ITEM_ENTRY,
    campaignId: 1 + (index % 3),
    stamp: 1_024 * index + 5,
    userId: index % 11 === 5 ? `user ${index} `.repeat(10).slice(0, 128) : `user ${index}`,
    ...(index % 5 === 0 ? { source: SOURCE_PROXY } : {}),
  }));
}

function textOf(receipts: SliceReceipts, leaf: number, { kind, campaignId, stamp, source }: LogItem): string {
  return receipts.textOf(leaf, kind, campaignId, stamp, source ?? SOURCE_ARRIVAL);
}

/** The check of a user, who knows their own request and user id. */
function proves(receipt: Receipt, { kind, campaignId, stamp, userId, source }: LogItem): boolean {
  assert.deepEqual(
    [receipt.v, receipt.kind, receipt.campaign, receipt.stamp, receipt.source],
    [1, kind, campaignId, stamp, source ?? 0],
  );
  const bytes = Buffer.from(receipt.head, 'base64url');
  const head = decodeSignedHead(bytes);
  assert.ok(verify(null, bytes.subarray(0, 120), publicKey, head.signature));
  const who = whoOf(Buffer.from(receipt.salt, 'base64url'), userId);
  const item = { kind, campaignId, stamp, ...(source === undefined ? {} : { source }) };
  const hash = leafHash(leafData(item, who));
  const position = { leaf: receipt.leaf, count: head.count };
  return isIncluded(hash, position, Buffer.from(receipt.path, 'base64url'), head.root);
}

test('every receipt of slices of every size proves its item, and no other', () => {
  for (const count of [...Array.from({ length: 40 }, (_, index) => index + 1), 64, 65, 127, 200, 700]) {
    const items = itemsOf(count);
    const receipts = receiptsOf(items);
    for (const [leaf, item] of items.entries()) {
      const receipt: Receipt = JSON.parse(textOf(receipts, leaf, item));
      assert.ok(Value.Check(Receipt, receipt));
      assert.ok(proves(receipt, item), `${leaf} of ${count}`);
      assert.ok(!proves(receipt, { ...item, userId: 'somebody else' }));
      assert.ok(!proves({ ...receipt, stamp: item.stamp + 1 }, { ...item, stamp: item.stamp + 1 }));
    }
  }
});

test('receipts survive reuse of the memory for the next slice', () => {
  const items = itemsOf(30);
  const receipts = receiptsOf(items);
  receiptsOf(itemsOf(77));
  for (const [leaf, item] of items.entries()) {
    assert.ok(proves(JSON.parse(textOf(receipts, leaf, item)), item));
  }
});

test('bytes are base64url without padding, of the expected lengths', () => {
  const items = itemsOf(100);
  const receipts = receiptsOf(items);
  for (const [leaf, item] of items.entries()) {
    const { salt, path, head }: Receipt = JSON.parse(textOf(receipts, leaf, item));
    for (const text of [salt, path, head]) {
      assert.match(text, /^[A-Za-z0-9_-]+$/);
      assert.equal(Buffer.from(text, 'base64url').toString('base64url'), text);
    }
    assert.deepEqual([salt.length, head.length], [22, 256]);
    assert.equal(Buffer.from(path, 'base64url').length % 32, 0);
  }
});
