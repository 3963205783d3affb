/**
 * For tests: a second implementation of pricing, in fractions and one minor unit after another, independent of ../pricing.ts.
 * It is slow, and plain enough to be compared with ../README.md by reading.
 */
import type { Basket, PricedCoupon } from '../pricing.ts';

interface Modelled {
  readonly discounts: readonly { readonly code: string; readonly amount: number }[];
  readonly lineTotals: readonly number[];
}

/** Undefined if the basket is refused. Ignores windows, minimums and stacking: all coupons may be combined. */
export function oneByOne(basket: Basket, coupons: readonly PricedCoupon[]): Modelled | undefined {
  const left = basket.lines.map(({ quantity, unitAmount }) => quantity * unitAmount);
  const goods = left.reduce((sum, amount) => sum + amount, 0);
  let shipping = basket.shipping;
  let mayGo = goods;
  for (const { terms } of coupons) {
    if (terms.stackCapBasisPoints === null) continue;
    let cap = 0;
    while ((cap + 1) * 10_000 <= goods * terms.stackCapBasisPoints) cap += 1;
    mayGo = Math.min(mayGo, cap);
  }
  const order = [...coupons].sort(
    (a, b) => a.terms.stackOrder - b.terms.stackOrder || a.couponId - b.couponId,
  );
  const discounts: { code: string; amount: number }[] = [];
  for (const { code, terms } of order) {
    const isFor = basket.lines.map(({ product, categories }) => {
      if (terms.products === null && terms.categories === null) return true;
      const byCategory = categories.filter(each => terms.categories?.includes(each));
      return byCategory.length > 0 || (terms.products ?? []).includes(product);
    });
    if (!isFor.includes(true)) return undefined;
    if (terms.discount.kind === 'free_shipping') {
      if (shipping === 0) return undefined;
      discounts.push({ code, amount: shipping });
      shipping = 0;
      continue;
    }
    const before = [...left];
    const base = before.reduce((sum, amount, index) => sum + (isFor[index] ? amount : 0), 0);
    let wanted = terms.discount.kind === 'fixed' ? terms.discount.amount : 0;
    if (terms.discount.kind === 'percentage') {
      const { basisPoints, most } = terms.discount;
      // The whole number nearest to the share; of two, the greater.
      while (
        Math.abs((wanted + 1) * 10_000 - base * basisPoints) <= Math.abs(wanted * 10_000 - base * basisPoints)
      ) {
        wanted += 1;
      }
      if (most !== null && wanted > most) wanted = most;
    }
    while (wanted > base || wanted > mayGo) wanted -= 1;
    if (wanted === 0) return undefined;
    // Whole units first, then one each to the lines with the largest remainders.
    const lacks = before.map((amount, index) => {
      const share = isFor[index] ? (amount * wanted) / base : 0;
      const whole = Math.floor((isFor[index] ? amount * wanted : 0) / base);
      left[index] = amount - whole;
      return { index, part: Math.round((share - whole) * base) };
    });
    let units = wanted - before.reduce((sum, amount, index) => sum + amount - (left[index] ?? 0), 0);
    for (; units > 0; units -= 1) {
      const next = lacks.reduce((best, each) => (each.part > best.part ? each : best));
      left[next.index] = (left[next.index] ?? 0) - 1;
      next.part = -1;
    }
    mayGo -= wanted;
    discounts.push({ code, amount: wanted });
  }
  return { discounts, lineTotals: left };
}
