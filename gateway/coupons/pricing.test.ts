import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_AMOUNT, type Terms } from '../../engine/contract/coupons/terms.ts';
import { type Basket, type PricedCoupon, type Pricing, price } from './pricing.ts';
import { oneByOne } from './testing/pricing-model.ts';
import { termsOf } from './testing/terms.ts';

const NOW = Date.UTC(2030, 0, 1);

function coupon(couponId: number, changes: Partial<Terms>): PricedCoupon {
  return { code: `C${couponId}`, couponId, terms: termsOf(changes) };
}

function basket(lines: readonly (readonly [string, number, number])[], shipping = 0): Basket {
  return {
    currency: 'EUR',
    lines: lines.map(([product, quantity, unitAmount]) => ({
      product,
      categories: [`of-${product}`],
      quantity,
      unitAmount,
    })),
    shipping,
  };
}

function priced(of: Basket, ...coupons: readonly PricedCoupon[]): Pricing {
  const result = price(of, coupons, NOW);
  assert.ok(result.ok, JSON.stringify(result));
  return result.pricing;
}

function reasonsFor(of: Basket, ...coupons: readonly PricedCoupon[]): readonly string[] {
  const result = price(of, coupons, NOW);
  assert.ok(!result.ok, JSON.stringify(result));
  return result.refusals.map(({ code, reason }) => `${code} ${reason}`);
}

test('rounds a percentage once, half up, and divides it over the lines', () => {
  const { discounts, lineTotals, total } = priced(
    basket([
      ['a', 1, 333],
      ['b', 1, 333],
      ['c', 1, 339],
    ]),
    coupon(1, {}),
  );
  assert.equal(discounts[0]?.amount, 101, '100.5, half up');
  assert.deepEqual(discounts[0]?.lines, [34, 33, 34]);
  assert.deepEqual([lineTotals, total], [[299, 300, 305], 904]);
});

test('a scope selects lines by product or by category', () => {
  const of = basket([
    ['a', 2, 500],
    ['b', 1, 1_000],
    ['c', 1, 1_000],
  ]);
  assert.deepEqual(
    priced(of, coupon(1, { products: ['a'], categories: ['of-c'] })).lineTotals,
    [900, 1_000, 900],
  );
  assert.deepEqual(reasonsFor(of, coupon(1, { products: ['d'] })), ['C1 out_of_scope']);
});

test('applies coupons in order, each to what is left', () => {
  const of = basket([['a', 1, 10_000]]);
  const fixed = { discount: { kind: 'fixed', amount: 1_000 }, currency: 'EUR' } as const;
  const first = priced(of, coupon(1, { stackOrder: 1 }), coupon(2, fixed));
  assert.deepEqual(
    first.discounts.map(({ code, amount }) => [code, amount]),
    [
      ['C2', 1_000],
      ['C1', 900],
    ],
  );
  assert.equal(priced(of, coupon(1, {}), coupon(2, fixed)).total, 8_000, 'among equals, the oldest');
});

test('bounds: the maximum of a percentage, the cost of the lines, and the cap on the total', () => {
  const of = basket([['a', 1, 1_001]], 499);
  const most = coupon(1, {
    discount: { kind: 'percentage', basisPoints: 5_000, most: 100 },
    currency: 'EUR',
  });
  assert.equal(priced(of, most).total, 1_400);
  const fixed = coupon(2, { discount: { kind: 'fixed', amount: 5_000 }, currency: 'EUR' });
  assert.equal(priced(of, fixed).total, 499, 'it excludes shipping');
  const capped = coupon(3, { stackCapBasisPoints: 2_500, stackOrder: 1 });
  const shipping = coupon(4, { discount: { kind: 'free_shipping' } });
  const { discounts, total } = priced(of, most, capped, coupon(5, { stackOrder: 2 }), shipping);
  assert.deepEqual(
    discounts.map(({ amount }) => amount),
    [100, 499, 90, 60],
    'a quarter of 1,001 rounded down, less earlier discounts, without free shipping',
  );
  assert.equal(total, 751);
});

test('reports every reason to refuse a coupon, all at once', () => {
  const of = basket([['a', 1, 1_000]]);
  const early = coupon(1, { validFromMs: NOW + 1 });
  const late = coupon(2, { validUntilMs: NOW });
  const foreign = coupon(3, { discount: { kind: 'fixed', amount: 1 }, currency: 'USD' });
  const small = coupon(4, { minimumBasket: 1_001, currency: 'EUR' });
  assert.deepEqual(reasonsFor(of, early, late, foreign, small), [
    'C1 not_yet_valid',
    'C2 no_longer_valid',
    'C3 currency',
    'C4 below_minimum',
  ]);
  assert.equal(priced(of, coupon(1, { validFromMs: NOW, validUntilMs: NOW + 1 })).total, 900);
  assert.equal(priced(of, coupon(4, { minimumBasket: 1_000, currency: 'EUR' })).total, 900);
  assert.deepEqual(reasonsFor(of, coupon(1, { exclusive: true }), coupon(2, {})), ['C2 not_stackable']);
  assert.equal(priced(of, coupon(1, { exclusive: true })).total, 900);
  assert.deepEqual(reasonsFor(of, coupon(1, { discount: { kind: 'free_shipping' } })), [
    'C1 takes_nothing_off',
  ]);
  const all = coupon(1, { discount: { kind: 'percentage', basisPoints: 10_000, most: null } });
  assert.deepEqual(reasonsFor(of, all, coupon(2, {})), ['C2 takes_nothing_off']);
});

