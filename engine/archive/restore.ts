/**
 * Restores a campaign from its file, row by row, and baskets whole. Rows that were restored before are skipped, so an
 * interrupted restore can be resumed; the ledger forgets the file when everything is back.
 */
import { transactionOn } from '../../sql/database.ts';
import { beginStaging, stageRows } from '../../sql/statements/campaigns/archived-baskets.ts';
import { fillSlices, isBasketTable, restoreRows } from '../../sql/statements/campaigns/archived-rows.ts';
import { deleteArchive, readArchive } from '../../sql/statements/campaigns/archives.ts';
import { requireSame } from './archive.ts';
import type { Archiving } from './archiving.ts';
import { putBasketsBack } from './baskets.ts';
import { BadArchive, type Counts, checkFile, readHead, readPages } from './format.ts';

/** Rejects with BadArchive if the file is incomplete, or is not the one recorded in the ledger. */
export async function restoreCampaign(
  { writer }: Archiving,
  path: string,
): Promise<{ readonly campaignId: number; readonly counts: Counts }> {
  const { campaign: campaignId } = await readHead(path);
  const known = await readArchive(writer, campaignId);
  if (known === undefined)
    throw new BadArchive(`campaign ${campaignId} is not archived in this ledger: nothing is missing`);
  await requireSame(path, known.sha256);
  const counts = await checkFile(path);
  await beginStaging(writer);
  for await (const { table, rows } of readPages(path)) {
    if (table === 'slices') await fillSlices(writer, rows);
    else if (isBasketTable(table)) await stageRows(writer, table, rows);
    else await restoreRows(writer, table, rows);
  }
  await putBasketsBack(writer);
  await transactionOn(writer, db => deleteArchive(db, campaignId));
  return { campaignId, counts };
}
