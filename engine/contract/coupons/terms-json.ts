/**
 * Terms as the APIs take and return them: one flat object, without the members that do not apply. These schemas check requests
 * and make the OpenAPI documents of engine and gateway; `x-expected` says what a member should be.
 */
import type { Static, TSchema } from 'typebox';
import Type from 'typebox';
import { isoOfMs, isoOrNull } from '../api/instants.ts';
import { type FieldFault, fieldFault } from '../api/problem.ts';
import { shownText } from '../api/text.ts';
import {
  contradictionsIn,
  DISCOUNTS,
  type Discount,
  isCurrency,
  MAX_AMOUNT,
  MAX_LIMIT,
  MAX_SCOPE_ITEMS,
  MAX_STACK_CLASSES,
  MAX_STACK_ORDER,
  type Terms,
  WHOLE_BASIS_POINTS,
} from './terms.ts';

const MAX_NAME_CHARACTERS = 100;
const CLASS_PATTERN = '[a-z][a-z0-9-]{0,39}';

function whole(minimum: number, maximum: number, description: string) {
  const expected = `a whole number from ${minimum} to ${maximum}`;
  return Type.Integer({ minimum, maximum, description, 'x-expected': expected });
}

const shareOfWhole = (description: string) => whole(1, WHOLE_BASIS_POINTS, description);
const amount = (description: string) => whole(1, MAX_AMOUNT, `${description}, in the currency's minor unit`);

/** A product or a category, by the shop's own name. */
export function nameText(description: string) {
  return shownText(MAX_NAME_CHARACTERS, description);
}

export const CURRENCY_PATTERN = '^[A-Z]{3}$';

function names(description: string) {
  return Type.Array(nameText('A product or a category, as the shop names it'), {
    minItems: 1,
    maxItems: MAX_SCOPE_ITEMS,
    uniqueItems: true,
    description,
    'x-expected': `a list of 1 to ${MAX_SCOPE_ITEMS} different texts of 1 to ${MAX_NAME_CHARACTERS} characters`,
  });
}

function stackClass(description: string) {
  return Type.String({
    pattern: `^${CLASS_PATTERN}$`,
    description,
    'x-expected': 'a lower-case letter and up to 39 more of a-z, 0-9, -',
  });
}

export function utcInstant(description: string) {
  return Type.String({
    pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,3})?Z$',
    description,
    'x-expected': 'an instant in UTC, to the millisecond at most, like 2030-01-31T18:00:00.000Z',
  });
}

export const termMembers = {
  discount: Type.Enum([...DISCOUNTS], {
    description:
      'percentage: a share of the lines; fixed: an amount off the lines; free_shipping: all of the shipping',
    'x-expected': `one of ${DISCOUNTS.join(', ')}`,
  }),
  basis_points: Type.Optional(shareOfWhole('Of a percentage: in hundredths of a percent, 2000 for 20%')),
  amount: Type.Optional(amount('Of a fixed discount: the amount')),
  most: Type.Optional(amount('Of a percentage: the maximum discount per basket')),
  currency: Type.Optional(
    Type.String({
      pattern: CURRENCY_PATTERN,
      description: 'ISO 4217 currency of the amounts; the coupon applies only to baskets in it',
      'x-expected': 'an ISO 4217 currency code, like EUR',
    }),
  ),
  valid_from: Type.Optional(utcInstant('The first instant of use; no limit when absent')),
  valid_until: Type.Optional(utcInstant('The first instant without use; no limit when absent')),
  minimum_basket: Type.Optional(amount('The minimum price of the goods before discounts')),
  products: Type.Optional(
    names('Applies to lines of these products or of the categories; to all lines when both are absent'),
  ),
  categories: Type.Optional(
    names('Applies to lines of these categories or of the products; to all lines when both are absent'),
  ),
  limit_total: Type.Optional(whole(1, MAX_LIMIT, 'The maximum number of uses; no limit when absent')),
  limit_per_user: Type.Optional(
    whole(
      1,
      MAX_LIMIT,
      'The maximum number of uses per user; when absent, one for a granted code, else no limit',
    ),
  ),
  stack_class: Type.Optional(stackClass('The class by which other coupons refer to it')),
  exclusive: Type.Optional(
    Type.Boolean({
      description: 'Cannot be combined with other coupons; false when absent',
      'x-expected': 'true or false',
    }),
  ),
  stackable_with: Type.Optional(
    Type.Array(Type.String({ pattern: `^${CLASS_PATTERN}$` }), {
      maxItems: MAX_STACK_CLASSES,
      uniqueItems: true,
      description: 'Classes of coupons that it may stack with; when absent, all that are not exclusive',
      'x-expected': `a list of up to ${MAX_STACK_CLASSES} different classes of coupons`,
    }),
  ),
  stack_order: Type.Optional(
    whole(-MAX_STACK_ORDER, MAX_STACK_ORDER, 'Lower numbers are applied first; 0 when absent'),
  ),
  stack_cap_basis_points: Type.Optional(
    shareOfWhole('The maximum discount on the goods of a basket from all coupons together'),
  ),
} as const satisfies Record<string, TSchema>;