const anyTerms = fc.record({
  discount: fc.oneof(
    fc.record({
      kind: fc.constant('percentage' as const),
      basisPoints: fc.integer({ min: 1, max: 10_000 }),
      most: fc.option(fc.integer({ min: 1, max: 2_000 })),
    }),
    fc.record({ kind: fc.constant('fixed' as const), amount: fc.integer({ min: 1, max: 2_000 }) }),
    fc.constant({ kind: 'free_shipping' as const }),
  ),
  products: fc.option(fc.subarray(['a', 'b', 'c'], { minLength: 1 })),
  categories: fc.option(fc.subarray(['of-a', 'of-b', 'of-c'], { minLength: 1 })),
  stackOrder: fc.integer({ min: -2, max: 2 }),
  stackCapBasisPoints: fc.option(fc.integer({ min: 1, max: 10_000 })),
});
const anyBasket = fc
  .record({
    lines: fc.array(
      fc.tuple(
        fc.constantFrom('a', 'b', 'c'),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 999 }),
      ),
      { minLength: 1, maxLength: 6 },
    ),
    shipping: fc.integer({ min: 0, max: 500 }),
  })
  .map(({ lines, shipping }) => basket(lines, shipping));

test('matches the model for any basket and coupons, and the parts sum to the total', () => {
  let pricedOnes = 0;
  fc.assert(
    fc.property(anyBasket, fc.array(anyTerms, { minLength: 1, maxLength: 4 }), (of, terms) => {
      const coupons = terms.map((each, index) => coupon(index + 1, { currency: 'EUR', ...each }));
      const result = price(of, coupons, NOW);
      const expected = oneByOne(of, coupons);
      assert.equal(result.ok, expected !== undefined);
      if (!result.ok || expected === undefined) return;
      pricedOnes += 1;
      const { pricing } = result;
      assert.deepEqual(
        pricing.discounts.map(({ code, amount }) => ({ code, amount })),
        expected.discounts,
      );
      assert.deepEqual(pricing.lineTotals, expected.lineTotals);
      balance(of, pricing);
    }),
    { numRuns: 3_000 },
  );
  assert.ok(pricedOnes > 500, `${pricedOnes} baskets were priced`);
});

test('matches the model for every small basket with two coupons', () => {
  const shares = [1, 3_333, 5_000, 10_000].map(
    basisPoints => ({ kind: 'percentage', basisPoints, most: null }) as const,
  );
  const fixed = [1, 2].map(amount => ({ kind: 'fixed', amount }) as const);
  const discounts = [...shares, ...fixed, { kind: 'free_shipping' } as const];
  for (const one of discounts) {
    for (const two of discounts) {
      for (const cap of [null, 5_000]) {
        for (let code = 0; code < 4 ** 3 * 2; code++) {
          const amounts = [code % 4, Math.floor(code / 4) % 4, Math.floor(code / 16) % 4];
          const of = basket(
            amounts.map((amount, index) => ['abc'[index] ?? 'a', 1, amount] as const),
            code >= 64 ? 1 : 0,
          );
          const coupons = [
            coupon(1, { discount: one, currency: 'EUR', stackCapBasisPoints: cap }),
            coupon(2, { discount: two, currency: 'EUR', products: ['a', 'b'] }),
          ];
          const result = price(of, coupons, NOW);
          const expected = oneByOne(of, coupons);
          assert.equal(result.ok, expected !== undefined);
          if (result.ok) assert.deepEqual(result.pricing.lineTotals, expected?.lineTotals);
        }
      }
    }
  }
});

test('computes the largest amounts exactly', () => {
  const of = basket([
    ['a', 1, MAX_AMOUNT - 1],
    ['b', 1, 1],
  ]);
  balance(of, priced(of, coupon(1, { discount: { kind: 'percentage', basisPoints: 9_999, most: null } })));
});

/** The parts sum to the whole, along the lines and along the coupons. */
function balance(of: Basket, { subtotal, discounts, lineTotals, shippingTotal, total }: Pricing): void {
  const sum = (amounts: readonly number[]): number => amounts.reduce((whole, part) => whole + part, 0);
  assert.equal(subtotal, sum(of.lines.map(({ quantity, unitAmount }) => quantity * unitAmount)));
  assert.equal(total, sum(lineTotals) + shippingTotal);
  assert.equal(total, subtotal + of.shipping - sum(discounts.map(({ amount }) => amount)));
  for (const { amount, lines, shipping } of discounts) assert.equal(amount, sum(lines) + shipping);
  for (const [index, { quantity, unitAmount }] of of.lines.entries()) {
    const off = sum(discounts.map(({ lines }) => lines[index] ?? 0));
    assert.equal(lineTotals[index], quantity * unitAmount - off);
    assert.ok((lineTotals[index] ?? -1) >= 0);
  }
}
