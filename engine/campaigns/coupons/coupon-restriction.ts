/**
 * What an operator allows of a coupon besides its terms, also while it is in use.
 *
 * The ledger decides each use under the lock of the coupon's row, so a restriction holds for all gateways once its transaction
 * has committed: a basket priced before is priced again. Copies that gateways show lag as after any change of a coupon
 * (gateway/coupons/README.md).
 */
import { type Pool, transaction } from '../../../sql/database.ts';
import type { Restriction } from '../../../sql/statements/coupons/coupon-terms.ts';
import { type Coupon, getCoupon, restrictCoupon } from '../../../sql/statements/coupons/coupons.ts';
import { lockCoupons } from '../../../sql/statements/coupons/redemptions.ts';
import { isoOfMs } from '../../contract/api/instants.ts';
import { type Actor, noteAct } from '../../operators/acts.ts';
import { preconditionFailed } from '../precondition.ts';
import { couponName } from './coupon-terms.ts';

/**
 * Sets the restriction of a coupon that exists in place of the previous one; one that restricts nothing lifts it. `version`: the
 * revision that the change is based on, undefined for any. Throws Problem precondition-failed if the current one is another.
 */
export async function restrict(
  pool: Pool,
  couponId: number,
  wanted: Restriction,
  version: number | undefined,
  actor: Actor,
): Promise<Coupon> {
  return await transaction(pool, async db => {
    await lockCoupons(db, [couponId]);
    const before = await getCoupon(db, couponId);
    if (before !== undefined && version !== undefined && before.revision !== version)
      throw preconditionFailed(`"${version}"`, { version: before.revision }, couponName(couponId));
    const changed = await restrictCoupon(db, couponId, isEmpty(wanted) ? null : wanted);
    if (before === undefined || changed === undefined) throw new Error(`coupon ${couponId} does not exist`);
    const { reason } = wanted;
    const details = {
      campaign: changed.campaignId,
      version: changed.revision,
      from: before.restriction && limitsJson(before.restriction),
      to: changed.restriction && limitsJson(changed.restriction),
    };
    await noteAct(db, actor, { target: `coupon ${couponId}`, reason, details });
    return changed;
  });
}

function isEmpty({ disabled, endsAtMs, limitTotal, limitPerUser }: Restriction): boolean {
  return !disabled && endsAtMs === null && limitTotal === null && limitPerUser === null;
}

/** Under the names of the API. */
export function restrictionJson(restriction: Restriction) {
  return { ...limitsJson(restriction), reason: restriction.reason };
}

function limitsJson({ disabled, endsAtMs, limitTotal, limitPerUser }: Restriction) {
  return {
    disabled,
    ...(endsAtMs === null ? {} : { ends_at: isoOfMs(endsAtMs) }),
    ...(limitTotal === null ? {} : { limit_total: limitTotal }),
    ...(limitPerUser === null ? {} : { limit_per_user: limitPerUser }),
  };
}
