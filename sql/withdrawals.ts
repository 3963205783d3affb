/** Statements on withdrawals: wishes to leave, as the log brought them and as settling decided them. */
import { bigintArray, textArray } from './arrays.ts';
import type { Queryable } from './database.ts';
import type { EntryColumns } from './entries.ts';

/**
 * Inserts withdrawals of campaigns that exist; of several by one user the earliest stays, as long as it is not
 * decided. Answers the indices (from 0) of those whose campaign doesn't exist.
 */
export async function insertWithdrawals(db: Queryable, sent: EntryColumns): Promise<readonly number[]> {
  const { rows } = await db.query<{ index: number }>(
    `with sent as materialized (
       select * from unnest($1::bigint[], $2::text[], $3::bigint[]) with ordinality
                  as sent (campaign_id, user_id, stamp, number)
     ),
     inserted as (
       insert into withdrawals as held (campaign_id, user_id, stamp)
       select c.campaign_id, sent.user_id, min(sent.stamp)
         from sent join campaigns c on c.campaign_id = sent.campaign_id
        group by c.campaign_id, sent.user_id
        order by c.campaign_id, sent.user_id collate "C"
       on conflict (campaign_id, user_id) do update set stamp = excluded.stamp
        where excluded.stamp < held.stamp and held.honoured is null
     )
     select (sent.number - 1)::integer as index
       from sent
      where not exists (select from campaigns c where c.campaign_id = sent.campaign_id)
      order by sent.number`,
    [bigintArray(sent.campaignIds), textArray(sent.userIds), bigintArray(sent.stamps)],
  );
  return rows.map(row => row.index);
}

/**
 * Decides the undecided withdrawals of a campaign whose entries have stamps up to `through`: honoured, in stamp order,
 * where the entry is not settled, i.e. its stamp is above `settledStamp`; refused where it is. `goneCount` is how many
 * were honoured before. One whose entry is not in the ledger yet stays undecided, and so does that of a claimant who may
 * still decline: that is decided at the watermark (see claims.ts). Answers how many were honoured and refused.
 */
export async function decideWithdrawals(
  db: Queryable,
  turn: {
    readonly campaignId: number;
    readonly settledStamp: number;
    readonly through: number;
    readonly goneCount: number;
  },
): Promise<{ readonly honoured: number; readonly refused: number }> {
  const { rows } = await db.query<{ honoured: number; refused: number }>(
    `with turn as (
       select w.user_id, e.stamp > $2 as in_time,
              row_number() over (partition by e.stamp > $2 order by e.stamp) as number
         from withdrawals w join entries e using (campaign_id, user_id)
        where w.campaign_id = $1 and w.honoured is null and e.stamp <= $3
          and not exists (
            select from claimants k
             where k.campaign_id = $1 and k.user_id = w.user_id and k.state in ('waitlisted', 'offered'))
     ),
     decided as (
       update withdrawals w
          set honoured = turn.in_time,
              gone_number = case when turn.in_time then $4::integer + turn.number end
         from turn
        where w.campaign_id = $1 and w.user_id = turn.user_id
       returning w.honoured
     )
     select count(*) filter (where honoured) as honoured, count(*) filter (where not honoured) as refused
       from decided`,
    [turn.campaignId, turn.settledStamp, turn.through, turn.goneCount],
  );
  return rows[0] ?? { honoured: 0, refused: 0 };
}

/** Refuses every undecided withdrawal of a campaign at its end. */
export async function refuseWithdrawals(db: Queryable, campaignId: number): Promise<number> {
  const { rowCount } = await db.query(
    'update withdrawals set honoured = false where campaign_id = $1 and honoured is null',
    [campaignId],
  );
  return rowCount ?? 0;
}

export interface Gone {
  readonly goneNumber: number;
  readonly userId: string;
  /** The stamp of the withdrawal. */
  readonly stamp: number;
  /** The stamp of the entry that was withdrawn. */
  readonly entryStamp: number;
}

/** Honoured withdrawals with a greater gone_number than `after`, in that order. */
export async function readGone(
  db: Queryable,
  campaignId: number,
  after: number,
  limit: number,
): Promise<readonly Gone[]> {
  const { rows } = await db.query<Gone>(
    `select w.gone_number as "goneNumber", w.user_id as "userId", w.stamp, e.stamp as "entryStamp"
       from withdrawals w join entries e using (campaign_id, user_id)
      where w.campaign_id = $1 and w.gone_number > $2
      order by w.gone_number limit $3`,
    [campaignId, after, limit],
  );
  return rows;
}
