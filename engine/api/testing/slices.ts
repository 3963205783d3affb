/** Signed slices in the ledger, with the receipts that their users hold. */
import { generateKeyPairSync } from 'node:crypto';
import type { Pool } from '../../../sql/database.ts';
import { insertSlices } from '../../../sql/statements/books/slices.ts';
import { getCampaign, opensAtUs } from '../../../sql/statements/campaigns/campaigns.ts';
import { type Receipt, SliceReceipts } from '../../contract/record/receipt.ts';
import { ITEM_ENTRY, RecordEncoder, SOURCE_ARRIVAL } from '../../contract/record/record.ts';
import { NO_PREVIOUS, signSliceHead } from '../../contract/record/slice-head.ts';
import { SliceTree } from '../../contract/record/slice-tree.ts';
import { instantOf } from '../../contract/record/stamp.ts';

const { privateKey } = generateKeyPairSync('ed25519');
/** Of gateway 0. */
export const SLICE = { gateway: 0, incarnation: 3, key: '0101010101010101' } as const;

/** Stores the slice with the entries of these users, stamped 1024, 2048, ... */
export async function storeSlice(
  pool: Pool,
  campaignId: number,
  users: readonly string[],
  sliceNumber = 8,
): Promise<{ readonly receipts: readonly Receipt[] }> {
  const campaign = await getCampaign(pool, campaignId);
  if (campaign === undefined) throw new Error(`there is no campaign ${campaignId}`);
  const stamps = users.map((_, index) => 1024 * (index + 1));
  const encoder = new RecordEncoder();
  encoder.begin(true);
  for (const [index, user] of users.entries()) encoder.add(ITEM_ENTRY, campaignId, stamps[index] ?? 0, user);
  const items = Buffer.from(encoder.items);
  const tree = new SliceTree('a secret of this test, 32 characters or more');
  const root = tree.build(items, users.length).root();
  const { gateway, incarnation } = SLICE;
  const firstUs = instantOf(1024, opensAtUs(campaign));
  const lastUs = instantOf(1024 * users.length, opensAtUs(campaign));
  const numbers = { gateway, incarnation, sliceNumber, firstUs, lastUs };
  const head = { ...numbers, count: users.length, root, previous: NO_PREVIOUS };
  const signedHead = signSliceHead(head, Buffer.from(SLICE.key, 'hex'), privateKey);
  await insertSlices(pool, [{ ...numbers, signedHead, items }]);
  const made = new SliceReceipts(tree, users.length, signedHead);
  const receipts = stamps.map(
    (stamp, leaf): Receipt => JSON.parse(made.textOf(leaf, ITEM_ENTRY, campaignId, stamp, SOURCE_ARRIVAL)),
  );
  return { receipts };
}
