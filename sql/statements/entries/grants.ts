/** Statements on grants: coupons granted and winners drawn. */
import type { Queryable } from '../../database.ts';
import { bigintArray, textArray } from '../arrays.ts';

export interface Grant {
  /** 1, 2, 3 ... within the campaign, without gaps. */
  readonly serial: number;
  readonly userId: string;
  readonly code: string;
  /** For a drawn winner: the prize, from 0. */
  readonly tier?: number;
}

/** Represents null in an array that cannot contain null. */
const NO_TIER = 2 ** 31 - 1;

export async function insertGrants(
  db: Queryable,
  campaignId: number,
  grants: readonly Grant[],
): Promise<void> {
  if (grants.length === 0) return;
  await db.query({
    name: 'insert_grants',
    text: `insert into grants (campaign_id, serial, user_id, code, tier)
     select $1, serial, user_id, code, nullif(tier, ${NO_TIER})
       from unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[]) as granted (serial, user_id, code, tier)`,
    values: [
      campaignId,
      bigintArray(grants.map(grant => grant.serial)),
      textArray(grants.map(grant => grant.userId)),
      textArray(grants.map(grant => grant.code)),
      bigintArray(grants.map(grant => grant.tier ?? NO_TIER)),
    ],
  });
}

/**
 * Grants with a greater serial than `after`, in that order, at most `limit`. Only those that the campaign's row counts: while a
 * drawing is written in turns, nobody has won before it is complete.
 */
export async function readGrants(
  db: Queryable,
  campaignId: number,
  after: number,
  limit: number,
): Promise<readonly Grant[]> {
  const { rows } = await db.query<Grant>(
    `select serial, user_id as "userId", code from grants
      where campaign_id = $1 and serial > $2 and serial <= (select granted_count from campaigns where campaign_id = $1)
      order by serial limit $3`,
    [campaignId, after, limit],
  );
  return rows;
}
