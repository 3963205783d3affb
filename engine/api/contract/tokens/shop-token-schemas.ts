/** Schemas of the routes of shops' tokens; see schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { drop, MADE_AT, shop } from '../../../contract/api/examples/story.ts';
import { exact, instant, orNull, shopName, time } from '../schemas.ts';
import { tokenName } from './token-schemas.ts';

export const NewShopTokenBody = Type.Object(
  {
    name: tokenName('What uses it: a server of the shop, a till, a job'),
    shop: Type.Optional(
      shopName(
        'The campaigns and coupons that it may use; absent: all of them, as with the SHOP_TOKEN of the gateways',
      ),
    ),
    expires_at: Type.Optional(instant('In a year when absent; in five years at most')),
  },
  { ...exact, examples: [{ name: shop.tokenName, shop: shop.name, expires_at: shop.expiresAt }] },
);

const tokenExample = {
  ...{ id: shop.token, name: shop.tokenName, shop: shop.name, made_by: 'operator', made_at: MADE_AT },
  ...{ expires_at: shop.expiresAt, last_used_at: shop.lastUsedAt, revoked_at: null, revoked_by: null },
} as const;
export const revokedShopExample = {
  ...tokenExample,
  revoked_at: drop.closesAt,
  revoked_by: 'operator',
} as const;

export const ShopTokenJson = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String(),
    shop: orNull(
      Type.String({ description: 'The shop whose campaigns and coupons it may use; null: all of them' }),
    ),
    made_by: Type.String(),
    made_at: time('When it was made'),
    expires_at: time('Refused from then on'),
    last_used_at: orNull(time('Up to a minute old; null if it was never used')),
    revoked_at: orNull(
      time('Refused since then, within two seconds on every gateway that reaches the ledger; null if not'),
    ),
    revoked_by: orNull(Type.String()),
  },
  { ...exact, examples: [tokenExample] },
);
export type ShopTokenJson = Static<typeof ShopTokenJson>;

export const MadeShopToken = Type.Object(
  {
    ...ShopTokenJson.properties,
    token: Type.String({ description: 'The token itself, in this answer alone: only its hash is stored' }),
  },
  {
    ...exact,
    // 32 zero bytes: nobody's token.
    examples: [{ ...tokenExample, last_used_at: null, token: `fairline_shop_${'A'.repeat(43)}` }],
  },
);

export const ShopTokenPage = Type.Object(
  {
    tokens: Type.Array(ShopTokenJson),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
  },
  { ...exact, examples: [{ tokens: [tokenExample], next: null }] },
);
