/** Calls on coupons. */
import type { Terms } from '../../../../../engine/contract/coupons/terms.ts';
import {
  changeCoupon,
  getCoupon,
  isGrantedCode,
  readCodeNow,
  readCodes,
} from '../../../../../sql/statements/coupons/coupons.ts';
import {
  addUses,
  commitHolds,
  giveBackLapsed,
  insertRedemptions,
  insertRefunds,
  insertShopRequests,
  lockCoupons,
  lockGrantCodes,
  readRedemptions,
  readShopRequests,
  readUserUses,
  releaseHolds,
} from '../../../../../sql/statements/coupons/redemptions.ts';
import type { Random } from '../../../kernel/random.ts';
import { type Call, OPENS_MS } from './sides.ts';

export const TERMS: Terms = {
  ...{
    discount: { kind: 'percentage', basisPoints: 1_000, most: null },
    currency: null,
    minimumBasket: null,
  },
  ...{ validFromMs: null, validUntilMs: null, products: null, categories: null, limitTotal: 3 },
  ...{ limitPerUser: 1, stackClass: null, exclusive: false, stackableWith: null, stackOrder: 0 },
  stackCapBasisPoints: null,
};

/** Calls on a public code, and on the codes of a campaign. Holds lapsed long ago, or will long after the test. */
export function couponCalls(random: Random, number: number, user: () => string): readonly Call[] {
  const couponIds = random.pick([[1], [2], [1, 2]]);
  const redemptionId = random.between(Math.max(1, number - 60), number);
  const key = `key ${random.between(1, 30)}`;
  const expiresAtMs = random.pick([undefined, OPENS_MS, OPENS_MS * 2]);
  const code = random.pick(['SALE-1', 'SALE-1', `granted ${redemptionId}`]);
  const uses = couponIds.map(couponId => ({ couponId, code }));
  const made = { redemptionId: number, userId: user(), basket: '{}', pricing: '{}', expiresAtMs, uses };
  const refundNumber = random.between(1, 2);
  const request = {
    key,
    hash: Buffer.alloc(32),
    redemptionId,
    refundNumber: random.pick([null, refundNumber]),
  };
  return [
    db => readCodes(db, ['SALE-1', code]).then(({ known }) => [...known.values()]),
    db => isGrantedCode(db, code),
    db => lockCoupons(db, couponIds),
    async db => {
      const { more, uses } = await giveBackLapsed(db, couponIds, 1, random.between(1, 3));
      return { more, uses: uses.map(({ couponId, revision, used }) => ({ couponId, revision, used })) };
    },
    db => readUserUses(db, [{ couponId: 1, userId: user() }]),
    db => lockGrantCodes(db, [code]).then(holders => [...holders]),
    db => readShopRequests(db, [key, 'key 1']).then(known => [...known.values()]),
    db => insertRedemptions(db, [made], OPENS_MS),
    db => insertRedemptions(db, [made], OPENS_MS),
    db => addUses(db, new Map([[random.pick([1, 2]), random.pick([-1, 1, 1])]])),
    db => commitHolds(db, [redemptionId], OPENS_MS),
    db => releaseHolds(db, [redemptionId], OPENS_MS),
    async db => {
      const { rows } = await readRedemptions(db, [redemptionId, number - 1]);
      return [...rows.values()].map(row => ({
        ...row,
        refunds: row.refunds.map(each => ({ ...each, refundedAt: new Date(each.refundedAt) })),
        nowMs: undefined,
      }));
    },
    db => insertRefunds(db, [{ redemptionId, refundNumber, refund: '{}', givenBack: couponIds }], OPENS_MS),
    db => changeCoupon(db, random.pick([1, 2]), { ...TERMS, limitTotal: random.pick([null, 1, 2, 5]) }),
    db => getCoupon(db, random.between(1, 3)),
    db => readCodeNow(db, code),
    db => insertShopRequests(db, [request]),
  ];
}
