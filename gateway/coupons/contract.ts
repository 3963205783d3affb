/** What shops send and are shown, written once: these schemas check, type, and make the OpenAPI document. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { MAX_AMOUNT } from '../../engine/contract/coupons/terms.ts';
import { CURRENCY_PATTERN, nameText, termMembers } from '../../engine/contract/coupons/terms-json.ts';
import { userIdText } from '../../engine/contract/text.ts';

const MAX_CODES = 10;
const MAX_LINES = 100;
/** With it the product of an amount and a quantity is exact below 2^53. */
export const MAX_QUANTITY = 10_000;
const MAX_LINE_CATEGORIES = 20;
const MAX_HOLD_SECONDS = 86_400;
export const DEFAULT_HOLD_SECONDS = 900;
export const MAX_REDEMPTION_ID = Number.MAX_SAFE_INTEGER;

const exact = { additionalProperties: false };
const basketExample = {
  user: 'alice',
  currency: 'EUR',
  lines: [{ product: 'shoe', quantity: 1, unit_amount: 8900 }],
  codes: ['SPRING-20'],
};

function whole(minimum: number, maximum: number, description: string) {
  const expected = `a whole number from ${minimum} to ${maximum}`;
  return Type.Integer({ minimum, maximum, description, 'x-expected': expected });
}

const amount = (description: string) => whole(0, MAX_AMOUNT, `${description}, in the currency's minor unit`);
const money = (description: string) => Type.Integer({ minimum: 0, description });
const lineNumber = whole(1, MAX_LINES, 'Which line of the basket, from 1');
const quantity = (description: string) => whole(1, MAX_QUANTITY, description);
const currency = Type.String({
  pattern: CURRENCY_PATTERN,
  description: 'ISO 4217, of every amount here',
  'x-expected': 'a currency of ISO 4217, like EUR',
});
const redemptionId = (description: string) => whole(1, MAX_REDEMPTION_ID, description);

const BasketLine = Type.Object(
  {
    product: nameText('What it is, as the scope of a coupon names it'),
    categories: Type.Optional(
      Type.Array(nameText('A category that the product is of'), {
        maxItems: MAX_LINE_CATEGORIES,
        'x-expected': `a list of up to ${MAX_LINE_CATEGORIES} categories`,
      }),
    ),
    quantity: quantity('How many'),
    unit_amount: amount('What one of it costs'),
  },
  exact,
);

const basketMembers = {
  user: userIdText('Whose basket it is: the user of the tickets'),
  currency,
  lines: Type.Array(BasketLine, {
    minItems: 1,
    maxItems: MAX_LINES,
    'x-expected': `a list of 1 to ${MAX_LINES} lines`,
  }),
  shipping: Type.Optional(amount('What the shipping costs; absent: 0')),
  codes: Type.Array(Type.String({ pattern: '^[!-~]{1,64}$', 'x-expected': 'the code of a coupon' }), {
    minItems: 1,
    maxItems: MAX_CODES,
    description: 'All are used, or none is',
    'x-expected': `a list of 1 to ${MAX_CODES} codes`,
  }),
};

export const ReservationBody = Type.Object(
  {
    ...basketMembers,
    hold_seconds: Type.Optional(
      whole(1, MAX_HOLD_SECONDS, `How long to hold the uses; ${DEFAULT_HOLD_SECONDS} when absent`),
    ),
  },
  {
    ...exact,
    description: 'A basket, priced with its coupons, whose uses are held',
    examples: [{ ...basketExample, hold_seconds: 600 }],
  },
);
export type ReservationBody = Static<typeof ReservationBody>;

export const BasketBody = Type.Object(basketMembers, {
  ...exact,
  description: 'A basket, priced with its coupons, whose uses are redeemed at once',
});
export type BasketBody = Static<typeof BasketBody>;

export const CommitBody = Type.Object(
  { reservation: redemptionId('What is held and is now redeemed') },
  exact,
);
export type CommitBody = Static<typeof CommitBody>;

export const RedemptionBody = Type.Union([CommitBody, BasketBody], {
  examples: [{ reservation: 17 }, basketExample],
});

