/** Redemptions while their user is being blocked: the ledger puts the two in an order, whatever gateways know. */
import { deepEqual, equal } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, type TestDatabase, testDatabase } from '../../engine/test/support.ts';
import { type Connection, openPool, type Pool, transaction } from '../../sql/database.ts';
import { createCoupon } from '../../sql/statements/coupons/coupons.ts';
import { insertBlock } from '../../sql/statements/operators/blocks.ts';
import { EVERYTHING } from '../shops/caller.ts';
import { termsOf } from './testing/terms.ts';
import { decideBatch } from './transaction.ts';

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await testDatabase();
  pool = openPool(database.url, { max: 4, applicationName: 'test', onError: () => undefined });
});
after(async () => {
  await pool.end();
  await database.drop();
});

/** Redeems a coupon of its own, and commits once `isDone` has come. */
async function redeem(userId: string, code: string, isDone: Promise<void>): Promise<string | undefined> {
  const line = { product: 'shoe', categories: [], quantity: 1, unitAmount: 1_000 };
  const basket = { currency: 'EUR', lines: [line], shipping: 0 };
  const wanted = { kind: 'use' as const, userId, basket, codes: [code], holdMs: undefined };
  await createCoupon(pool, { code }, termsOf({}));
  return await transaction(pool, async (db: Connection) => {
    const batch = [{ caller: EVERYTHING, request: undefined, wanted }];
    const result = await decideBatch(db, batch, 1_000);
    await isDone;
    return result?.decisions[0]?.state;
  });
}

/** Resolves once that many wait for a lock of the ledger that is no row's. */
async function waiting(count: number): Promise<void> {
  await eventually(
    async () => {
      const { rowCount } = await pool.query(
        `select from pg_locks where locktype = 'advisory' and not granted
                                and database = (select oid from pg_database where datname = current_database())`,
      );
      return rowCount === count;
    },
    { timeoutMs: 10_000 },
  );
}

test('a block is made after the redemptions that did not see it, and before all others', async () => {
  let [commit, isBlocked] = [(): void => undefined, false];
  const earlier = redeem(
    'eve',
    'EARLIER',
    new Promise(resolve => {
      commit = resolve;
    }),
  );
  await eventually(async () => {
    const { rowCount } = await pool.query(
      `select from pg_locks where locktype = 'advisory' and mode = 'ShareLock'
                              and database = (select oid from pg_database where datname = current_database())`,
    );
    return rowCount === 1;
  });
  const block = insertBlock(pool, { userId: 'eve' }, { reason: 'A script', madeBy: 'ann' }).then(() => {
    isBlocked = true;
  });
  await waiting(1);
  const later = redeem('eve', 'LATER', Promise.resolve());
  await waiting(2);
  equal(isBlocked, false);
  commit();
  deepEqual(await Promise.all([earlier, block, later]), ['done', undefined, 'problem']);
  const { rows } = await pool.query<{ isBefore: boolean }>(
    `select redeemed_at <= made_at as "isBefore" from redemptions join blocks using (user_id) where user_id = 'eve'`,
  );
  deepEqual(rows, [{ isBefore: true }], 'one redemption, from before');
  equal(await redeem('fay', 'OTHER', Promise.resolve()), 'done');
});
