/** Statements on the refunds of listed redemptions. */
import type { Queryable } from '../../database.ts';
import { bigintArray } from '../arrays.ts';

export interface ListedRefund {
  readonly redemptionId: number;
  /** In the currency's minor unit. */
  readonly amount: number;
  readonly refundedAt: Date;
}

/** The last refunds of each of these redemptions, at most `most` of each, in the order in which they were made. */
export async function readLastRefunds(
  db: Queryable,
  redemptionIds: readonly number[],
  most: number,
): Promise<readonly ListedRefund[]> {
  const { rows } = await db.query<ListedRefund>(
    `select f.redemption_id as "redemptionId", (f.refund::json ->> 'amount')::bigint as amount, f.refunded_at as "refundedAt"
       from unnest($1::bigint[]) as asked (redemption_id)
      cross join lateral (select * from refunds r where r.redemption_id = asked.redemption_id
                           order by r.refund_number desc limit $2) as f
      order by f.redemption_id, f.refund_number`,
    [bigintArray(redemptionIds), most],
  );
  return rows;
}
