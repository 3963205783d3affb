/** Bugs in how shops use coupons. */
import type { Mutation } from '../mutation.ts';

export const REDEMPTION_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a request is refused because of its own use at another gateway',
    file: 'gateway/coupons/transaction.ts',
    from: 'if (isRefused && (await readShopRequests(db, keys)).size > requests.size) throw new KeyTaken();',
    to: '',
    seed: 77,
  },
  {
    name: 'a request is carried out again under the same key',
    file: 'gateway/coupons/decide.ts',
    from: 'if (request !== undefined && before !== undefined) return this.#again(request, before);',
    to: '',
  },
  {
    name: 'a key that another transaction has used is used again',
    file: 'gateway/coupons/transaction.ts',
    from: 'if (!(await insertShopRequests(db, decided.requests))) throw new KeyTaken();',
    to: 'await insertShopRequests(db, decided.requests);',
    seed: 201,
  },
  {
    name: 'coupons are used without a lock on their rows',
    file: 'gateway/coupons/transaction.ts',
    from: 'if (couponIds.length > 0) await lockCoupons(db, couponIds);',
    to: '',
    seed: 498,
  },
  {
    name: "a user exceeds a coupon's limit by one",
    file: 'gateway/coupons/decide.ts',
    from: 'byUser >= limitPerUser',
    to: 'byUser > limitPerUser',
  },
  {
    name: 'a lapsed hold is redeemed',
    file: 'gateway/coupons/decide.ts',
    from: "if (state !== 'held') return over(redemptionId, state);",
    to: '',
    seed: 13,
  },
  {
    name: 'a released hold still counts',
    file: 'gateway/coupons/decide.ts',
    from: 'for (const { couponId } of held.uses) this.#count(couponId, held.userId, -1);',
    to: '',
  },
  {
    name: 'the decision about a hold is not written',
    file: 'gateway/coupons/transaction.ts',
    from: 'await commitHolds(db, decided.committed, nowMs);',
    to: '',
  },
];
