import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_AMOUNT } from '../../engine/contract/coupons/terms.ts';
import { type Read, readRedemption, readRedemptionId, readRefund, readReservation } from './input.ts';

const LINE = { product: 'shoe', quantity: 1, unit_amount: 100 };

function basket(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { user: 'ann', currency: 'EUR', lines: [LINE], codes: ['A'], ...changes };
}

function fieldsOf(read: Read<unknown>): readonly string[] {
  return 'faults' in read ? read.faults.map(({ field }) => field) : [];
}

test('parses a valid basket', () => {
  const lines = [{ ...LINE, categories: ['shoes'] }];
  const read = readReservation(basket({ lines, shipping: 490, hold_seconds: 60 }));
  assert.ok('value' in read);
  assert.deepEqual(read.value, {
    kind: 'use',
    userId: 'ann',
    basket: {
      currency: 'EUR',
      lines: [{ product: 'shoe', categories: ['shoes'], quantity: 1, unitAmount: 100 }],
      shipping: 490,
    },
    codes: ['A'],
    holdMs: 60_000,
  });
  const usual = readReservation(basket());
  assert.ok('value' in usual);
  assert.equal(usual.value.holdMs, 900_000);
  assert.deepEqual(readRedemption({ reservation: 7 }), { value: { kind: 'commit', redemptionId: 7 } });
});

test('rejects an invalid basket and names every invalid member at once', () => {
  const line = (changes: object): Record<string, unknown> => ({ lines: [{ ...LINE, ...changes }] });
  const cases: readonly (readonly [Record<string, unknown>, readonly string[]])[] = [
    [{ currency: 'euro' }, ['currency']],
    [{ currency: 'XXY' }, ['currency']],
    [line({ unit_amount: -1 }), ['lines[0].unit_amount']],
    [line({ unit_amount: 0.5 }), ['lines[0].unit_amount']],
    [line({ unit_amount: '5' }), ['lines[0].unit_amount']],
    [line({ unit_amount: MAX_AMOUNT + 1 }), ['lines[0].unit_amount']],
    [line({ unit_amount: 2 ** 60 }), ['lines[0].unit_amount']],
    [line({ unit_amount: MAX_AMOUNT, quantity: 2 }), ['lines[0].unit_amount']],
    [{ lines: [{ ...LINE, unit_amount: MAX_AMOUNT }, LINE] }, ['lines[1].unit_amount']],
    [{ ...line({ unit_amount: MAX_AMOUNT }), shipping: 1 }, ['lines[0].unit_amount']],
    [line({ quantity: 0 }), ['lines[0].quantity']],
    [line({ quantity: 10_001 }), ['lines[0].quantity']],
    [line({ currency: 'USD' }), ['lines[0].currency']],
    [{ lines: [LINE, null] }, ['lines[1]']],
    [{ lines: [] }, ['lines']],
    [{ lines: Array.from({ length: 101 }, () => LINE) }, ['lines']],
    [{ shipping: -1 }, ['shipping']],
    [{ codes: [] }, ['codes']],
    [{ codes: ['A', 'B', 'A'] }, ['codes[2]']],
    [{ codes: ['with space'] }, ['codes[0]']],
    [{ user: '' }, ['user']],
    [{ user: 'é'.repeat(65) }, ['user']],
    [{ total: 5 }, ['total']],
    [
      { user: undefined, currency: 5, ...line({ quantity: -1, extra: 1 }) },
      ['user', 'currency', 'lines[0].quantity', 'lines[0].extra'],
    ],
  ];
  for (const [changes, fields] of cases) {
    assert.deepEqual(
      fieldsOf(readRedemption(basket(changes))),
      fields,
      JSON.stringify(changes).slice(0, 200),
    );
    assert.deepEqual(fieldsOf(readReservation(basket(changes))), fields);
  }
  assert.deepEqual(fieldsOf(readReservation(basket({ hold_seconds: 0 }))), ['hold_seconds']);
  assert.deepEqual(fieldsOf(readRedemption(basket({ hold_seconds: 5 }))), ['hold_seconds'], 'it is not held');
  for (const none of [null, [], 'x', 5]) assert.deepEqual(fieldsOf(readRedemption(none)), ['body']);
  assert.deepEqual(fieldsOf(readRedemption({ reservation: 7, codes: ['A'] })), ['codes']);
  assert.deepEqual(fieldsOf(readRedemption({ reservation: '7' })), ['reservation']);
});

test('limits the number of reported faults', () => {
  const lines = Array.from({ length: 100 }, () => ({ product: '', quantity: 0 }));
  assert.equal(fieldsOf(readRedemption(basket({ lines }))).length, 20);
});

test('accepts the largest basket', () => {
  const lines = Array.from({ length: 100 }, () => ({
    ...LINE,
    quantity: 10_000,
    unit_amount: MAX_AMOUNT / 1e6,
  }));
  assert.ok('value' in readRedemption(basket({ lines })));
  assert.ok('value' in readRedemption(basket({ lines: [{ ...LINE, unit_amount: MAX_AMOUNT }] })));
});

test('parses refunds and ids', () => {
  assert.deepEqual(readRefund({}), { value: undefined });
  assert.deepEqual(readRefund({ shipping: true }), { value: { lines: [], shipping: true } });
  const lines = [{ line: 1, quantity: 2 }];
  assert.deepEqual(readRefund({ lines }), { value: { lines, shipping: false } });
  assert.deepEqual(fieldsOf(readRefund({ lines: [{ line: 0, quantity: 1 }] })), ['lines[0].line']);
  assert.deepEqual(fieldsOf(readRefund({ lines: [{ line: 1, quantity: -1 }] })), ['lines[0].quantity']);
  assert.deepEqual(fieldsOf(readRefund({ amount: 5 })), ['amount']);
  assert.equal(readRedemptionId('9007199254740991'), Number.MAX_SAFE_INTEGER);
  for (const text of ['', '0', '01', '-1', '1.5', 'x', '9007199254740992', '1e3']) {
    assert.equal(readRedemptionId(text), undefined, text);
  }
});
