/** Schemas of redemptions as operators list them; see ../schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { alice, basket, drop, redemption } from '../../../contract/api/examples/story.ts';
import { userIdText } from '../../../contract/api/text.ts';
import { after, exact, limit, orNull, time, whole } from '../schemas.ts';

export const RedemptionsQuery = Type.Object(
  {
    user: Type.Optional(userIdText('Only those of this user, by exact id')),
    code: Type.Optional(
      Type.String({
        pattern: '^[!-~]{1,64}$',
        description: 'Instead: only those with this code',
        'x-expected': 'a code of 1 to 64 printable characters without spaces',
      }),
    ),
    coupon: Type.Optional(whole(1, 2 ** 31 - 1, 'Instead: only those with this coupon, by its number')),
    after,
    limit,
  },
  exact,
);

const example = {
  ...{ id: redemption.id, user: alice.user, state: 'redeemed', currency: basket.currency },
  ...{ total: basket.total, refunded: 0 },
  codes: [{ code: alice.code, coupon: drop.coupon, given_back: false }],
  created_at: redemption.redeemedAt,
  ...{ expires_at: redemption.heldUntil, redeemed_at: redemption.redeemedAt, released_at: null },
};

export const ListedRedemptionJson = Type.Object(
  {
    id: Type.Integer({ description: 'Of the reservation too' }),
    user: Type.String(),
    state: Type.Enum(['held', 'lapsed', 'redeemed', 'released']),
    currency: Type.String(),
    total: Type.Integer({ description: "To be paid, in the currency's minor unit" }),
    refunded: Type.Integer({ description: 'Refunded of that so far' }),
    codes: Type.Array(
      Type.Object({ code: Type.String(), coupon: Type.Integer(), given_back: Type.Boolean() }, exact),
    ),
    created_at: time('When it was reserved, or redeemed at once'),
    expires_at: orNull(time('Of a reservation: when it ends')),
    redeemed_at: orNull(time('When it was redeemed')),
    released_at: orNull(time('When it was released')),
  },
  { ...exact, examples: [example] },
);
export type ListedRedemptionJson = Static<typeof ListedRedemptionJson>;

export const RedemptionPage = Type.Object(
  {
    redemptions: Type.Array(ListedRedemptionJson),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
  },
  { ...exact, examples: [{ redemptions: [example], next: null }] },
);
