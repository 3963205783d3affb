/** Statements on a ledger that may be older than what was published from it. */
import type { Queryable } from '../../database.ts';
import { bigintArray } from '../arrays.ts';

/** How many of these campaigns the ledger lacks or has at an earlier revision. */
export async function countAhead(
  db: Queryable,
  shown: readonly { readonly campaignId: number; readonly revision: number }[],
): Promise<number> {
  const { rows } = await db.query<{ ahead: number }>(
    `select count(*) as ahead
       from unnest($1::bigint[], $2::bigint[]) as shown (id, shown_revision)
       left join campaigns on campaign_id = id
      where coalesce(revision, 0) < shown_revision`,
    [bigintArray(shown.map(each => each.campaignId)), bigintArray(shown.map(each => each.revision))],
  );
  return rows[0]?.ahead ?? 0;
}

/** Gives no number up to this one to a campaign from now on: receipts of a campaign that is gone name it. */
export async function reserveNumbers(db: Queryable, upTo: number): Promise<void> {
  await db.query(
    `select setval(sequence, $1::bigint)
       from pg_get_serial_sequence('campaigns', 'campaign_id') as sequence
      where coalesce(pg_sequence_last_value(sequence), 0) < $1::bigint`,
    [upTo],
  );
}
