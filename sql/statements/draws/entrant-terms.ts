/** Statements on the terms of entrants: tickets, groups and exclusions, which are fixed before a raffle's close. */
import { type Pool, type Queryable, transaction } from '../../database.ts';
import { bigintArray, textArray } from '../arrays.ts';

export interface EntrantTerms {
  readonly userId: string;
  /** 1 to 1000. */
  readonly tickets: number;
  readonly group: string | null;
  /** Why they are excluded; null: they are not. */
  readonly excluded: string | null;
}

/** Whether terms were written, or why not. */
export type TermsResult = 'saved' | 'unknown' | 'not a raffle' | 'closed';

/**
 * Replaces the terms of these users, until the campaign closes: afterwards an operator could know who would be drawn. Replaces
 * all or none; no user may occur twice.
 */
export async function saveTerms(
  pool: Pool,
  campaignId: number,
  terms: readonly EntrantTerms[],
  inTransaction: typeof transaction = transaction,
): Promise<TermsResult> {
  return await inTransaction(pool, async client => {
    // Delays a freeze until the terms are stored, or waits for a running one.
    const { rows } = await client.query<{ kind: string; isOpen: boolean }>(
      `select kind, terms_are_open(closes_at, closing_at, frozen_at) as "isOpen"
         from campaigns where campaign_id = $1 for share`,
      [campaignId],
    );
    const [campaign] = rows;
    if (campaign === undefined) return 'unknown';
    if (campaign.kind !== 'raffle') return 'not a raffle';
    if (!campaign.isOpen) return 'closed';
    await client.query(
      `insert into entrant_terms as held (campaign_id, user_id, tickets, user_group, excluded)
       select $1, user_id, tickets, nullif(user_group, ''), nullif(excluded, '')
         from unnest($2::text[], $3::bigint[], $4::text[], $5::text[]) as given (user_id, tickets, user_group, excluded)
        order by user_id collate "C"
       on conflict (campaign_id, user_id) do update
          set tickets = excluded.tickets, user_group = excluded.user_group, excluded = excluded.excluded`,
      [
        campaignId,
        textArray(terms.map(each => each.userId)),
        bigintArray(terms.map(each => each.tickets)),
        textArray(terms.map(each => each.group ?? '')),
        textArray(terms.map(each => each.excluded ?? '')),
      ],
    );
    return 'saved';
  });
}

/** Terms of users after `after` (by the bytes of their ids; '' for the first page), at most `limit`. */
export async function listTerms(
  db: Queryable,
  page: { readonly campaignId: number; readonly after: string; readonly limit: number },
): Promise<readonly EntrantTerms[]> {
  const { rows } = await db.query<EntrantTerms>(
    `select user_id as "userId", tickets, user_group as "group", excluded
       from entrant_terms where campaign_id = $1 and user_id > $2 order by user_id limit $3`,
    [page.campaignId, page.after, page.limit],
  );
  return rows;
}
