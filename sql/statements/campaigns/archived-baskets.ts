/**
 * Statements on the baskets of an archive. All rows of a basket are deleted in one transaction, and restored in one: if a
 * basket were visible without its refunds, a shop could make the same refund again. The file has rows by table, so they are
 * first put into a table of the session, and taken from there basket by basket.
 */
import type { Queryable } from '../../database.ts';
import { bigintArray } from '../arrays.ts';

/** In the order in which rows are restored. */
export const BASKET_TABLES = ['redemptions', 'redemption_uses', 'refunds', 'shop_requests'] as const;
export type BasketTable = (typeof BASKET_TABLES)[number];

/** Call this first, on the connection that all other functions here use. */
export async function beginStaging(db: Queryable): Promise<void> {
  await db.query(`
    drop table if exists pg_temp.staged_rows;
    create temporary table staged_rows (redemption_id bigint not null, name text not null, row jsonb not null);
    create index on pg_temp.staged_rows (redemption_id)`);
}

/** Rows of a file, each a JSON object. */
export async function stageRows(db: Queryable, table: BasketTable, rows: readonly string[]): Promise<void> {
  await db.query(
    `insert into pg_temp.staged_rows (redemption_id, name, row)
     select f.redemption_id, $2, to_jsonb(f) from json_populate_recordset(null::${table}, $1::json) as f`,
    [`[${rows.join(',')}]`, table],
  );
}

/** The next baskets that have rows in the file. */
export async function nextStaged(db: Queryable, after: number, limit: number): Promise<readonly number[]> {
  const { rows } = await db.query<{ redemptionId: number }>(
    `select distinct redemption_id as "redemptionId" from pg_temp.staged_rows
      where redemption_id > $1 order by redemption_id limit $2`,
    [after, limit],
  );
  return rows.map(({ redemptionId }) => redemptionId);
}

/**
 * Every change of a basket locks its coupons first (coupons/redemptions.ts), so these baskets stay unchanged until the
 * transaction ends.
 */
export async function lockBaskets(db: Queryable, redemptionIds: readonly number[]): Promise<void> {
  await db.query(
    `select from coupons
      where coupon_id in (select coupon_id from redemption_uses where redemption_id = any ($1::bigint[]))
      order by coupon_id for no key update`,
    [bigintArray(redemptionIds)],
  );
}

/** Looks up a row of `shop_requests` by its key alone: there is no new one without a change of another row. */
const HERE = `
  ${BASKET_TABLES.filter(table => table !== 'shop_requests')
    .map(
      table =>
        `select redemption_id, '${table}' as name, to_jsonb(t) as row from ${table} t
          where redemption_id = any ($1::bigint[])`,
    )
    .join(' union all ')}
  union all
  select t.redemption_id, 'shop_requests', to_jsonb(t) from file
    join shop_requests t on t.idempotency_key = file.row ->> 'idempotency_key' where file.name = 'shop_requests'`;

/** Deletes locked baskets whose rows are identical to those in the file. */
export async function deleteBaskets(db: Queryable, redemptionIds: readonly number[]): Promise<void> {
  await db.query(
    `with file as (
       select redemption_id, name, row from pg_temp.staged_rows where redemption_id = any ($1::bigint[])
     ), here as (${HERE}
     ), other as (
       (table file except table here) union all (table here except table file)
     ), same as (
       select redemption_id from file except select redemption_id from other
     ), gone_requests as (
       delete from shop_requests t using file join same using (redemption_id)
        where file.name = 'shop_requests' and t.idempotency_key = file.row ->> 'idempotency_key'
     ), gone_refunds as (
       delete from refunds where redemption_id in (table same)
     ), gone_uses as (
       delete from redemption_uses where redemption_id in (table same)
     )
     delete from redemptions where redemption_id in (table same)`,
    [bigintArray(redemptionIds)],
  );
}

/** Restores baskets that are not here. Call it in a transaction. */
export async function restoreBaskets(db: Queryable, redemptionIds: readonly number[]): Promise<void> {
  for (const table of BASKET_TABLES) {
    const overriding = table === 'redemptions' ? 'overriding system value' : '';
    await db.query(
      `insert into ${table} ${overriding}
       select f.* from pg_temp.staged_rows s cross join lateral jsonb_populate_record(null::${table}, s.row) as f
        where s.redemption_id = any ($1::bigint[]) and s.name = $2
       on conflict do nothing`,
      [bigintArray(redemptionIds), table],
    );
  }
}
