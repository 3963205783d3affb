/** The API for shops, written once: these schemas validate input, type output, and define the OpenAPI document. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { alice, basket, drop, redemption } from '../../engine/contract/api/examples/story.ts';
import { userIdText } from '../../engine/contract/api/text.ts';
import { MAX_AMOUNT } from '../../engine/contract/coupons/terms.ts';
import { CURRENCY_PATTERN, nameText, termMembers } from '../../engine/contract/coupons/terms-json.ts';

const MAX_CODES = 10;
const MAX_LINES = 100;
/** Keeps the product of an amount and a quantity below 2^53, and so exact. */
export const MAX_QUANTITY = 10_000;
const MAX_LINE_CATEGORIES = 20;
const MAX_HOLD_SECONDS = 86_400;
export const DEFAULT_HOLD_SECONDS = 900;
export const MAX_REDEMPTION_ID = Number.MAX_SAFE_INTEGER;

const exact = { additionalProperties: false };
const basketExample = {
  user: alice.user,
  currency: basket.currency,
  lines: [{ product: basket.product, quantity: 1, unit_amount: basket.price }],
  codes: [alice.code],
};

function whole(minimum: number, maximum: number, description: string) {
  const expected = `a whole number from ${minimum} to ${maximum}`;
  return Type.Integer({ minimum, maximum, description, 'x-expected': expected });
}

const amount = (description: string) => whole(0, MAX_AMOUNT, `${description}, in the currency's minor unit`);
const money = (description: string) => Type.Integer({ minimum: 0, description });
const lineNumber = whole(1, MAX_LINES, 'The line of the basket, from 1');
const quantity = (description: string) => whole(1, MAX_QUANTITY, description);
const currency = Type.String({
  pattern: CURRENCY_PATTERN,
  description: 'ISO 4217 currency of all amounts',
  'x-expected': 'an ISO 4217 currency code, like EUR',
});
const redemptionId = (description: string) => whole(1, MAX_REDEMPTION_ID, description);

const BasketLine = Type.Object(
  {
    product: nameText('The product, as coupon scopes name it'),
    categories: Type.Optional(
      Type.Array(nameText('A category of the product'), {
        maxItems: MAX_LINE_CATEGORIES,
        'x-expected': `a list of up to ${MAX_LINE_CATEGORIES} categories`,
      }),
    ),
    quantity: quantity('How many'),
    unit_amount: amount('The price of one'),
  },
  exact,
);

const basketMembers = {
  user: userIdText('The owner of the basket: the user id in tickets'),
  currency,
  lines: Type.Array(BasketLine, {
    minItems: 1,
    maxItems: MAX_LINES,
    'x-expected': `a list of 1 to ${MAX_LINES} lines`,
  }),
  shipping: Type.Optional(amount('The price of shipping; 0 when absent')),
  codes: Type.Array(Type.String({ pattern: '^[!-~]{1,64}$', 'x-expected': 'a coupon code' }), {
    minItems: 1,
    maxItems: MAX_CODES,
    description: 'All codes are used, or none',
    'x-expected': `a list of 1 to ${MAX_CODES} codes`,
  }),
};

export const ReservationBody = Type.Object(
  {
    ...basketMembers,
    hold_seconds: Type.Optional(
      whole(
        1,
        MAX_HOLD_SECONDS,
        `How long to hold the uses, in seconds; ${DEFAULT_HOLD_SECONDS} when absent`,
      ),
    ),
  },
  {
    ...exact,
    description: 'A basket priced with its coupons, whose uses are held',
    examples: [{ ...basketExample, hold_seconds: redemption.holdSeconds }],
  },
);
export type ReservationBody = Static<typeof ReservationBody>;

export const BasketBody = Type.Object(basketMembers, {
  ...exact,
  description: 'A basket priced with its coupons, whose uses are redeemed at once',
});
export type BasketBody = Static<typeof BasketBody>;

export const CommitBody = Type.Object({ reservation: redemptionId('The reservation to redeem') }, exact);
export type CommitBody = Static<typeof CommitBody>;

export const RedemptionBody = Type.Union([CommitBody, BasketBody], {
  examples: [{ reservation: redemption.id }, basketExample],
});

export const RefundBody = Type.Object(
  {
    lines: Type.Optional(
      Type.Array(Type.Object({ line: lineNumber, quantity: quantity('The quantity to refund') }, exact), {
        maxItems: MAX_LINES,
        'x-expected': `a list of up to ${MAX_LINES} objects with line and quantity`,
      }),
    ),
    shipping: Type.Optional(
      Type.Boolean({ description: 'Whether to refund the shipping too', 'x-expected': 'true or false' }),
    ),
  },
  {
    ...exact,
    description: 'What to refund; with no members, everything that is left',
    examples: [{ lines: [{ line: 1, quantity: 1 }], shipping: false }],
  },
);
export type RefundBody = Static<typeof RefundBody>;

const instant = (description: string) => Type.String({ format: 'date-time', description });

