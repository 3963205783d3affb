import assert from 'node:assert/strict';
import { test } from 'node:test';
import Value from 'typebox/value';
import { readTerms, TermsBody, termsJson } from './terms-json.ts';

const TEN_PERCENT = { discount: 'percentage', basis_points: 1_000 } as const;

function faultsOf(body: TermsBody): readonly string[] {
  assert.ok(Value.Check(TermsBody, body), JSON.stringify(body));
  const read = readTerms(body, null);
  return 'faults' in read ? read.faults.map(({ field }) => field) : [];
}

test('shows terms as they were given', () => {
  const bodies: readonly TermsBody[] = [
    { ...TEN_PERCENT, exclusive: false, stack_order: 0 },
    {
      discount: 'percentage',
      basis_points: 2_000,
      most: 5_000,
      currency: 'EUR',
      valid_from: '2030-01-01T00:00:00.000Z',
      valid_until: '2030-02-01T00:00:00.000Z',
      minimum_basket: 10_000,
      products: ['A-1'],
      categories: ['shoes', 'socks'],
      limit_total: 100,
      limit_per_user: 2,
      stack_class: 'season',
      exclusive: false,
      stackable_with: ['season', 'welcome'],
      stack_order: -3,
      stack_cap_basis_points: 5_000,
    },
    { discount: 'fixed', amount: 500, currency: 'JPY', exclusive: true, stack_order: 0 },
    { discount: 'free_shipping', exclusive: false, stack_order: 1 },
  ];
  for (const body of bodies) {
    const read = readTerms(body, null);
    assert.ok('terms' in read);
    assert.deepEqual(termsJson(read.terms), body);
  }
  const read = readTerms(TEN_PERCENT, 1);
  assert.ok('terms' in read);
  assert.equal(read.terms.limitPerUser, 1, 'the default limit');
});

test('rejects contradictory terms by the invalid member', () => {
  const cases: readonly (readonly [TermsBody, readonly string[]])[] = [
    [{ discount: 'percentage' }, ['basis_points']],
    [{ discount: 'fixed', currency: 'EUR' }, ['amount']],
    [{ ...TEN_PERCENT, amount: 5 }, ['amount']],
    [{ discount: 'free_shipping', basis_points: 5, most: 7 }, ['basis_points', 'most']],
    [{ discount: 'fixed', amount: 5 }, ['currency']],
    [{ ...TEN_PERCENT, most: 5 }, ['currency']],
    [{ ...TEN_PERCENT, minimum_basket: 5 }, ['currency']],
    [{ ...TEN_PERCENT, currency: 'EUR' }, ['currency']],
    [{ discount: 'fixed', amount: 5, currency: 'XYZ' }, ['currency']],
    [{ ...TEN_PERCENT, valid_from: '2030-02-30T00:00:00Z' }, ['valid_from']],
    [
      { ...TEN_PERCENT, valid_from: '2030-01-02T00:00:00Z', valid_until: '2030-01-02T00:00:00Z' },
      ['valid_until'],
    ],
    [{ ...TEN_PERCENT, limit_total: 5, limit_per_user: 6 }, ['limit_per_user']],
    [{ ...TEN_PERCENT, exclusive: true, stackable_with: ['a'] }, ['stackable_with']],
    [{ ...TEN_PERCENT, stackable_with: [] }, ['stackable_with']],
    [{ ...TEN_PERCENT, exclusive: true, stack_cap_basis_points: 5_000 }, ['stack_cap_basis_points']],
    [{ ...TEN_PERCENT, stack_cap_basis_points: 999 }, ['stack_cap_basis_points']],
    [{ ...TEN_PERCENT, stack_cap_basis_points: 1_000 }, []],
  ];
  for (const [body, fields] of cases) assert.deepEqual(faultsOf(body), fields, JSON.stringify(body));
});
