/** The campaign that a request names, or the Problem to answer with. */
import type { Queryable } from '../../sql/database.ts';
import { readArchiveFile } from '../../sql/statements/campaigns/archives.ts';
import { type Campaign, getCampaign } from '../../sql/statements/campaigns/campaigns.ts';
import { fieldFault, Problem } from '../contract/api/problem.ts';

/** `field`: where the request names it. Throws Problem unknown-campaign. */
export async function findCampaign(db: Queryable, campaignId: number, field = 'id'): Promise<Campaign> {
  const campaign = await getCampaign(db, campaignId);
  if (campaign === undefined) throw unknownCampaign(campaignId, field);
  return campaign;
}

export function unknownCampaign(campaignId: number, field = 'id'): Problem {
  return new Problem('unknown-campaign', `Campaign ${campaignId} does not exist.`, {
    errors: [fieldFault(field, campaignId, 'the number of an existing campaign')],
  });
}

/** Throws Problem archived if the campaign was archived. `what` of it is gone; begins a sentence: `The entries of campaign`. */
export async function refuseArchived(db: Queryable, campaignId: number, what: string): Promise<void> {
  const file = await readArchiveFile(db, campaignId);
  if (file === undefined) return;
  throw new Problem('archived', `${what} ${campaignId} were archived to ${file}.`, { file });
}