const refundExample = {
  number: 1,
  amount: basket.total,
  lines: [{ line: 1, quantity: 1, amount: basket.total }],
  given_back: [alice.code],
  refunded_at: redemption.refundedAt,
};

const Refund = Type.Object(
  {
    number: Type.Integer({
      minimum: 1,
      description: 'The number of the refund within its redemption, from 1',
    }),
    amount: money('The total refund'),
    lines: Type.Array(
      Type.Object(
        { line: lineNumber, quantity: quantity('How many'), amount: money('The refund of the line') },
        exact,
      ),
    ),
    shipping: Type.Optional(money('The refund of shipping; absent when shipping is not refunded')),
    given_back: Type.Array(Type.String(), { description: 'Codes whose use was returned' }),
    refunded_at: instant('When the refund was made'),
  },
  exact,
);

const pricedExample = {
  user: alice.user,
  currency: basket.currency,
  subtotal: basket.price,
  lines: [
    {
      line: 1,
      product: basket.product,
      quantity: 1,
      unit_amount: basket.price,
      subtotal: basket.price,
      discounts: [{ code: alice.code, amount: basket.discount }],
      total: basket.total,
    },
  ],
  shipping: { subtotal: 0, discount: 0, total: 0 },
  discounts: [{ code: alice.code, coupon: drop.coupon, amount: basket.discount, given_back: false }],
  total: basket.total,
};

const pricedMembers = {
  user: Type.String(),
  currency,
  subtotal: money('The price of the goods before discounts'),
  lines: Type.Array(
    Type.Object(
      {
        line: lineNumber,
        product: Type.String(),
        quantity: quantity('How many'),
        unit_amount: money('The price of one'),
        subtotal: money('The price of the line before discounts'),
        discounts: Type.Array(
          Type.Object({ code: Type.String(), amount: money('The discount on this line') }, exact),
        ),
        total: money('The amount due for this line'),
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
        amount: money('The discount on the whole basket: the sum over lines and shipping'),
        given_back: Type.Boolean({ description: 'The use was returned' }),
      },
      exact,
    ),
    { description: 'In order of application' },
  ),
  total: money('The total amount due'),
};

const reservationExample = {
  id: redemption.id,
  state: 'held',
  ...pricedExample,
  expires_at: redemption.heldUntil,
};

/** Its use was returned. */
export const releasedExample = {
  ...reservationExample,
  state: 'released',
  discounts: pricedExample.discounts.map(discount => ({ ...discount, given_back: true })),
};

export const Reservation = Type.Object(
  {
    id: redemptionId('Stays the same when the reservation is redeemed'),
    state: Type.Enum(['held', 'lapsed', 'released', 'redeemed', 'partly_refunded', 'refunded']),
    ...pricedMembers,
    expires_at: instant('When the hold on the uses ends'),
  },
  { ...exact, examples: [reservationExample] },
);
export type Reservation = Static<typeof Reservation>;

export const Redemption = Type.Object(
  {
    id: redemptionId('The id of the reservation, if there was one'),
    state: Type.Enum(['redeemed', 'partly_refunded', 'refunded']),
    ...pricedMembers,
    redeemed_at: instant('When the basket was redeemed'),
    refunds: Type.Array(Refund),
  },
  {
    ...exact,
    examples: [
      {
        id: redemption.id,
        state: 'redeemed',
        ...pricedExample,
        redeemed_at: redemption.redeemedAt,
        refunds: [],
      },
    ],
  },
);
export type Redemption = Static<typeof Redemption>;

export const RefundMade = Type.Object(
  {
    redemption: redemptionId('The refunded redemption'),
    state: Redemption.properties.state,
    ...Refund.properties,
  },
  { ...exact, examples: [{ redemption: redemption.id, state: 'refunded', ...refundExample }] },
);
export type RefundMade = Static<typeof RefundMade>;

export const RefundList = Type.Object(
  {
    redemption: redemptionId('The redemption'),
    refunds: Type.Array(Refund, { description: 'Oldest first' }),
  },
  { ...exact, examples: [{ redemption: redemption.id, refunds: [refundExample] }] },
);
export type RefundList = Static<typeof RefundList>;

export const CouponView = Type.Object(
  {
    code: Type.String(),
    coupon: Type.Integer({ description: 'The id of the coupon' }),
    campaign: Type.Optional(Type.Integer({ description: 'The campaign that granted the code' })),
    user: Type.Optional(Type.String({ description: 'The only user who may use it; anybody when absent' })),
    state: Type.Enum(['active', 'not_yet_valid', 'no_longer_valid', 'used_up', 'disabled'], {
      description: 'By the terms and by what the operator allows besides',
    }),
    remaining: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: 'Uses left; null: unlimited',
    }),
    terms: Type.Object(termMembers, exact),
  },
  {
    ...exact,
    examples: [
      {
        code: alice.code,
        coupon: drop.coupon,
        campaign: drop.id,
        user: alice.user,
        state: 'active',
        remaining: 1,
        terms: drop.terms,
      },
    ],
  },
);
export type CouponView = Static<typeof CouponView>;
