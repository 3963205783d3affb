/**
 * What shops do with coupons in a run: baskets that are redeemed at once, or held and then redeemed, released or forgotten.
 * Drawn from a source of its own, so that everything else of a plan is what it was before there were shops.
 */
import type { Announced } from '../checks/checker-rows.ts';
import type { CheckedCoupon } from '../checks/checker-shop.ts';
import { Random } from '../kernel/random.ts';
import { BEGINNING_US, MS } from '../kernel/world.ts';

/** One basket. */
export interface Shopping {
  readonly atMs: number;
  readonly userId: string;
  /** Of a campaign: with the code that the user was granted by then, if any was. */
  readonly of: CheckedCoupon['of'];
  readonly quantity: number;
  readonly unitAmount: number;
  /** Undefined: it is redeemed at once. */
  readonly holdS: number | undefined;
  /** What comes of a hold. */
  readonly ending: 'commit' | 'release' | 'nothing';
  readonly endsAfterMs: number;
  /** Everything is asked at two gateways at once. */
  readonly isDoubled: boolean;
  readonly gateway: number;
}

export interface Shop {
  readonly coupons: readonly CheckedCoupon[];
  readonly shoppings: readonly Shopping[];
}

const SOURCE = 800_000_000;
export const NO_SHOP: Shop = { coupons: [], shoppings: [] };
const FIRST_MS = 150;
const LAST_MS = 2_500;

export function shopOf(seed: number, campaigns: readonly Announced[], gateways: number): Shop {
  const random = new Random(seed + SOURCE);
  if (!random.chance(0.12)) return NO_SHOP;
  const coupons = Array.from({ length: random.between(1, 2) }, (_, index) =>
    makeCoupon(random, { code: `SALE-${index + 1}` }),
  );
  for (const { campaignId, kind } of campaigns) {
    // A code that is granted is for one use.
    if (kind === 'coupon' && random.chance(0.6))
      coupons.push({ ...makeCoupon(random, { campaignId }), limitTotal: null, limitPerUser: 1 });
  }
  const rushMs = random.between(FIRST_MS, LAST_MS);
  const shoppings = coupons.flatMap(({ of }) => {
    const endMs = 'campaignId' in of ? endOf(campaigns, of.campaignId) : LAST_MS;
    return Array.from({ length: random.between(3, 8) }, (): Shopping => {
      const atMs = random.chance(0.6) ? rushMs + random.between(0, 30) : random.between(FIRST_MS, endMs);
      return makeShopping(random, { of, atMs, gateway: random.between(0, gateways - 1) });
    });
  });
  return { coupons, shoppings: shoppings.toSorted((a, b) => a.atMs - b.atMs) };
}

/** Codes are granted, and passed on, for a while. */
function endOf(campaigns: readonly Announced[], campaignId: number): number {
  const closesAtUs = campaigns.find(each => each.campaignId === campaignId)?.closesAtUs ?? BEGINNING_US;
  return (closesAtUs - BEGINNING_US) / MS + 1_500;
}

function makeCoupon(random: Random, of: CheckedCoupon['of']): CheckedCoupon {
  const limitTotal = random.chance(0.2) ? null : random.between(1, 4);
  const limitPerUser = random.pick([null, 1, 1, limitTotal]);
  return { of, basisPoints: random.pick([1, 1_000, 3_333, 10_000]), limitTotal, limitPerUser };
}

function makeShopping(random: Random, where: Pick<Shopping, 'of' | 'atMs' | 'gateway'>): Shopping {
  return {
    ...where,
    userId: `u${random.between(1, 5)}`,
    quantity: random.between(1, 3),
    unitAmount: random.between(1, 9_999),
    holdS: random.chance(0.65) ? 1 : undefined,
    ending: random.pick(['commit', 'commit', 'commit', 'release', 'nothing'] as const),
    // Some when the hold is nearly over, or is.
    endsAfterMs: random.chance(0.5) ? random.between(0, 500) : random.between(700, 1_300),
    isDoubled: random.chance(0.3),
  };
}
