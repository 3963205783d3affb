import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Basket, type Pricing, price } from './pricing.ts';
import { isRefunded, type Refund, refund, type Sold } from './refund.ts';
import { termsOf } from './testing/terms.ts';

/** Three lines and shipping; A takes 10% off the first, B free shipping, C a third off everything. */
function sold(quantities: readonly number[] = [3, 2, 1]): Sold {
  const basket: Basket = {
    currency: 'EUR',
    lines: quantities.map((quantity, index) => ({
      product: `p${index + 1}`,
      categories: [],
      quantity,
      unitAmount: 333 + index,
    })),
    shipping: 490,
  };
  const coupons = [
    { code: 'A', couponId: 1, terms: termsOf({ products: ['p1'] }) },
    { code: 'B', couponId: 2, terms: termsOf({ discount: { kind: 'free_shipping' } }) },
    {
      code: 'C',
      couponId: 3,
      terms: termsOf({ discount: { kind: 'percentage', basisPoints: 3_333, most: null } }),
    },
  ];
  const result = price(basket, coupons, 0);
  assert.ok(result.ok);
  return { basket, pricing: result.pricing, refunds: [] };
}

function made(of: Sold, ...wanted: Parameters<typeof refund>[1][]): { sold: Sold; last: Refund } {
  let after = of;
  let last: Refund | undefined;
  for (const each of wanted) {
    const one = refund(after, each);
    assert.ok('amount' in one, JSON.stringify(one));
    after = { ...after, refunds: [...after.refunds, one] };
    last = one;
  }
  assert.ok(last !== undefined);
  return { sold: after, last };
}

function faults(of: Sold, wanted: Parameters<typeof refund>[1]): readonly string[] {
  const one = refund(of, wanted);
  assert.ok(!('amount' in one));
  return one.map(({ field }) => field);
}

test('a full refund returns the whole price and every use', () => {
  const of = sold();
  const { sold: after, last } = made(of, undefined);
  assert.equal(last.amount, of.pricing.total);
  assert.deepEqual(last.givenBack, ['A', 'B', 'C']);
  assert.ok(isRefunded(after));
  assert.deepEqual(faults(after, undefined), ['lines']);
});

test('returns a use with the last line that the coupon discounted', () => {
  const first = { lines: [{ line: 1, quantity: 2 }], shipping: false };
  const rest = { lines: [{ line: 1, quantity: 1 }], shipping: false };
  const { sold: after, last } = made(sold(), first);
  assert.deepEqual(last.givenBack, []);
  assert.deepEqual(made(after, rest).last.givenBack, ['A']);
  assert.deepEqual(made(after, { lines: [], shipping: true }).last.givenBack, ['B']);
  assert.deepEqual(made(after, rest, undefined).last.givenBack, ['B', 'C']);
  assert.ok(!isRefunded(made(after, rest).sold));
});

test('refuses more than is left, a line given twice, and unknown lines', () => {
  const { sold: after } = made(sold(), { lines: [{ line: 2, quantity: 1 }], shipping: true });
  const one = (line: number, quantity: number) => ({ lines: [{ line, quantity }], shipping: false });
  assert.deepEqual(faults(after, one(2, 2)), ['lines[0].quantity']);
  assert.deepEqual(faults(after, one(4, 1)), ['lines[0].line']);
  assert.deepEqual(faults(after, { lines: [], shipping: true }), ['shipping']);
  assert.deepEqual(faults(after, { lines: [], shipping: false }), ['lines']);
  const twice = [
    { line: 1, quantity: 2 },
    { line: 1, quantity: 2 },
  ];
  assert.deepEqual(faults(after, { lines: twice, shipping: false }), ['lines[1].line']);
});

test('however a basket is refunded, the parts sum to its price and each use returns once', () => {
  const steps = fc.array(
    fc.record({
      line: fc.integer({ min: 1, max: 3 }),
      quantity: fc.integer({ min: 1, max: 4 }),
      shipping: fc.boolean(),
    }),
    { maxLength: 12 },
  );
  const quantities = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(quantities, steps, (of, wanted) => {
      let after = sold(of);
      const add = (one: ReturnType<typeof refund>): void => {
        if ('amount' in one) after = { ...after, refunds: [...after.refunds, one] };
      };
      for (const { line, quantity, shipping } of wanted) {
        add(refund(after, { lines: [{ line, quantity }], shipping }));
      }
      add(refund(after, undefined));
      assert.ok(isRefunded(after));
      const sum = after.refunds.reduce((total, { amount }) => total + amount, 0);
      assert.equal(sum, after.pricing.total);
      assert.deepEqual(after.refunds.flatMap(({ givenBack }) => givenBack).sort(), ['A', 'B', 'C']);
      assert.deepEqual(lineSums(after), after.pricing.lineTotals);
    }),
  );
});

function lineSums({ pricing, refunds }: { pricing: Pricing; refunds: readonly Refund[] }): number[] {
  return pricing.lineTotals.map((_, index) =>
    refunds
      .flatMap(({ lines }) => lines)
      .filter(({ line }) => line === index + 1)
      .reduce((sum, { amount }) => sum + amount, 0),
  );
}
