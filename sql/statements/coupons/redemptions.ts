/**
 * Statements on the use of coupons. Those that change something run in one transaction, in this order: lockCoupons,
 * giveBackLapsed, the other reads, the writes. Everything about a coupon's uses is decided under the lock on its row, so no
 * two transactions ever count the same use.
 */
import type { Queryable } from '../../database.ts';
import { bigintArray, byteaArray, textArray } from '../arrays.ts';

export type RedemptionState = 'held' | 'redeemed' | 'released';

/** A basket with its coupons, as stored in the ledger. */
export interface RedemptionRow {
  readonly redemptionId: number;
  readonly userId: string;
  /** A lapsed hold is still `held` here. */
  readonly state: RedemptionState;
  /** JSON; gateway/coupons/ has its format. */
  readonly basket: string;
  readonly pricing: string;
  readonly createdAt: Date;
  /** Null: it was redeemed at once. */
  readonly expiresAt: Date | null;
  readonly redeemedAt: Date | null;
  readonly releasedAt: Date | null;
  /** In the order of their coupons. */
  readonly uses: readonly {
    readonly couponId: number;
    /** The shop of the coupon. */
    readonly shop: string | null;
    readonly code: string;
    readonly givenBack: boolean;
  }[];
  /** JSON, in the order in which they were made. */
  readonly refunds: readonly { readonly refund: string; readonly refundedAt: string }[];
}

/** The database's clock, in milliseconds since the epoch. */
const CLOCK = `floor(extract(epoch from statement_timestamp()) * 1000)::bigint as "nowMs"`;

const REDEMPTION_COLUMNS = `
  redemption_id as "redemptionId", user_id as "userId", state, basket, pricing, created_at as "createdAt",
  expires_at as "expiresAt", redeemed_at as "redeemedAt", released_at as "releasedAt",
  (select coalesce(json_agg(json_build_object('couponId', u.coupon_id, 'shop', k.shop, 'code', u.code,
                                              'givenBack', u.given_back_at is not null) order by u.coupon_id), '[]')
     from redemption_uses u join coupons k using (coupon_id)
    where u.redemption_id = redemptions.redemption_id) as uses,
  (select coalesce(json_agg(json_build_object('refund', f.refund, 'refundedAt', f.refunded_at)
                            order by f.refund_number), '[]')
     from refunds f where f.redemption_id = redemptions.redemption_id) as refunds`;

/** By id, with the database's clock; without ids that do not exist. */
export async function readRedemptions(
  db: Queryable,
  ids: readonly number[],
): Promise<{ readonly nowMs: number; readonly rows: ReadonlyMap<number, RedemptionRow> }> {
  const { rows } = await db.query<RedemptionRow & { readonly nowMs: number }>(
    `select ${CLOCK}, ${REDEMPTION_COLUMNS} from redemptions where redemption_id = any($1::bigint[])`,
    [bigintArray(ids)],
  );
  return { nowMs: rows[0]?.nowMs ?? 0, rows: new Map(rows.map(row => [row.redemptionId, row])) };
}

/** Locks the rows of coupons until the transaction ends, always in the same order to prevent deadlocks. */
export async function lockCoupons(db: Queryable, couponIds: readonly number[]): Promise<void> {
  await db.query(
    `select from coupons where coupon_id = any($1::bigint[]) order by coupon_id for no key update`,
    [bigintArray(couponIds)],
  );
}

/** The uses of a coupon, under the lock. */
export interface CouponUse {
  readonly couponId: number;
  readonly revision: number;
  readonly disabled: boolean;
  readonly used: number;
}

export interface CountedUses {
  /** The database's clock. */
  readonly nowMs: number;
  readonly uses: readonly CouponUse[];
  /** As many as requested, for new redemptions. */
  readonly freshIds: readonly number[];
  /** Whether there may be other lapsed holds that still count. */
  readonly more: boolean;
}

/**
 * Holds given back in one transaction, which takes some 20 ms. With more, if very many lapse at once, it would exceed the
 * ledger's time limit: everything would be rolled back, and the coupon could not be used any more.
 */
export const LAPSED_AT_ONCE = 1_000;

/**
 * Gives back the uses of lapsed holds, at most `limit`, and returns the uses that remain. `statement_timestamp()` is later
 * than the lock on the coupons, and later than that of every transaction that had the lock before. So a hold given back here
 * was not redeemed in time, and one redeemed under the same lock has not lapsed.
 */