export const TermsBody = Type.Object(termMembers, {
  additionalProperties: false,
  examples: [{ discount: 'percentage', basis_points: 2000, limit_total: 500 }],
});
export type TermsBody = Static<typeof TermsBody>;

/**
 * The terms in a body whose members are each valid; or every fault of the whole. `perUser` is the limit per user if the body
 * names none.
 */
export function readTerms(
  body: TermsBody,
  perUser: number | null,
): { readonly terms: Terms } | { readonly faults: readonly FieldFault[] } {
  const faults: FieldFault[] = [];
  const discount = readDiscount(body, faults);
  if (body.currency !== undefined && !isCurrency(body.currency)) {
    faults.push(fieldFault('currency', body.currency, 'an ISO 4217 currency code, like EUR'));
  }
  const terms = {
    currency: body.currency ?? null,
    validFromMs: readInstant('valid_from', body.valid_from, faults),
    validUntilMs: readInstant('valid_until', body.valid_until, faults),
    minimumBasket: body.minimum_basket ?? null,
    products: body.products ?? null,
    categories: body.categories ?? null,
    limitTotal: body.limit_total ?? null,
    limitPerUser: body.limit_per_user ?? perUser,
    stackClass: body.stack_class ?? null,
    exclusive: body.exclusive ?? false,
    stackableWith: body.stackable_with ?? null,
    stackOrder: body.stack_order ?? 0,
    stackCapBasisPoints: body.stack_cap_basis_points ?? null,
  };
  if (faults.length > 0 || discount === undefined) return { faults };
  const whole = { ...terms, discount };
  const contradictions = contradictionsIn(whole);
  if (contradictions.length === 0) return { terms: whole };
  return { faults: contradictions.map(({ field, value, expected }) => fieldFault(field, value, expected)) };
}

/** Members that only one kind of discount has. */
const DISCOUNT_MEMBERS = {
  percentage: ['basis_points', 'most'],
  fixed: ['amount'],
  free_shipping: [],
} as const;

function readDiscount(body: TermsBody, faults: FieldFault[]): Discount | undefined {
  const own: readonly string[] = DISCOUNT_MEMBERS[body.discount];
  for (const name of ['basis_points', 'most', 'amount'] as const) {
    if (body[name] !== undefined && !own.includes(name)) {
      faults.push(fieldFault(name, body[name], `no value, as discount is ${body.discount}`));
    }
  }
  const missing = (name: 'basis_points' | 'amount', most: number): undefined => {
    const expected = `a whole number from 1 to ${most}, as discount is ${body.discount}`;
    faults.push(fieldFault(name, undefined, expected));
  };
  const { basis_points: basisPoints, amount: off, most = null } = body;
  switch (body.discount) {
    case 'percentage':
      if (basisPoints === undefined) return missing('basis_points', WHOLE_BASIS_POINTS);
      return { kind: 'percentage', basisPoints, most };
    case 'fixed':
      return off === undefined ? missing('amount', MAX_AMOUNT) : { kind: 'fixed', amount: off };
    case 'free_shipping':
      return { kind: 'free_shipping' };
  }
}

/** The instant of a well-formed text; the 30th of February is well-formed and is no instant. */
function readInstant(field: string, text: string | undefined, faults: FieldFault[]): number | null {
  if (text === undefined) return null;
  const instantMs = Date.parse(text);
  const isReal = !Number.isNaN(instantMs) && isoOfMs(instantMs).startsWith(text.slice(0, 19));
  if (isReal) return instantMs;
  faults.push(fieldFault(field, text, 'an existing date and time'));
  return null;
}

/** Terms as the APIs return them. */
export function termsJson(terms: Terms): TermsBody {
  const { discount } = terms;
  const body: { [member in keyof TermsBody]: TermsBody[member] | null } = {
    discount: discount.kind,
    basis_points: discount.kind === 'percentage' ? discount.basisPoints : null,
    amount: discount.kind === 'fixed' ? discount.amount : null,
    most: discount.kind === 'percentage' ? discount.most : null,
    currency: terms.currency,
    valid_from: isoOrNull(terms.validFromMs),
    valid_until: isoOrNull(terms.validUntilMs),
    minimum_basket: terms.minimumBasket,
    products: terms.products === null ? null : [...terms.products],
    categories: terms.categories === null ? null : [...terms.categories],
    limit_total: terms.limitTotal,
    limit_per_user: terms.limitPerUser,
    stack_class: terms.stackClass,
    exclusive: terms.exclusive,
    stackable_with: terms.stackableWith === null ? null : [...terms.stackableWith],
    stack_order: terms.stackOrder,
    stack_cap_basis_points: terms.stackCapBasisPoints,
  };
  const there = Object.entries(body).filter(([, value]) => value !== null);
  return Object.fromEntries(there) as TermsBody;
}
