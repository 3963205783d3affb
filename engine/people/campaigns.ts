/** What one person did in each campaign, with the position that they are shown and where the receipt of their entry leads. */
import type { Queryable } from '../../sql/database.ts';
import {
  lookForCampaigns,
  type PersonInCampaign,
  type PersonLook,
  readPersonInCampaigns,
} from '../../sql/statements/people/person-campaigns.ts';
import type { PositionAsked } from '../projections/positions.ts';
import { findReceiptPlaces, type ReceiptPlace } from './receipts.ts';

export interface PersonCampaign extends PersonInCampaign {
  /** From 1; null while it may still change, while Redis does not tell it, and without an entry. */
  readonly position: number | null;
  readonly receipt: ReceiptPlace | null;
}

export interface PersonCampaigns {
  readonly campaigns: readonly PersonCampaign[];
  /** Archived campaigns that were passed over, because nothing of the person is here. */
  readonly elsewhere: number;
  readonly next: number | null;
}

export interface PersonReads {
  /** See ApiDeps. */
  readonly positions: (asked: readonly PositionAsked[]) => Promise<ReadonlyMap<number, number>>;
}

/** Reads a page of a person's campaigns. */
export async function readPersonCampaigns(
  db: Queryable,
  { positions }: PersonReads,
  userId: string,
  look: PersonLook,
): Promise<PersonCampaigns> {
  const { campaignIds, elsewhere, next } = await lookForCampaigns(db, userId, look);
  const rows = await readPersonInCampaigns(db, userId, campaignIds);
  const entries = rows.flatMap(({ campaignId, opensAt, stamp, isShelved }) =>
    stamp === null ? [] : [{ campaignId, userId, stamp, opensAtUs: opensAt.getTime() * 1000, isShelved }],
  );
  const receipts = await findReceiptPlaces(db, entries);
  const shown = await positions(entries.filter(({ isShelved }) => !isShelved));
  const campaigns = rows.map((row): PersonCampaign => {
    const position = row.rank === null ? (shown.get(row.campaignId) ?? null) : row.rank + 1;
    return { ...row, position, receipt: receipts.get(row.campaignId) ?? null };
  });
  return { campaigns, elsewhere, next };
}