export async function giveBackLapsed(
  db: Queryable,
  couponIds: readonly number[],
  idCount: number,
  limit: number,
): Promise<CountedUses> {
  const { rows } = await db.query<{ nowMs: number; freshIds: number[]; lapsed: number } & CouponUse>(
    `with due as (
       select redemption_id, coupon_id from redemption_uses
        where coupon_id = any($1::bigint[]) and held_until <= statement_timestamp()
        order by coupon_id, held_until, redemption_id limit $3
     ), lapsed as (
       update redemption_uses u set held_until = null, given_back_at = statement_timestamp()
         from due where u.redemption_id = due.redemption_id and u.coupon_id = due.coupon_id
       returning u.coupon_id
     ), less as (
       update coupons set used_count = used_count - lapsed_count
         from (select coupon_id, count(*)::integer as lapsed_count from lapsed group by coupon_id) as counted
        where coupons.coupon_id = counted.coupon_id
       returning coupons.coupon_id, used_count
     )
     select ${CLOCK}, array(select nextval(pg_get_serial_sequence('redemptions', 'redemption_id'))
                              from generate_series(1, $2)) as "freshIds",
            (select count(*) from lapsed) as lapsed, coupon_id as "couponId", revision, disabled,
            coalesce(less.used_count, coupons.used_count) as used
       from (select) as clock
       left join (coupons left join less using (coupon_id)) on coupon_id = any($1::bigint[])`,
    [bigintArray(couponIds), idCount, limit],
  );
  const { nowMs = 0, freshIds = [], lapsed = 0 } = rows[0] ?? {};
  const uses = rows.filter(row => row.couponId !== null);
  return { nowMs, freshIds: freshIds.map(Number), uses, more: lapsed === limit };
}

/** A user and a coupon, with the number of the user's uses that count. */
export interface UserUse {
  readonly couponId: number;
  readonly userId: string;
  readonly used: number;
}

/** Leaves out pairs without any use. */
export async function readUserUses(
  db: Queryable,
  pairs: readonly Pick<UserUse, 'couponId' | 'userId'>[],
): Promise<readonly UserUse[]> {
  if (pairs.length === 0) return [];
  const { rows } = await db.query<UserUse>(
    `select coupon_id as "couponId", user_id as "userId", count(*)::integer as used
       from redemption_uses
       join (select distinct * from unnest($1::bigint[], $2::text[]) as pair (coupon_id, user_id)) as pairs
            using (coupon_id, user_id)
      where given_back_at is null group by coupon_id, user_id`,
    [bigintArray(pairs.map(pair => pair.couponId)), textArray(pairs.map(pair => pair.userId))],
  );
  return rows;
}

/**
 * Which of these codes still belong to their holder. A grant that is passed on gets another code; the lock delays that until
 * the use is recorded.
 */
export async function lockGrantCodes(
  db: Queryable,
  codes: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (codes.length === 0) return new Map();
  const { rows } = await db.query<{ code: string; userId: string }>(
    `select code, user_id as "userId" from grants where code = any($1::text[]) order by code for key share`,
    [textArray(codes)],
  );
  return new Map(rows.map(row => [row.code, row.userId]));
}

/** A shop's request under an idempotency key. */
export interface ShopRequest {
  /** In the name of a shop, the name and a space stand before what the shop has sent. */
  readonly key: string;
  /** SHA-256 of the request. */
  readonly hash: Buffer;
  readonly redemptionId: number;
  /** For a refund, from 1. */
  readonly refundNumber: number | null;
}

export async function readShopRequests(
  db: Queryable,
  keys: readonly string[],
): Promise<ReadonlyMap<string, ShopRequest>> {
  if (keys.length === 0) return new Map();
  const { rows } = await db.query<ShopRequest>(
    `select idempotency_key as key, request_hash as hash, redemption_id as "redemptionId",
            refund_number as "refundNumber"
       from shop_requests where idempotency_key = any($1::text[])`,
    [textArray(keys)],
  );
  return new Map(rows.map(row => [row.key, row]));
}

export interface NewRedemption {
  readonly redemptionId: number;
  readonly userId: string;
  readonly basket: string;
  readonly pricing: string;
  /** Milliseconds since the epoch; undefined: redeemed at once. */
  readonly expiresAtMs: number | undefined;
  readonly uses: readonly { readonly couponId: number; readonly code: string }[];
}

/** Represents null in an array that cannot contain null. */
const NONE = 0;

