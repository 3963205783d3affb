/** The campaign that a request names, or the Problem to answer with. */
import type { Queryable } from '../../sql/database.ts';
import { readArchiveFile } from '../../sql/statements/campaigns/archives.ts';
import { type Campaign, getCampaign } from '../../sql/statements/campaigns/campaigns.ts';
import { Problem } from '../contract/api/problem.ts';

/** Throws Problem unknown-campaign. */
export async function findCampaign(db: Queryable, campaignId: number): Promise<Campaign> {
  const campaign = await getCampaign(db, campaignId);
  if (campaign === undefined) throw unknownCampaign(campaignId);
  return campaign;
}

export function unknownCampaign(campaignId: number): Problem {
  return new Problem('unknown-campaign', `Campaign ${campaignId} does not exist.`);
}

/** Throws Problem archived if the campaign was archived. `what` of it is gone; begins a sentence: `The entries of campaign`. */
export async function refuseArchived(db: Queryable, campaignId: number, what: string): Promise<void> {
  const file = await readArchiveFile(db, campaignId);
  if (file === undefined) return;
  throw new Problem('archived', `${what} ${campaignId} were archived to ${file}.`, { file });
}
