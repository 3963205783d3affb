/** Bugs in how shops use coupons. */
import type { Mutation } from '../mutation.ts';

export const REDEMPTION_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a use is held against the request that has made it at another gateway',
    file: 'gateway/coupons/transaction.ts',
    from: 'if (isRefused && (await readShopRequests(db, keys)).size > requests.size) throw new KeyTaken();',
    to: '',
    seed: 64,
  },
  {
    name: 'what was asked under a key is done again',
    file: 'gateway/coupons/decide.ts',
    from: 'if (request !== undefined && before !== undefined) return this.#again(request, before);',
    to: '',
  },
  {
    name: 'a key that another transaction took is taken once more',
    file: 'gateway/coupons/transaction.ts',
    from: 'if (!(await insertShopRequests(db, decided.requests))) throw new KeyTaken();',
    to: 'await insertShopRequests(db, decided.requests);',
    seed: 165,
  },
  {
    name: 'coupons are used without their rows',
    file: 'gateway/coupons/transaction.ts',
    from: 'if (couponIds.length > 0) await lockCoupons(db, couponIds);',
    to: '',
    seed: 24,
  },
  {
    name: 'a coupon is used once more than its limit for a user',
    file: 'gateway/coupons/decide.ts',
    from: 'byUser >= limitPerUser',
    to: 'byUser > limitPerUser',
  },
  {
    name: 'a hold that has lapsed is redeemed',
    file: 'gateway/coupons/decide.ts',
    from: "if (state !== 'held') return over(redemptionId, state);",
    to: '',
    seed: 13,
  },
  {
    name: 'a hold that is released goes on counting',
    file: 'gateway/coupons/decide.ts',
    from: 'for (const { couponId } of held.uses) this.#count(couponId, held.userId, -1);',
    to: '',
  },
  {
    name: 'what is decided of a hold is not written',
    file: 'gateway/coupons/transaction.ts',
    from: 'await commitHolds(db, decided.committed, nowMs);',
    to: '',
  },
];
