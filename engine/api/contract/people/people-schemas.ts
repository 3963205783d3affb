/** Schemas of searches for people, and of what the ledger has about one; see ../schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { ADDRESS_EXPECTED } from '../../../contract/api/addresses.ts';
import { entryReceipt } from '../../../contract/api/examples/signed.ts';
import { alice, basket, drop, redemption } from '../../../contract/api/examples/story.ts';
import { userIdText } from '../../../contract/api/text.ts';
import { RECEIPT_STATES } from '../../../people/receipts.ts';
import { ListedRedemptionJson } from '../coupons/redemption-schemas.ts';
import { after, exact, limit, MAX_STOCK, orNull, time, whole } from '../schemas.ts';

function base64url(characters: string, description: string) {
  return Type.String({
    pattern: `^[A-Za-z0-9_-]${characters}$`,
    description,
    'x-expected': 'base64url without padding, as in the receipt',
  });
}

/** As people hold it: contract/record/receipt.ts, with what is expected of each member. */
const ReceiptBody = Type.Object(
  {
    v: Type.Literal(1, { description: 'The version of receipts', 'x-expected': '1' }),
    campaign: whole(1, 2 ** 31 - 1, 'The campaign'),
    kind: Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(3)], {
      description: '1 entry, 2 withdrawal, 3 claim',
      'x-expected': '1, 2 or 3',
    }),
    source: Type.Union([Type.Literal(0), Type.Literal(1)], {
      description: 'Which clock gave the instant',
      'x-expected': '0 or 1',
    }),
    stamp: whole(0, Number.MAX_SAFE_INTEGER, 'The stamp'),
    salt: base64url('{22}', 'The salt'),
    leaf: whole(0, 2 ** 32 - 1, 'The index of the leaf'),
    path: base64url('{0,1400}', 'The path to the root'),
    head: base64url('{256}', 'The signed head of the slice'),
  },
  {
    ...exact,
    description: 'Or whose receipt it is: the whole of it, as the service gave it',
    'x-expected': 'a receipt: a JSON object with v, campaign, kind, source, stamp, salt, leaf, path and head',
  },
);

export const FindBody = Type.Object(
  {
    user: Type.Optional(userIdText('Who has this user id, as in tickets and entries, exactly')),
    address: Type.Optional(
      Type.String({
        minLength: 3,
        maxLength: 320,
        writeOnly: true,
        description:
          'Or who has the built-in account with this e-mail address, in any letter case. A plus counts: with another one it is another account',
        'x-expected': ADDRESS_EXPECTED,
      }),
    ),
    code: Type.Optional(
      Type.String({
        pattern: '^[!-~]{1,64}$',
        description: 'Or who was granted this code, in any letter case',
        'x-expected': 'a code of 1 to 64 printable characters without spaces',
      }),
    ),
    serial: Type.Optional(whole(1, MAX_STOCK, 'Or who has, and who had, this serial of `campaign`')),
    campaign: Type.Optional(whole(1, 2 ** 31 - 1, 'The campaign of `serial`')),
    receipt: Type.Optional(ReceiptBody),
  },
  {
    ...exact,
    description: 'Exactly one of user, address, code, serial (with its campaign) and receipt',
    examples: [{ code: alice.code.toLowerCase() }, { receipt: entryReceipt }],
  },
);
export type FindBody = Static<typeof FindBody>;

const ACCOUNT =
  'built_in: an account of this service; shop: the shop keeps it, and they have a session; none: deleted, or the shop signs the tickets itself';

