/** For tests: terms with defaults, so that a test names only those that it is about. */
import type { Terms } from '../../../engine/contract/coupons/terms.ts';

/** Ten percent off everything, for everybody, without any limit. */
export function termsOf(changes: Partial<Terms>): Terms {
  return {
    discount: { kind: 'percentage', basisPoints: 1_000, most: null },
    currency: null,
    validFromMs: null,
    validUntilMs: null,
    minimumBasket: null,
    products: null,
    categories: null,
    limitTotal: null,
    limitPerUser: null,
    stackClass: null,
    exclusive: false,
    stackableWith: null,
    stackOrder: 0,
    stackCapBasisPoints: null,
    ...changes,
  };
}
