/** What is left of a coupon's terms under an operator's restriction: of each limit, the stricter one. */
import type { Restriction, Terms } from '../../../sql/statements/coupons/coupon-terms.ts';

export function allowedTerms(terms: Terms, restriction: Restriction | null): Terms {
  if (restriction === null) return terms;
  return {
    ...terms,
    validUntilMs: leastOf(terms.validUntilMs, restriction.endsAtMs),
    limitTotal: leastOf(terms.limitTotal, restriction.limitTotal),
    limitPerUser: leastOf(terms.limitPerUser, restriction.limitPerUser),
  };
}

/** Null: no limit. */
function leastOf(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}