export const FoundJson = Type.Object(
  {
    people: Type.Array(
      Type.Object(
        {
          user: Type.String({ description: 'The user id' }),
          account: Type.Enum(['built_in', 'shop', 'none'], { description: ACCOUNT }),
          grant: orNull(
            Type.Object(
              {
                campaign: Type.Integer(),
                serial: Type.Integer(),
                holds: Type.Boolean({ description: 'false: it was passed on to somebody else' }),
              },
              { ...exact, description: 'By which they were found' },
            ),
          ),
        },
        exact,
      ),
      { description: 'Nobody, or one person; of a serial also those who had it before, the last first' },
    ),
    more: Type.Boolean({ description: 'Others had the serial before these' }),
    coupon: orNull(
      Type.Integer({
        description:
          'The code is of this coupon, and anybody may use it: GET /v1/redemptions?code= lists who did',
      }),
    ),
    receipt: orNull(
      Type.Enum([...RECEIPT_STATES], {
        description:
          'proven: signed here, and of this person; forged: the ledger has another slice, or it does not lead to its root; ' +
          'unknown: no such slice, or not yet; archived: in a file',
      }),
    ),
    archive: orNull(Type.String({ description: 'The file that has what was searched for' })),
  },
  {
    ...exact,
    examples: [
      {
        people: [
          {
            ...{ user: alice.user, account: 'none' },
            grant: { campaign: drop.id, serial: alice.serial, holds: true },
          },
        ],
        ...{ more: false, coupon: null, receipt: null, archive: null },
      },
    ],
  },
);
export type FoundJson = Static<typeof FoundJson>;

export const user = userIdText('The user id, exactly');

export const PersonBody = Type.Object({ user }, { ...exact, examples: [{ user: alice.user }] });

export const PersonJson = Type.Object(
  {
    user: Type.String(),
    account: orNull(
      Type.Object(
        {
          kept_by: Type.Enum(['fairline', 'shop']),
          address: orNull(
            Type.String({ description: 'The e-mail address; null if the shop keeps the account' }),
          ),
          verified: Type.Boolean({ description: 'Whether the address is verified' }),
          locale: Type.Enum(['en', 'ko']),
          created_at: time(
            'When it was made; of an account at the shop: when their first session here began',
          ),
        },
        { ...exact, description: 'null: deleted, or the shop signs the tickets itself' },
      ),
    ),
    sessions: Type.Array(
      Type.Object(
        {
          network: orNull(Type.String({ description: 'The /24 or /64 of the client; null if unknown' })),
          user_agent: Type.String(),
          created_at: time('When they logged in'),
          renewed_at: time('When it was last renewed, or made'),
          expires_at: time('When it ends, unless it is renewed'),
        },
        exact,
      ),
      { description: 'Those that are valid, the newest first' },
    ),
    block: orNull(
      Type.Object(
        { id: Type.Integer(), reason: Type.String(), at: time('Since when') },
        { ...exact, description: 'Of this user. A block of their network is not looked for' },
      ),
    ),
  },
  {
    ...exact,
    examples: [{ user: alice.user, account: null, sessions: [], block: null }],
  },
);
export type PersonJson = Static<typeof PersonJson>;

export const PersonRedemptionsBody = Type.Object(
  { user, after, limit },
  { ...exact, examples: [{ user: alice.user }] },
);

/** Of each redemption; a basket of many pieces can be refunded piece by piece. */
export const MOST_REFUNDS = 20;

export const PersonRedemptionPage = Type.Object(
  {
    redemptions: Type.Array(
      Type.Object(
        {
          ...ListedRedemptionJson.properties,
          refunds: Type.Array(
            Type.Object(
              {
                amount: Type.Integer({ description: "In the currency's minor unit" }),
                at: time('When it was made'),
              },
              exact,
            ),
            { description: `The last ${MOST_REFUNDS} of them, in order; \`refunded\` is the sum of all` },
          ),
        },
        exact,
      ),
    ),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
  },
  {
    ...exact,
    examples: [
      {
        redemptions: [
          {
            ...{ id: redemption.id, user: alice.user, state: 'redeemed', currency: basket.currency },
            ...{ total: basket.total, refunded: basket.total },
            codes: [{ code: alice.code, coupon: drop.coupon, given_back: true }],
            ...{ created_at: redemption.redeemedAt, expires_at: redemption.heldUntil },
            ...{ redeemed_at: redemption.redeemedAt, released_at: null },
            refunds: [{ amount: basket.total, at: redemption.refundedAt }],
          },
        ],
        next: null,
      },
    ],
  },
);
export type PersonRedemptionPage = Static<typeof PersonRedemptionPage>;