export const RefundBody = Type.Object(
  {
    lines: Type.Optional(
      Type.Array(Type.Object({ line: lineNumber, quantity: quantity('How many go back') }, exact), {
        maxItems: MAX_LINES,
        'x-expected': `a list of up to ${MAX_LINES} objects with line and quantity`,
      }),
    ),
    shipping: Type.Optional(
      Type.Boolean({ description: 'Whether the shipping goes back too', 'x-expected': 'true or false' }),
    ),
  },
  {
    ...exact,
    description: 'What goes back; without any member all that is left',
    examples: [{ lines: [{ line: 1, quantity: 1 }], shipping: false }],
  },
);
export type RefundBody = Static<typeof RefundBody>;

const instant = (description: string) => Type.String({ format: 'date-time', description });

const Refund = Type.Object(
  {
    number: Type.Integer({ minimum: 1, description: 'Of this redemption, from 1' }),
    amount: money('What goes back in all'),
    lines: Type.Array(
      Type.Object({ line: lineNumber, quantity: quantity('How many'), amount: money('For them') }, exact),
    ),
    shipping: Type.Optional(money('For the shipping; absent when it does not go back')),
    given_back: Type.Array(Type.String(), { description: 'Codes whose use counts no more' }),
    refunded_at: instant('When'),
  },
  exact,
);

const pricedMembers = {
  user: Type.String(),
  currency,
  subtotal: money('What the goods cost before discounts'),
  lines: Type.Array(
    Type.Object(
      {
        line: lineNumber,
        product: Type.String(),
        quantity: quantity('How many'),
        unit_amount: money('What one of it costs'),
        subtotal: money('What all of it costs before discounts'),
        discounts: Type.Array(
          Type.Object({ code: Type.String(), amount: money('Taken off this line') }, exact),
        ),
        total: money('What is to be paid for it'),
      },
      exact,
    ),
  ),
  shipping: Type.Object(
    { subtotal: money('Before discounts'), discount: money('Taken off'), total: money('To be paid') },
    exact,
  ),
  discounts: Type.Array(
    Type.Object(
      {
        code: Type.String(),
        coupon: Type.Integer(),
        amount: money('Taken off the whole basket: the sum of what is off lines and shipping'),
        given_back: Type.Boolean({ description: 'Its use counts no more' }),
      },
      exact,
    ),
    { description: 'In the order in which they were applied' },
  ),
  total: money('What is to be paid in all'),
};

export const Reservation = Type.Object(
  {
    id: redemptionId('It stays when the reservation is redeemed'),
    state: Type.Enum(['held', 'lapsed', 'released', 'redeemed', 'partly_refunded', 'refunded']),
    ...pricedMembers,
    expires_at: instant('From here on the uses are not held any more'),
  },
  exact,
);
export type Reservation = Static<typeof Reservation>;

export const Redemption = Type.Object(
  {
    id: redemptionId('That of the reservation, where there was one'),
    state: Type.Enum(['redeemed', 'partly_refunded', 'refunded']),
    ...pricedMembers,
    redeemed_at: instant('When'),
    refunds: Type.Array(Refund),
  },
  exact,
);
export type Redemption = Static<typeof Redemption>;

export const RefundMade = Type.Object(
  { redemption: redemptionId('Of what'), state: Redemption.properties.state, ...Refund.properties },
  exact,
);
export type RefundMade = Static<typeof RefundMade>;

export const RefundList = Type.Object(
  { redemption: redemptionId('Of what'), refunds: Type.Array(Refund, { description: 'As they were made' }) },
  exact,
);
export type RefundList = Static<typeof RefundList>;

export const CouponView = Type.Object(
  {
    code: Type.String(),
    coupon: Type.Integer({ description: 'Whose terms these are' }),
    campaign: Type.Optional(Type.Integer({ description: 'Which granted the code' })),
    user: Type.Optional(Type.String({ description: 'Who alone may use it; absent: anybody' })),
    state: Type.Enum(['active', 'not_yet_valid', 'no_longer_valid', 'used_up']),
    remaining: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: 'Uses that are left; null: any number',
    }),
    terms: Type.Object(termMembers, exact),
  },
  exact,
);
export type CouponView = Static<typeof CouponView>;
