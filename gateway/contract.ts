/**
 * The public API, written once: these schemas check what comes in, type what goes out, and make the OpenAPI document.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import { AnnouncedRandomness } from '../engine/contract/board/board.ts';
import { Receipt } from '../engine/contract/receipt.ts';
import { PublicKey } from '../engine/contract/signing-keys.ts';

export const MAX_CAMPAIGN_ID = 2_147_483_647;

export const EntryBody = Type.Object(
  {},
  {
    additionalProperties: false,
    description: 'An entry has no fields of its own; the body may be left out.',
  },
);

/**
 * Left out when the slice was not signed, and of an entry that was accepted before, when the ledger does not answer in
 * time or has not taken it in yet: then asking a moment later brings it.
 */
const receipt = Type.Optional(Receipt);

export const EntryAccepted = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer({
      description: 'The place in the total order of the campaign; stays, whatever is repeated',
    }),
    position: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
    provisional: Type.Boolean({ description: 'true while an earlier request may still be on its way' }),
    receipt,
  },
  { additionalProperties: false },
);
export type EntryAccepted = Static<typeof EntryAccepted>;

export const Outcome = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('granted'),
  Type.Literal('won'),
  Type.Literal('sold_out'),
  Type.Literal('not_drawn'),
  Type.Literal('withdrawn'),
  Type.Literal('cancelled', { description: 'It waited when the campaign was cancelled' }),
]);
export type Outcome = Static<typeof Outcome>;

const grantFields = {
  serial: Type.Optional(Type.Integer({ minimum: 1 })),
  code: Type.Optional(Type.String({ description: 'Of a granted or won entry: what it is redeemed with' })),
};

export const EntryView = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer(),
    position: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
      description: 'Final, or null while provisional',
    }),
    ahead: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: 'Entries before this one that are not settled',
    }),
    provisional: Type.Boolean(),
    outcome: Outcome,
    ...grantFields,
    receipt,
  },
  { additionalProperties: false },
);
export type EntryView = Static<typeof EntryView>;

export const WithdrawalAccepted = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer({ description: 'Of the entry that is withdrawn' }),
    outcome: Type.Literal('withdrawing', {
      description: 'Logged. It holds unless the entry was settled first; the final outcome shows which',
    }),
  },
  { additionalProperties: false },
);

export const PositionEvent = Type.Object({
  position: Type.Integer({ minimum: 1 }),
  ahead: Type.Integer({ minimum: 0 }),
});

export const OutcomeEvent = Type.Object({
  position: Type.Integer({ minimum: 1 }),
  outcome: Outcome,
  ...grantFields,
});
export type OutcomeEvent = Static<typeof OutcomeEvent>;

const Instant = Type.String({ format: 'date-time' });

export const CampaignView = Type.Object(
  {
    id: Type.Integer(),
    kind: Type.Union([Type.Literal('coupon'), Type.Literal('raffle')]),
    title: Type.String(),
    stock: Type.Optional(Type.Integer({ description: 'Of a coupon: how many there are' })),
    winners: Type.Optional(Type.Integer({ description: 'Of a raffle: how many are drawn' })),
    opens_at: Instant,
    closes_at: Instant,
    draws_at: Type.Optional(Instant),
    time_zone: Type.Optional(Type.String({ description: 'IANA, for showing times; absent: UTC' })),
    status: Type.Union([
      Type.Literal('scheduled'),
      Type.Literal('open'),
      Type.Literal('paused'),
      Type.Literal('sold_out'),
      Type.Literal('closed'),
      Type.Literal('settled'),
      Type.Literal('cancelled'),
    ]),
    settled: Type.Integer({ description: 'Entries decided so far' }),
    granted: Type.Integer({ description: 'Coupons granted, or winners drawn, so far' }),
    rules_hash: Type.Optional(
      Type.String({ description: 'SHA-256 of the rules as announced, base64url; absent until they are' }),
    ),
    pool_root: Type.Optional(
      Type.String({
        description:
          'Of a raffle whose pool is frozen: the root over its entries with their tickets, groups and exclusions, base64url. Noted before the randomness is known, it shows later that none of them was changed',
      }),
    ),
    randomness: Type.Optional(AnnouncedRandomness),
  },
  { additionalProperties: false },
);
export type CampaignView = Static<typeof CampaignView>;

const Bytes = Type.String({ description: '32 bytes in base64url' });
const Drawn = {
  key: Bytes,
  stamp: Type.Integer(),
  who: Bytes,
  tickets: Type.Optional(Type.Integer({ minimum: 2, maximum: 1_000 })),
};

/** What engine/draw/proof.ts writes. */
export const DrawProof = Type.Object({
  proof: Type.Literal(1),
  campaign: Type.Integer(),
  rules: Type.Object({}, { description: 'As they were announced' }),
  rules_hash: Bytes,
  pool_root: Bytes,
  pool_count: Type.Integer({ minimum: 0 }),
  randomness: Bytes,
  source: Type.Object({}, { description: 'The secret, or the round and its signature' }),
  seed: Bytes,
  winners: Type.Array(
    Type.Object({ ...Drawn, serial: Type.Integer({ minimum: 1 }), tier: Type.Integer({ minimum: 0 }) }),
  ),
  alternates: Type.Array(Type.Object({ ...Drawn, alternate: Type.Integer({ minimum: 1 }) })),
});

export const CampaignList = Type.Object(
  { campaigns: Type.Array(CampaignView), next: Type.Union([Type.Integer(), Type.Null()]) },
  { additionalProperties: false },
);

export const KeyList = Type.Object(
  { keys: Type.Array(PublicKey, { description: 'What slices and books are, and were, signed with' }) },
  { additionalProperties: false },
);
export type KeyList = Static<typeof KeyList>;

export const HeadList = Type.Object(
  {
    heads: Type.Array(Type.String(), {
      description:
        'Signed heads, 192 bytes each in base64url, in the order of their last instant and gateway',
    }),
    next: Type.String({ description: 'The `after` of the next page, which may be made later' }),
  },
  { additionalProperties: false },
);
export type HeadList = Static<typeof HeadList>;

export const Health = Type.Object({
  status: Type.String(),
  checks: Type.Optional(Type.Record(Type.String(), Type.String())),
  warnings: Type.Optional(
    Type.Record(Type.String(), Type.String(), {
      description: 'What is not as it should be, by part; entries are taken all the same',
    }),
  ),
  clock_error_bound_ms: Type.Optional(
    Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
      description: 'How far off the clock that all gateways share may be here; null before it was read',
    }),
  ),
});
