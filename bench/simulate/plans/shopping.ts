/**
 * What shops do with coupons in a run: they redeem baskets at once, or hold them and then redeem, release or forget them; they
 * refund redemptions, in part or whole; they look codes up, and the operator changes the terms of codes. Drawn from separate
 * random sources, so that the rest of a plan stays as it was before there were shops.
 */

import type { CheckedCoupon, CouponTerms } from '../checks/checker-coupons.ts';
import type { Announced } from '../checks/checker-rows.ts';
import { Random } from '../kernel/random.ts';
import { BEGINNING_US, MS } from '../kernel/world.ts';

/** One basket. */
export interface Shopping {
  readonly atMs: number;
  readonly userId: string;
  /** Campaigns only: the code that the user was granted by then, if any. */
  readonly of: CheckedCoupon['of'];
  readonly quantity: number;
  readonly unitAmount: number;
  /** Undefined: it is redeemed at once. */
  readonly holdS: number | undefined;
  /** How the hold ends. */
  readonly ending: 'commit' | 'release' | 'nothing';
  readonly endsAfterMs: number;
  /** Every request goes to two gateways at once. */
  readonly isDoubled: boolean;
  readonly gateway: number;
  /** The refunds after the redemption, one after the other. */
  readonly refunds: readonly WantedBack[];
}

export interface WantedBack {
  readonly afterMs: number;
  /** Undefined: all that is left. */
  readonly quantity: number | undefined;
}

/** A look-up of a code. */
export interface CodeLook {
  readonly atMs: number;
  readonly userId: string;
  readonly of: CheckedCoupon['of'];
  readonly gateway: number;
}

/** The operator replaces the terms of a code. */
export interface TermsChange {
  readonly atMs: number;
  readonly code: string;
  readonly terms: CouponTerms;
}

export interface Shop {
  readonly coupons: readonly CheckedCoupon[];
  readonly shoppings: readonly Shopping[];
  readonly looks: readonly CodeLook[];
  readonly changes: readonly TermsChange[];
}

const SOURCE = 800_000_000;
const AFTER_SALES = 900_000_000;
export const NO_SHOP: Shop = { coupons: [], shoppings: [], looks: [], changes: [] };
const FIRST_MS = 150;
const LAST_MS = 2_500;

export function shopOf(seed: number, campaigns: readonly Announced[], gateways: number): Shop {
  const random = new Random(seed + SOURCE);
  if (!random.chance(0.12)) return NO_SHOP;
  const coupons = Array.from({ length: random.between(1, 2) }, (_, index) =>
    makeCoupon(random, { code: `SALE-${index + 1}` }),
  );
  for (const { campaignId, kind } of campaigns) {
    // A granted code is for one use.
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
  const shop = { ...NO_SHOP, coupons, shoppings: shoppings.toSorted((a, b) => a.atMs - b.atMs) };
  return withAfterSales(new Random(seed + AFTER_SALES), shop, gateways);
}

/** Only in some plans: the others stay as they were. */
function withAfterSales(random: Random, shop: Shop, gateways: number): Shop {
  if (!random.chance(0.5)) return shop;
  const shoppings = shop.shoppings.map(shopping => ({ ...shopping, refunds: makeRefunds(random) }));
  const times = shop.shoppings.map(({ atMs }) => atMs);
  const looks = Array.from({ length: random.between(4, 12) }, (): CodeLook => {
    const near = random.chance(0.7) ? random.pick(times) + random.between(-20, 400) : undefined;
    return {
      atMs: near ?? random.between(FIRST_MS, LAST_MS),
      userId: `u${random.between(1, 5)}`,
      of: random.pick(shop.coupons).of,
      gateway: random.between(0, gateways - 1),
    };
  });
  const changes = shop.coupons.flatMap(({ of }): TermsChange[] => {
    if (!('code' in of)) return [];
    return Array.from({ length: random.between(0, 3) }, () => {
      const { of: _, ...terms } = makeCoupon(random, of);
      return { atMs: random.between(FIRST_MS, LAST_MS), code: of.code, terms };
    });
  });
  return { ...shop, shoppings, looks, changes };
}

function makeRefunds(random: Random): WantedBack[] {
  return Array.from({ length: random.pick([0, 1, 1, 2, 3]) }, () => ({
    afterMs: random.between(0, 300),
    quantity: random.pick([undefined, 1, 1, 2]),
  }));
}

/** Codes are still granted, and passed on, for a while after the close. */
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
    // Some shortly before the hold lapses, some after.
    endsAfterMs: random.chance(0.5) ? random.between(0, 500) : random.between(700, 1_300),
    isDoubled: random.chance(0.3),
    refunds: [],
  };
}
