/** What users ask for once they are in, withdrawals and claims, as the log brought it. */
import type { Queryable } from '../../database.ts';
import { columnsOf, type EntryColumns, SENT } from './entries.ts';

/** Of a row `held`: what was asked for is not decided yet. */
const IS_UNDECIDED = { withdrawals: 'held.honoured is null', claims: 'not held.decided' } as const;

/**
 * Inserts what was asked for in campaigns that exist; of several by one user the earliest stays, as long as it is not
 * decided. Answers the indices (from 0) of those whose campaign doesn't exist.
 */
export async function insertAsked(
  db: Queryable,
  table: keyof typeof IS_UNDECIDED,
  sent: EntryColumns,
): Promise<readonly number[]> {
  const { rows } = await db.query<{ index: number }>(
    `with sent as materialized (
       select * from ${SENT} with ordinality as sent (campaign_id, user_id, stamp, number)
     ),
     inserted as (
       insert into ${table} as held (campaign_id, user_id, stamp)
       select c.campaign_id, sent.user_id, min(sent.stamp)
         from sent join campaigns c on c.campaign_id = sent.campaign_id
        group by c.campaign_id, sent.user_id
        order by c.campaign_id, sent.user_id collate "C"
       on conflict (campaign_id, user_id) do update set stamp = excluded.stamp
        where excluded.stamp < held.stamp and ${IS_UNDECIDED[table]}
     )
     select (sent.number - 1)::integer as index
       from sent
      where not exists (select from campaigns c where c.campaign_id = sent.campaign_id)
      order by sent.number`,
    columnsOf(sent),
  );
  return rows.map(row => row.index);
}
