/** Deletes baskets from the ledger, or restores them, some at a time and each whole. */
import { type Connection, transactionOn } from '../../sql/database.ts';
import {
  deleteBaskets,
  lockBaskets,
  nextStaged,
  restoreBaskets,
} from '../../sql/statements/campaigns/archived-baskets.ts';

/** Their coupons are locked during a transaction: shops that use one of them wait. */
const BASKETS_AT_ONCE = 500;

/** Deletes every staged basket that is in the ledger exactly as it is in the file. */
export async function letGoOfBaskets(writer: Connection): Promise<void> {
  await eachPage(writer, async (db, redemptionIds) => {
    await lockBaskets(db, redemptionIds);
    await deleteBaskets(db, redemptionIds);
  });
}

/** Restores every staged basket that is not in the ledger. */
export async function putBasketsBack(writer: Connection): Promise<void> {
  await eachPage(writer, restoreBaskets);
}

async function eachPage(
  writer: Connection,
  work: (db: Connection, redemptionIds: readonly number[]) => Promise<void>,
): Promise<void> {
  for (let after = -1; ; ) {
    const page = await nextStaged(writer, after, BASKETS_AT_ONCE);
    const last = page.at(-1);
    if (last === undefined) return;
    await transactionOn(writer, db => work(db, page));
    after = last;
  }
}
