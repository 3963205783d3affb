/** Schemas of the coupon routes; contract/coupons/terms-json.ts defines the terms themselves. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { drop, MADE_AT } from '../../../contract/api/examples/story.ts';
import { shownText } from '../../../contract/api/text.ts';
import { MAX_LIMIT } from '../../../contract/coupons/terms.ts';
import { TermsBody, termMembers, utcInstant } from '../../../contract/coupons/terms-json.ts';
import {
  dryRunMark,
  exact,
  loggedReason,
  MAX_REASON_CHARACTERS,
  orNull,
  shopName,
  time,
  whole,
} from '../schemas.ts';

const GREATEST_ID = 2 ** 31 - 1;

function id(description: string) {
  const expected = `a whole number from 1 to ${GREATEST_ID}`;
  return Type.Integer({ minimum: 1, maximum: GREATEST_ID, description, 'x-expected': expected });
}

/** Any object is accepted here; its members are checked one by one, so that each fault names its member. */
export const TermsMember = Type.Object(TermsBody.properties, {
  ...exact,
  'x-expected': `an object with the members ${Object.keys(TermsBody.properties).join(', ')}`,
});

export const NewCouponBody = Type.Object(
  {
    campaign: Type.Optional(
      id('A coupon campaign that has granted nothing yet: the terms apply to each code it grants'),
    ),
    code: Type.Optional(
      Type.String({
        pattern: '^[A-Z0-9][A-Z0-9-]{2,39}$',
        description: 'Instead of a campaign: a code that anybody may use',
        'x-expected': '3 to 40 characters of A-Z, 0-9 and -, not starting with -',
      }),
    ),
    shop: Type.Optional(
      shopName(
        'With code: the shop whose tokens may use it; absent: only tokens for everything may. It never changes',
      ),
    ),
    terms: TermsMember,
    reason: loggedReason,
  },
  {
    ...exact,
    description: 'The terms of use of a coupon',
    examples: [
      { code: 'SPRING-20', terms: { discount: 'percentage', basis_points: 2000, limit_total: 500 } },
    ],
  },
);
export type NewCouponBody = Static<typeof NewCouponBody>;

export const ReplacedTermsBody = Type.Object(
  { ...termMembers, reason: loggedReason },
  {
    ...exact,
    description: 'All terms: those that are absent end',
    examples: [
      { discount: 'percentage', basis_points: 2000, limit_total: 400, reason: 'The budget was cut' },
    ],
  },
);

/** What a proposal of terms shows. */
export const TermsPreviewJson = Type.Object(
  { dry_run: dryRunMark, campaign: Type.Integer(), terms: TermsMember, version: Type.Integer() },
  exact,
);

export const CouponPath = Type.Object({ id: id('The coupon') }, exact);

const restrictionExample = {
  disabled: false,
  ends_at: '2030-02-01T12:00:00.000Z',
  limit_total: 400,
  reason: 'Shared on a page for bargains',
};

export const RestrictionBody = Type.Object(
  {
    disabled: Type.Optional(
      Type.Boolean({
        description: 'true: nothing is used any more, and reservations are not redeemed; false when absent',
        'x-expected': 'true or false',
      }),
    ),
    ends_at: Type.Optional(
      utcInstant(
        'No use from this instant on, even if it has passed; reservations from before can be redeemed',
      ),
    ),
    limit_total: Type.Optional(
      whole(0, MAX_LIMIT, 'The maximum number of uses; may be below what is used already, which stays'),
    ),
    limit_per_user: Type.Optional(
      whole(0, MAX_LIMIT, 'The maximum number of uses per user; what is used already stays'),
    ),
    reason: shownText(MAX_REASON_CHARACTERS, 'Why; for operators'),
  },
  {
    ...exact,
    description:
      'What is allowed of the coupon besides its terms: a use needs both. With nothing but a reason, the restriction is lifted',
    examples: [restrictionExample],
  },
);
export type RestrictionBody = Static<typeof RestrictionBody>;

const couponExample = {
  id: 2,
  code: 'SPRING-20',
  terms: {
    discount: 'percentage',
    basis_points: 2_000,
    limit_total: 500,
    exclusive: false,
    stack_order: 0,
  },
  restriction: null,
  version: 1,
  used: 0,
  created_at: MADE_AT,
};

/** With the terms of the codes of the drop. */
const dropCouponExample = {
  id: drop.coupon,
  campaign: drop.id,
  terms: drop.terms,
  restriction: null,
  version: 1,
  used: 3_204,
  created_at: MADE_AT,
};

export const CouponJson = Type.Object(
  {
    id: Type.Integer(),
    campaign: Type.Optional(Type.Integer({ description: 'The campaign whose codes these terms apply to' })),
    code: Type.Optional(Type.String({ description: 'A code that anybody may use' })),
    shop: Type.Optional(Type.String({ description: 'The shop whose tokens may use it' })),
    terms: TermsBody,
    restriction: orNull(
      Type.Object(
        {
          disabled: Type.Boolean(),
          ends_at: Type.Optional(time('No use from then on')),
          limit_total: Type.Optional(Type.Integer()),
          limit_per_user: Type.Optional(Type.Integer()),
          reason: Type.String(),
        },
        { ...exact, description: 'What is allowed besides the terms; null: everything that they allow' },
      ),
    ),
    version: Type.Integer({
      description:
        'Increases with each change of the terms or the restriction; the ETag is the same number in quotes',
    }),
    used: Type.Integer({ description: 'Uses currently redeemed or held' }),
    created_at: Type.String({ format: 'date-time' }),
  },
  { ...exact, examples: [couponExample] },
);
export type CouponJson = Static<typeof CouponJson>;

/** Restricted since. */
export const restrictedExample = {
  ...couponExample,
  restriction: restrictionExample,
  version: 2,
  used: 312,
};

export const CouponPage = Type.Object(
  {
    coupons: Type.Array(CouponJson),
    next: Type.Union([Type.Integer(), Type.Null()], {
      description: 'The `after` of the next page; null on the last page',
    }),
  },
  { ...exact, examples: [{ coupons: [dropCouponExample, couponExample], next: null }] },
);
