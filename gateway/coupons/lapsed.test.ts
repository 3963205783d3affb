/** Many holds lapse at once: they are given back in bounded transactions, and nothing is decided while some still count. */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { quiet } from '../../engine/test/gateway.ts';
import { type TestDatabase, testDatabase } from '../../engine/test/support.ts';
import { openPool, type Pool, type Queryable } from '../../sql/database.ts';
import { createCoupon } from '../../sql/statements/coupons/coupons.ts';
import { LAPSED_AT_ONCE } from '../../sql/statements/coupons/redemptions.ts';
import { Ledger, LedgerUnavailable } from '../cold/ledger.ts';
import { EVERYTHING } from '../shops/caller.ts';
import { type RedemptionAnswer, RedemptionBatcher } from './redemption-batcher.ts';
import { termsOf } from './testing/terms.ts';

const CODE = 'HELD';

/** Counts transactions, and breaks off the one with the number `lost`. */
class CountingLedger extends Ledger {
  changes = 0;
  lost: number | undefined;

  override change<T>(work: (db: Queryable) => Promise<T>): Promise<T> {
    this.changes += 1;
    const isLost = this.changes === this.lost;
    return super.change(async db => {
      const result = await work(db);
      if (isLost) throw new Error('lost on purpose');
      return result;
    });
  }
}

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await testDatabase();
  pool = openPool(database.url, { max: 2, applicationName: 'test', onError: () => undefined });
});
after(async () => {
  await pool.end();
  await database.drop();
});

/** A coupon whose uses are all held, each by another user, by holds that have lapsed. */
async function allHeld(count: number): Promise<number> {
  const code = `${CODE}-${count}`;
  const { couponId } = await createCoupon(pool, { code }, termsOf({ limitTotal: count, limitPerUser: 1 }));
  await pool.query(
    `with made as (
       insert into redemptions (user_id, state, basket, pricing, created_at, expires_at)
       select 'user-' || n, 'held', '{}', '{}', now() - interval '1 hour', now() - n * interval '1 ms'
         from generate_series(1, $2::integer) as n returning redemption_id, user_id, expires_at),
     used as (
       insert into redemption_uses (redemption_id, coupon_id, code, user_id, held_until)
       select redemption_id, $1, $3, user_id, expires_at from made)
     update coupons set used_count = $2 where coupon_id = $1`,
    [couponId, count, code],
  );
  return couponId;
}

function ledgerOf(): CountingLedger {
  return new CountingLedger({ databaseUrl: database.url, timeoutMs: 20_000, log: quiet });
}

function use(redemptionBatcher: RedemptionBatcher, count: number, userId: string): Promise<RedemptionAnswer> {
  const line = { product: 'shoe', categories: [], quantity: 1, unitAmount: 1_000 };
  const basket = { currency: 'EUR', lines: [line], shipping: 0 };
  const wanted = { kind: 'use' as const, userId, basket, codes: [`${CODE}-${count}`], holdMs: undefined };
  return redemptionBatcher.ask({ caller: EVERYTHING, request: undefined, wanted });
}

/** The counter of uses, the number of uses that count, and how many of those are lapsed holds. */
async function usesOf(couponId: number): Promise<readonly number[]> {
  const { rows } = await pool.query<{ counted: number; count: number; held: number }>(
    `select used_count as counted, count(u) filter (where given_back_at is null) as count, count(held_until) as held
       from coupons left join redemption_uses u using (coupon_id) where coupon_id = $1 group by used_count`,
    [couponId],
  );
  return rows.flatMap(({ counted, count, held }) => [counted, count, held]);
}

test('returns many expired holds over several transactions, then decides the use', async t => {
  const count = 2 * LAPSED_AT_ONCE + 10;
  const couponId = await allHeld(count);
  const ledger = ledgerOf();
  t.after(() => ledger.close());
  const redemptionBatcher = new RedemptionBatcher({ ledger, onTold: () => undefined });
  // A user whose hold has lapsed may use the coupon like anybody else.
  const answers = await Promise.all(
    ['user-1', 'user-2', 'late'].map(user => use(redemptionBatcher, count, user)),
  );
  deepEqual(
    answers.map(({ state }) => state),
    ['done', 'done', 'done'],
  );
  deepEqual(await usesOf(couponId), [3, 3, 0]);
  // Requests that arrived meanwhile were decided with the first one, in the third transaction.
  equal(ledger.changes, 3);
});

test('after a failure midway, the next request continues', async t => {
  const count = 10;
  const couponId = await allHeld(count);
  const ledger = ledgerOf();
  t.after(() => ledger.close());
  const redemptionBatcher = new RedemptionBatcher({ ledger, onTold: () => undefined, lapsedAtOnce: 4 });
  ledger.lost = 2;
  await rejects(use(redemptionBatcher, count, 'early'), LedgerUnavailable);
  deepEqual(await usesOf(couponId), [count - 4, count - 4, count - 4]);
  // Like another gateway, which knows nothing of the first one.
  const other = ledgerOf();
  t.after(() => other.close());
  const another = new RedemptionBatcher({ ledger: other, onTold: () => undefined, lapsedAtOnce: 4 });
  equal((await use(another, count, 'late')).state, 'done');
  deepEqual(await usesOf(couponId), [1, 1, 0]);
});
