/** Requests of users who have entered: withdrawals and claims, as the log has them. */
import type { Queryable } from '../../database.ts';
import { columnsOf, type EntryColumns, SENT } from './entries.ts';

/** Whether the request in row `held` is undecided. */
const IS_UNDECIDED = { withdrawals: 'held.honoured is null', claims: 'not held.decided' } as const;

/**
 * Inserts requests for campaigns that exist; the earliest of several by one user stays, as long as it is undecided. Returns
 * the indices (from 0) of those whose campaign does not exist.
 */
export async function insertUserRequests(
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
