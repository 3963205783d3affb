/** What gateways sign and issue, checked by the verifier, which shares no code with them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inOrder, keyAt, newPrivateKey, publicKeys, signingKey } from '../contract/keys/signing-keys.ts';
import { SliceReceipts } from '../contract/record/receipt.ts';
import {
  ITEM_ENTRY,
  type ItemSource,
  RecordEncoder,
  SOURCE_ARRIVAL,
  SOURCE_PROXY,
} from '../contract/record/record.ts';
import { NO_PREVIOUS, signSliceHead } from '../contract/record/slice-head.ts';
import { SliceTree } from '../contract/record/slice-tree.ts';
import { nodePrimitives } from '../verify/node.ts';
import { verify } from '../verify/verify.ts';

const FROM_MS = Date.UTC(2026, 0, 1);
const keys = [FROM_MS, FROM_MS + 1000].map(fromMs =>
  signingKey(newPrivateKey(), { use: 'slices', fromMs, revokedMs: undefined }),
);
const published = Buffer.from(JSON.stringify({ keys: publicKeys(keys) }));

test('verifies gateway receipts with the published keys', async () => {
  const tree = new SliceTree('a secret of this test, 32 characters or more');
  for (const count of [1, 2, 7, 8, 9, 30]) {
    const items = Array.from({ length: count }, (_, index) => ({
      campaignId: 1 + (index % 2),
      stamp: 1024 * index + 5,
      userId: `ユーザー ${index}`,
      source: (index % 3 === 0 ? SOURCE_PROXY : SOURCE_ARRIVAL) as ItemSource,
    }));
    const encoder = new RecordEncoder();
    encoder.begin(true);
    for (const { campaignId, stamp, userId, source } of items) {
      encoder.add(ITEM_ENTRY, campaignId, stamp, userId, source);
    }
    const root = tree.build(encoder.items, count).root();
    // It begins before the second key is valid; the key of its last instant signs.
    const lastUs = (FROM_MS + 1500) * 1000;
    const key = keyAt(inOrder(keys, 'slices'), lastUs / 1000);
    assert.ok(key);
    assert.equal(key.id, keys[1]?.id);
    const numbers = { gateway: 5, count, incarnation: 3, sliceNumber: 8, firstUs: FROM_MS * 1000, lastUs };
    const head = signSliceHead({ ...numbers, root, previous: NO_PREVIOUS }, key.keyId, key.privateKey);
    const receipts = new SliceReceipts(tree, count, head);
    const lines = items.map(({ campaignId, stamp, userId, source }, leaf) => {
      const receipt = receipts.textOf(leaf, ITEM_ENTRY, campaignId, stamp, source);
      return `{"receipt":${receipt},"user":${JSON.stringify(userId)}}\n`;
    });
    const report = await verify({
      primitives: nodePrimitives,
      receipts: Buffer.from(lines.join('')),
      keys: published,
    });
    assert.deepEqual(report.findings, []);
    assert.match(report.checked.join('\n'), new RegExp(`^${count} receipts?: a known key signed the slice`));
  }
});
