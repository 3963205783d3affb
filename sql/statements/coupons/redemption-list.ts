/** Reads redemptions a page at a time, all of them or those of a user, a code or a coupon. */
import type { Queryable } from '../../database.ts';

/** Whose redemptions: of a user or a code, by exact text, or of a coupon by its id. */
export type RedemptionsOf =
  | { readonly user: string }
  | { readonly code: string }
  | { readonly coupon: number };

export interface ListedRedemption {
  readonly redemptionId: number;
  readonly userId: string;
  readonly state: 'held' | 'lapsed' | 'redeemed' | 'released';
  readonly currency: string;
  /** What was to be paid, and what was refunded of it, in the currency's minor unit. */
  readonly total: number;
  readonly refunded: number;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly redeemedAt: Date | null;
  readonly releasedAt: Date | null;
  readonly uses: readonly { readonly code: string; readonly coupon: number; readonly given_back: boolean }[];
}

/** Each finds its page by an index alone: 0038_kill_switches.sql has the measurement. */
const FILTERS = {
  user: 'user_id = $3 and redemption_id > $1',
  code: `redemption_id in (select redemption_id from redemption_uses
           where code = $3 and redemption_id > $1 order by redemption_id limit $2)`,
  coupon: `redemption_id in (select redemption_id from redemption_uses
             where coupon_id = $3 and redemption_id > $1 order by redemption_id limit $2)`,
} as const;

/** Those with a greater id than `after`, by id, at most `limit`. Basket, pricing and refunds are JSON of gateway/coupons/. */
export async function listRedemptions(
  db: Queryable,
  of: RedemptionsOf | undefined,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<readonly ListedRedemption[]> {
  const [[by, value] = []] = Object.entries(of ?? {});
  const filter = by === 'user' || by === 'code' || by === 'coupon' ? FILTERS[by] : 'redemption_id > $1';
  const { rows } = await db.query<ListedRedemption>(
    `select redemption_id as "redemptionId", user_id as "userId",
            case when state = 'held' and (expires_at <= statement_timestamp() or used.any_given_back)
                 then 'lapsed' else state end as state,
            basket::json ->> 'currency' as currency, (pricing::json ->> 'total')::bigint as total,
            (select coalesce(sum((refund::json ->> 'amount')::bigint), 0)::bigint
               from refunds f where f.redemption_id = r.redemption_id) as refunded,
            created_at as "createdAt", expires_at as "expiresAt", redeemed_at as "redeemedAt",
            released_at as "releasedAt", used.uses
       from redemptions r
      cross join lateral (
        select coalesce(json_agg(json_build_object('code', code, 'coupon', coupon_id,
                                                   'given_back', given_back_at is not null) order by coupon_id), '[]') as uses,
               bool_or(given_back_at is not null) as any_given_back
          from redemption_uses u where u.redemption_id = r.redemption_id) as used
      where ${filter} order by redemption_id limit $2`,
    [after, limit, ...(value === undefined ? [] : [value])],
  );
  return rows;
}