export async function insertRedemptions(
  db: Queryable,
  made: readonly NewRedemption[],
  nowMs: number,
): Promise<void> {
  if (made.length === 0) return;
  const uses = made.flatMap(each => each.uses.map(use => ({ ...each, ...use })));
  await db.query(
    `with redeemed as (
       insert into redemptions (redemption_id, user_id, state, basket, pricing, created_at, expires_at, redeemed_at)
       overriding system value
       select id, user_id, case expires when ${NONE} then 'redeemed' else 'held' end, basket, pricing, made_at,
              to_timestamp(nullif(expires, ${NONE}) / 1000.0), case expires when ${NONE} then made_at end
         from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[])
                as made (id, user_id, basket, pricing, expires),
              (select to_timestamp($6::bigint / 1000.0) as made_at) as clock
     )
     insert into redemption_uses (redemption_id, coupon_id, code, user_id, held_until)
     select id, coupon_id, code, user_id, to_timestamp(nullif(expires, ${NONE}) / 1000.0)
       from unnest($7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::bigint[])
              as used (id, coupon_id, code, user_id, expires)`,
    [
      bigintArray(made.map(each => each.redemptionId)),
      textArray(made.map(each => each.userId)),
      textArray(made.map(each => each.basket)),
      textArray(made.map(each => each.pricing)),
      bigintArray(made.map(each => each.expiresAtMs ?? NONE)),
      nowMs,
      bigintArray(uses.map(use => use.redemptionId)),
      bigintArray(uses.map(use => use.couponId)),
      textArray(uses.map(use => use.code)),
      textArray(uses.map(use => use.userId)),
      bigintArray(uses.map(use => use.expiresAtMs ?? NONE)),
    ],
  );
}

/** Changes the number of uses of each coupon. */
export async function addUses(db: Queryable, changes: ReadonlyMap<number, number>): Promise<void> {
  const changed = [...changes].filter(([, change]) => change !== 0);
  if (changed.length === 0) return;
  await db.query(
    `update coupons set used_count = used_count + change
       from unnest($1::bigint[], $2::integer[]) as changed (id, change) where coupon_id = id`,
    [bigintArray(changed.map(([couponId]) => couponId)), changed.map(([, change]) => change)],
  );
}

/** Redeems holds that have not lapsed. */
export async function commitHolds(db: Queryable, ids: readonly number[], nowMs: number): Promise<void> {
  if (ids.length === 0) return;
  await db.query(
    `update redemptions set state = 'redeemed', redeemed_at = to_timestamp($2::bigint / 1000.0)
      where redemption_id = any($1::bigint[])`,
    [bigintArray(ids), nowMs],
  );
  await db.query(`update redemption_uses set held_until = null where redemption_id = any($1::bigint[])`, [
    bigintArray(ids),
  ]);
}

/** Releases holds that have not lapsed. */
export async function releaseHolds(db: Queryable, ids: readonly number[], nowMs: number): Promise<void> {
  if (ids.length === 0) return;
  await db.query(
    `update redemptions set state = 'released', released_at = to_timestamp($2::bigint / 1000.0)
      where redemption_id = any($1::bigint[])`,
    [bigintArray(ids), nowMs],
  );
  await db.query(
    `update redemption_uses set held_until = null, given_back_at = to_timestamp($2::bigint / 1000.0)
      where redemption_id = any($1::bigint[]) and given_back_at is null`,
    [bigintArray(ids), nowMs],
  );
}

export interface NewRefund {
  readonly redemptionId: number;
  /** From 1. */
  readonly refundNumber: number;
  readonly refund: string;
  /** Coupons whose uses are given back. */
  readonly givenBack: readonly number[];
}

export async function insertRefunds(
  db: Queryable,
  refunds: readonly NewRefund[],
  nowMs: number,
): Promise<void> {
  if (refunds.length === 0) return;
  await db.query(
    `insert into refunds (redemption_id, refund_number, refund, refunded_at)
     select id, number, refund, to_timestamp($4::bigint / 1000.0)
       from unnest($1::bigint[], $2::bigint[], $3::text[]) as made (id, number, refund)`,
    [
      bigintArray(refunds.map(each => each.redemptionId)),
      bigintArray(refunds.map(each => each.refundNumber)),
      textArray(refunds.map(each => each.refund)),
      nowMs,
    ],
  );
  const uses = refunds.flatMap(each => each.givenBack.map(couponId => ({ ...each, couponId })));
  await db.query(
    `update redemption_uses set given_back_at = to_timestamp($3::bigint / 1000.0)
       from unnest($1::bigint[], $2::bigint[]) as back (id, coupon)
      where redemption_id = id and coupon_id = coupon`,
    [bigintArray(uses.map(use => use.redemptionId)), bigintArray(uses.map(use => use.couponId)), nowMs],
  );
}

/** Records requests under their keys; returns whether all of those keys were new. */
export async function insertShopRequests(db: Queryable, requests: readonly ShopRequest[]): Promise<boolean> {
  if (requests.length === 0) return true;
  const { rowCount } = await db.query(
    `insert into shop_requests (idempotency_key, request_hash, redemption_id, refund_number)
     select key, hash, id, nullif(number, ${NONE})
       from unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[]) as sent (key, hash, id, number)
      order by key collate "C"
     on conflict do nothing`,
    [
      textArray(requests.map(each => each.key)),
      byteaArray(requests.map(each => each.hash)),
      bigintArray(requests.map(each => each.redemptionId)),
      bigintArray(requests.map(each => each.refundNumber ?? NONE)),
    ],
  );
  return rowCount === requests.length;
}
