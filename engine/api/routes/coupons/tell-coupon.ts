import type { ApiDeps } from '../../deps.ts';

/** Tells gateways to look at a coupon again. Never rejects. */
export async function tellCouponChanged(deps: ApiDeps, couponId: number): Promise<void> {
  await deps.couponsChanged([couponId]).catch((error: unknown) => {
    // Copies expire by themselves, a second from now.
    deps.log.warn({ err: error, couponId }, 'cannot tell the gateways about a changed coupon');
  });
}
