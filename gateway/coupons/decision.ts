/** What decide.ts may answer to a request of a shop, and why it refuses. */
import { type FieldFault, fieldFault, type ProblemSlug } from '../../engine/contract/api/problem.ts';
import type { CouponRefusal } from './pricing.ts';
import type { Redemption } from './redemption.ts';
import type { NothingLeft } from './refund.ts';

export type Decision =
  /** Done; `isNew` unless an earlier request did it. `refundNumber`: the number of the refund, from 1. */
  | {
      readonly state: 'done';
      readonly isNew: boolean;
      readonly redemption: Redemption;
      readonly refundNumber: number | undefined;
    }
  | { readonly state: 'refused'; readonly refusals: readonly CouponRefusal[] }
  | { readonly state: 'nothing left'; readonly faults: readonly NothingLeft[] }
  | {
      readonly state: 'problem';
      readonly slug: ProblemSlug;
      readonly detail: string;
      readonly fault: FieldFault;
    }
  /** The terms have changed since the basket was priced: it must be priced again. */
  | { readonly state: 'stale' };

/** `value` of the field is, or leads to, the user. */
export function blockedUser(value: string | number, field: 'user' | 'reservation'): Decision {
  const detail = 'The user is blocked and cannot redeem. What is redeemed stays.';
  const fault = fieldFault(field, value, 'one of a user whom the operator has not blocked');
  return { state: 'problem', slug: 'blocked', detail, fault };
}

export function disabledCode(code: string): CouponRefusal {
  return { code, reason: 'disabled', expected: 'a code that the operator has not disabled' };
}

export function unknownReservation(redemptionId: number): Decision {
  return problemOf(
    redemptionId,
    'unknown-reservation',
    `Reservation ${redemptionId} does not exist.`,
    'the id of an existing reservation',
  );
}

export function alreadyRedeemed(redemptionId: number): Decision {
  return problemOf(
    redemptionId,
    'already-redeemed',
    `Reservation ${redemptionId} was already redeemed.`,
    'a held reservation; a refund returns the uses of a redemption',
  );
}

export function over(redemptionId: number, state: string): Decision {
  return problemOf(
    redemptionId,
    'reservation-over',
    `Reservation ${redemptionId} is ${state}: its uses were returned.`,
    'a held reservation; reserve again or redeem the basket itself',
  );
}

function problemOf(redemptionId: number, slug: ProblemSlug, detail: string, expected: string): Decision {
  return { state: 'problem', slug, detail, fault: fieldFault('reservation', redemptionId, expected) };
}
