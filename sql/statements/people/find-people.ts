/** Statements that find the people whom a customer's question is about. Each is a look-up by a unique index. */
import type { Queryable } from '../../database.ts';
import { textArray } from '../arrays.ts';
import { IS_SHOWN } from '../entries/outcomes.ts';
import { IS_IN } from './person-campaigns.ts';

/** The built-in account with this normalised address; undefined if there is none. */
export async function findUserByAddress(db: Queryable, address: string): Promise<string | undefined> {
  const { rows } = await db.query<{ userId: string }>('select id as "userId" from fans where email = $1', [
    address,
  ]);
  return rows[0]?.userId;
}

/** A user who has, or had, a serial of a campaign. */
export interface Holder {
  readonly userId: string;
  readonly campaignId: number;
  readonly serial: number;
  /** False: it was passed on. */
  readonly holds: boolean;
}

/** Who was granted this code; undefined if nobody was. */
export async function findHolderOfCode(db: Queryable, code: string): Promise<Holder | undefined> {
  const { rows } = await db.query<Holder>(
    `select g.user_id as "userId", g.campaign_id as "campaignId", g.serial, true as holds
       from grants g join campaigns c using (campaign_id) where g.code = $1 and ${IS_SHOWN}`,
    [code],
  );
  return rows[0];
}

/** The coupon whose code it is, if anybody may use it; undefined if there is none. */
export async function findCouponOfCode(db: Queryable, code: string): Promise<number | undefined> {
  const { rows } = await db.query<{ couponId: number }>(
    'select coupon_id as "couponId" from coupons where code = $1',
    [code],
  );
  return rows[0]?.couponId;
}

/** Who has the serial, then who had it before, the last first; at most `limit`. */
export async function findHolders(
  db: Queryable,
  campaignId: number,
  serial: number,
  limit: number,
): Promise<readonly Holder[]> {
  const { rows } = await db.query<Holder>(
    `select user_id as "userId", $1::integer as "campaignId", $2::integer as serial, holds from (
       select g.user_id, true as holds, null::integer as waitlist_position
         from grants g join campaigns c using (campaign_id)
        where g.campaign_id = $1 and g.serial = $2 and ${IS_SHOWN}
       union all
       select user_id, false, waitlist_position from passed_on where campaign_id = $1 and serial = $2) as held
      order by waitlist_position desc nulls first limit $3`,
    [campaignId, serial, limit],
  );
  return rows;
}

/** Whose entry has this stamp; undefined if none of those in the ledger has. */
export async function findUserByStamp(
  db: Queryable,
  campaignId: number,
  stamp: number,
): Promise<string | undefined> {
  const { rows } = await db.query<{ userId: string }>(
    'select user_id as "userId" from entries where campaign_id = $1 and stamp = $2',
    [campaignId, stamp],
  );
  return rows[0]?.userId;
}

/** Whether the ledger knows this user: an account, a block, a redemption, or anything in a campaign. */
export async function isKnownUser(db: Queryable, userId: string): Promise<boolean> {
  const { rows } = await db.query<{ isKnown: boolean }>(
    `select exists (select from fans where id = $1)
         or exists (select from blocks where user_id = $1 and lifted_at is null)
         or exists (select from redemptions where user_id = $1)
         or exists (select from campaigns c cross join lateral (${IS_IN}) as found) as "isKnown"`,
    [userId],
  );
  return rows[0]?.isKnown === true;
}

/** Who keeps the account of each of these users: `built_in` fairline, `shop` the shop; absent if there is no account here. */
export async function readAccountKinds(
  db: Queryable,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, 'built_in' | 'shop'>> {
  const { rows } = await db.query<{ userId: string; kind: 'built_in' | 'shop' }>(
    `select id as "userId", case when email is null then 'shop' else 'built_in' end as kind
       from fans where id = any ($1::text[])`,
    [textArray(userIds)],
  );
  return new Map(rows.map(({ userId, kind }) => [userId, kind]));
}
