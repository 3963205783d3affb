/**
 * Puts a campaign back from its file, row by row as it was. A part that was put back before is passed over, so what was broken
 * off is gone on with; the ledger forgets the file when all of it is here.
 */

import { deleteArchive, readArchive, restoreArchived } from '../../sql/archives.ts';
import { type Pool, transaction } from '../../sql/database.ts';
import { requireSame } from './archive.ts';
import { BadArchive, type Counts, checkFile, readHead, readPages } from './format.ts';

/** Rejects with BadArchive when the file is not whole, or not the one that the ledger has noted. */
export async function restoreCampaign(
  pool: Pool,
  path: string,
): Promise<{ readonly campaignId: number; readonly counts: Counts }> {
  const { campaign: campaignId } = await readHead(path);
  const known = await readArchive(pool, campaignId);
  if (known === undefined)
    throw new BadArchive(`campaign ${campaignId} is not archived in this ledger: nothing is missing`);
  await requireSame(path, known.sha256);
  const counts = await checkFile(path);
  for await (const { table, rows } of readPages(path)) await restoreArchived(pool, table, rows);
  await transaction(pool, db => deleteArchive(db, campaignId));
  return { campaignId, counts };
}
