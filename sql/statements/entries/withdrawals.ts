/** Statements on withdrawals, as settling decides them. user-requests.ts stores those from the log. */
import type { Queryable } from '../../database.ts';

/** The withdrawals decided in one transaction. */
export interface DecidedWithdrawals {
  readonly honoured: number;
  /** Whether others are due that did not fit. */
  readonly more: boolean;
}

export const NOBODY_LEFT: DecidedWithdrawals = { honoured: 0, more: false };

/**
 * Decides undecided withdrawals of a campaign whose entries have stamps up to `through`, the first `limit` by their own
 * stamps. Honours a withdrawal, in the order of the entries, if its entry is not settled, i.e. its stamp is above
 * `settledStamp`; refuses it otherwise. `goneCount` is the number honoured before. A withdrawal stays undecided if its entry
 * is not in the ledger yet, or if it is a claimant's who may still decline: that is decided at the watermark (see
 * claims/claims.ts).
 */
export async function decideWithdrawals(
  db: Queryable,
  turn: {
    readonly campaignId: number;
    readonly settledStamp: number;
    readonly through: number;
    readonly goneCount: number;
    readonly limit: number;
  },
): Promise<DecidedWithdrawals> {
  const { rows } = await db.query<DecidedWithdrawals>(
    `with due as (
       select w.user_id, e.stamp, row_number() over (order by w.stamp, w.user_id) as turn_order
         from withdrawals w join entries e using (campaign_id, user_id)
        where w.campaign_id = $1 and w.honoured is null and e.stamp <= $3
          and not exists (
            select from claimants k
             where k.campaign_id = $1 and k.user_id = w.user_id and k.state in ('waitlisted', 'offered'))
        order by w.stamp, w.user_id limit $5::integer + 1
     ),
     turn as (
       select user_id, stamp > $2 as in_time,
              row_number() over (partition by stamp > $2 order by stamp) as number
         from due where turn_order <= $5
     ),
     decided as (
       update withdrawals w
          set honoured = turn.in_time,
              gone_number = case when turn.in_time then $4::integer + turn.number end
         from turn
        where w.campaign_id = $1 and w.user_id = turn.user_id
       returning w.honoured
     )
     select count(*) filter (where honoured) as honoured, (select count(*) from due) > $5 as more from decided`,
    [turn.campaignId, turn.settledStamp, turn.through, turn.goneCount, turn.limit],
  );
  return rows[0] ?? NOBODY_LEFT;
}

/** Refuses undecided withdrawals of a campaign, at most `limit`. Returns how many. */
export async function refuseWithdrawals(db: Queryable, campaignId: number, limit: number): Promise<number> {
  const { rowCount } = await db.query(
    `update withdrawals w set honoured = false
       from (select user_id from withdrawals
              where campaign_id = $1 and honoured is null order by stamp, user_id limit $2) as due
      where w.campaign_id = $1 and w.user_id = due.user_id`,
    [campaignId, limit],
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
