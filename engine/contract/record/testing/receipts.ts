/** Signed slices for tests of receipts. */
import { generateKeyPairSync } from 'node:crypto';
import { SliceReceipts } from '../receipt.ts';
import { type LogItem, RecordEncoder } from '../record.ts';
import { NO_PREVIOUS, signSliceHead } from '../slice-head.ts';
import { SliceTree } from '../slice-tree.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const slice = new SliceTree('a secret of this test, 32 characters or more');

/** The key that the slices are signed with. */
export { publicKey };

/** The receipts of a slice of these items; reuses the memory of the previous slice. */
export function receiptsOf(items: readonly LogItem[]): SliceReceipts {
  const encoder = new RecordEncoder();
  encoder.begin(true);
  for (const { kind, campaignId, stamp, userId, source } of items) {
    encoder.add(kind, campaignId, stamp, userId, source);
  }
  const root = slice.build(encoder.items, items.length).root();
  const numbers = { gateway: 5, count: items.length, incarnation: 3, sliceNumber: 8, firstUs: 1, lastUs: 2 };
  const head = signSliceHead({ ...numbers, root, previous: NO_PREVIOUS }, Buffer.alloc(8, 1), privateKey);
  return new SliceReceipts(slice, items.length, head);
}
