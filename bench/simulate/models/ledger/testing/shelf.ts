/** Shelves campaigns on either side. */
import type { Queryable } from '../../../../../sql/database.ts';
import {
  greatestShelved,
  listForShelf,
  markRanks,
  readShelved,
  readShelvedSince,
  readShelvedStandings,
  readUnshelved,
  shelveCampaign,
} from '../../../../../sql/statements/campaigns/shelving.ts';
import { ROOM, USERS } from './sides.ts';

/** Shelves every ended campaign, however the two clocks differ. */
const AT_ONCE_MS = -1_000_000_000;

/** Shelves all campaigns that can be shelved, and returns what statements then read of them. */
export async function shelve(db: Queryable): Promise<unknown> {
  const idsOf = (rows: readonly { readonly campaignId: number }[]) =>
    rows.map(({ campaignId }) => campaignId);
  const ids = Array.from({ length: ROOM }, (_, index) => index + 1);
  const due = await listForShelf(db, AT_ONCE_MS, ids.length);
  const done: unknown[] = [];
  for (const id of due) {
    while (await markRanks(db, id, 1));
    done.push(await shelveCampaign(db, id, AT_ONCE_MS), await shelveCampaign(db, id, AT_ONCE_MS));
    done.push([...(await readShelvedStandings(db, id, USERS))].sort((a, b) => a.stamp - b.stamp));
  }
  const since = idsOf(await readShelvedSince(db, 1_000_000_000));
  const [on, off] = [idsOf(await readShelved(db, ids)), idsOf(await readUnshelved(db, ids))];
  return { due, done, since, on, off, greatest: await greatestShelved(db) };
}
