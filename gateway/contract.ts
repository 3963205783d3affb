/**
 * The public API, written once: these schemas check what comes in, type what goes out, and make the OpenAPI document.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import { AnnouncedRandomness, MonitorMember } from '../engine/contract/board/board.ts';
import { Receipt } from '../engine/contract/receipt.ts';
import { PublicKey } from '../engine/contract/signing-keys.ts';

export const MAX_CAMPAIGN_ID = 2_147_483_647;

export const EntryBody = Type.Object(
  {},
  {
    additionalProperties: false,
    description: 'An entry has no fields of its own; the body may be left out.',
    examples: [{}],
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
    position: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
      description: 'Final, or null while provisional: the queue tells it as soon as it is final',
    }),
    provisional: Type.Boolean({ description: 'true while an earlier request may still be on its way' }),
    estimated_position: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'While provisional: how many were counted so far, this entry with them. Good for "about the 12,000th", for nothing ' +
          'that has to stay: the position may be smaller or greater. Left out while Redis is made anew',
      }),
    ),
    receipt,
  },
  {
    additionalProperties: false,
    examples: [
      { campaign: 1, stamp: 604053504, position: null, provisional: true, estimated_position: 12000 },
      { campaign: 1, stamp: 604053504, position: 11987, provisional: false },
    ],
  },
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
  Type.Literal('waitlisted', { description: 'Next for what is not claimed' }),
  Type.Literal('offered', { description: 'To be claimed; granted or won once it is' }),
  Type.Literal('lapsed', { description: 'Was offered, and not claimed in time' }),
  Type.Literal('declined', { description: 'Was offered, and the entry withdrawn' }),
  Type.Literal('admitted'),
  Type.Literal('skipped', { description: 'Of a room: was away for too long, and not back when it ended' }),
]);
export type Outcome = Static<typeof Outcome>;

const Seconds = Type.Integer({ minimum: 0 });

/** How long somebody in a room will wait, in seconds: half of all wait no longer than p50, nine in ten no longer than p90. */
export const Eta = Type.Union([
  Type.Object({ p50: Seconds, p90: Seconds }, { additionalProperties: false }),
  Type.Null(),
]);
export type Eta = Static<typeof Eta>;

const eta = Type.Optional({
  ...Eta,
  description:
    'Of a room: how long it will take, in seconds, from the rate at which people were let in; null while it is paused',
});

const grantFields = {
  serial: Type.Optional(Type.Integer({ minimum: 1 })),
  code: Type.Optional(
    Type.String({
      description: 'Of a granted or won entry: what it is redeemed with; in a room the id of the pass',
    }),
  ),
};

const Instant = Type.String({ format: 'date-time' });

/** Where what is granted or won has to be claimed. */
const claimFields = {
  place: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'Of a waitlisted entry: which of those who still wait; only falls',
    }),
  ),
  claim_by: Type.Optional(
    Type.String({
      format: 'date-time',
      description:
        'Of an offer: until when it can be claimed. Later when an outage of ours comes in between; absent where it cannot be right',
    }),
  ),
  seconds_left: Type.Optional(Type.Integer({ minimum: 0, description: 'Until claim_by' })),
  ended_at: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'When it was claimed, lapsed, was declined or withdrawn',
    }),
  ),
};

export const EntryView = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer(),
    position: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
      description: 'Final, or null while provisional; of a final outcome also while Redis is made anew',
    }),
    ahead: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: 'Entries before this one that are not settled',
    }),
    provisional: Type.Boolean(),
    outcome: Outcome,
    eta,
    ...grantFields,
    ...claimFields,
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

export const ClaimAccepted = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer({ description: 'Of the entry' }),
    serial: Type.Integer({ minimum: 1 }),
    code: Type.String(),
    outcome: Type.Union(
      [
        Type.Literal('claimed'),
        Type.Literal('claiming', {
          description:
            'Logged behind the deadline as far as is known here; it counts if an outage has extended that',
        }),
      ],
      { description: 'Logged: a claim that was stamped at or before the deadline counts' },
    ),
    receipt: Type.Optional(Receipt),
  },
  { additionalProperties: false },
);
export type ClaimAccepted = Static<typeof ClaimAccepted>;

export const PositionEvent = Type.Object(
  {
    position: Type.Integer({ minimum: 1 }),
    ahead: Type.Integer({ minimum: 0 }),
    eta,
  },
  { examples: [{ position: 11987, ahead: 311 }] },
);

export const OutcomeEvent = Type.Object(
  {
    position: Type.Integer({ minimum: 1 }),
    outcome: Outcome,
    ...grantFields,
    ended_at: claimFields.ended_at,
  },
  { examples: [{ position: 1, outcome: 'granted', serial: 1, code: 'P9E7-HC7X-DYNM-7DCQ' }] },
);
export type OutcomeEvent = Static<typeof OutcomeEvent>;

export const WaitlistedEvent = Type.Object({
  position: Type.Integer({ minimum: 1 }),
  place: Type.Integer({ minimum: 1, description: 'Which of those who still wait; only falls' }),
});
export type WaitlistedEvent = Static<typeof WaitlistedEvent>;

export const OfferEvent = Type.Object({
  position: Type.Integer({ minimum: 1 }),
  serial: Type.Integer({ minimum: 1 }),
  code: Type.String(),
  claim_by: Type.Optional(
    Type.String({ format: 'date-time', description: 'Absent where it is known that it cannot be right' }),
  ),
  seconds_left: Type.Optional(Type.Integer({ minimum: 0, description: 'Until claim_by' })),
});
export type OfferEvent = Static<typeof OfferEvent>;

export const PassView = Type.Object(
  {
    pass: Type.String({
      description: 'A JWT, to be shown to the shop: signed with a key of /.well-known/jwks.json',
    }),
    expires_at: Instant,
    serial: Type.Integer({ minimum: 1, description: 'The admission' }),
  },
  { additionalProperties: false },
);
export type PassView = Static<typeof PassView>;

export const Jwks = Type.Object(
  {
    keys: Type.Array(
      Type.Object({
        kty: Type.Literal('OKP'),
        crv: Type.Literal('Ed25519'),
        x: Type.String({ description: 'The raw public key, 32 bytes in base64url' }),
        kid: Type.String(),
        use: Type.Literal('sig'),
        alg: Type.Literal('EdDSA'),
      }),
    ),
  },
  { description: 'A JSON Web Key Set (RFC 7517): what passes and visits are signed with' },
);
export type Jwks = Static<typeof Jwks>;

/** A JWT is some 400 bytes. */
const MAX_TOKEN_CHARACTERS = 2_048;
const MAX_SESSION_CHARACTERS = 100;

export const ReportBody = Type.Object(
  {
    event: Type.Union([Type.Literal('used'), Type.Literal('left'), Type.Literal('expired')], {
      description:
        'used: somebody came with this pass. left, expired: the visit is over, and its place is free',
      'x-expected': 'one of used, left, expired',
    }),
    pass: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_TOKEN_CHARACTERS,
        description: 'Of used: the pass as the customer showed it',
        'x-expected': `a pass of 1 to ${MAX_TOKEN_CHARACTERS} characters`,
      }),
    ),
    serial: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_CAMPAIGN_ID,
        description: 'Of left and expired: the admission, as pass and visit name it',
        'x-expected': `a whole number from 1 to ${MAX_CAMPAIGN_ID}`,
      }),
    ),
    session: Type.Optional(
      Type.String({
        pattern: `^[\\x21-\\x7e]{1,${MAX_SESSION_CHARACTERS}}$`,
        description: 'Of used: an id of the shop for this visit. The same report may then be made again',
        'x-expected': `1 to ${MAX_SESSION_CHARACTERS} printable characters without spaces`,
      }),
    ),
  },
  { additionalProperties: false, examples: [{ event: 'left', serial: 7 }] },
);
export type ReportBody = Static<typeof ReportBody>;

export const VisitView = Type.Object(
  {
    user: Type.String(),
    serial: Type.Integer({ minimum: 1 }),
    state: Type.Union([
      Type.Literal('admitted'),
      Type.Literal('inside'),
      Type.Literal('left'),
      Type.Literal('expired'),
    ]),
    visit: Type.Optional(
      Type.String({
        description:
          'Of used: a JWT that the shop keeps with its customer, and that /check takes in place of a pass',
      }),
    ),
  },
  { additionalProperties: false },
);
export type VisitView = Static<typeof VisitView>;

export const CampaignView = Type.Object(
  {
    id: Type.Integer(),
    kind: Type.Union([Type.Literal('coupon'), Type.Literal('raffle'), Type.Literal('room')]),
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
    granted: Type.Integer({ description: 'Coupons granted, winners drawn, or people let in, so far' }),
    claim_within_s: Type.Optional(
      Type.Integer({ description: 'Where what is granted or won has to be claimed: within how long' }),
    ),
    waitlist: Type.Optional(Type.Integer({ description: 'Of such a coupon: how many may wait' })),
    waitlisted: Type.Optional(Type.Integer({ description: 'Where there are claims: how many were told to' })),
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
    monitors: Type.Optional(
      Type.Array(MonitorMember, {
        description:
          'Who is named in the rules to follow the signed heads (GET /v1/heads) from outside, and to counter-sign them',
      }),
    ),
    room: Type.Optional(
      Type.Object(
        {
          per_second: Type.Number({ description: 'How many are let in a second at most' }),
          capacity: Type.Union([Type.Integer(), Type.Null()], {
            description: 'How many may be inside at once; null: as many as come',
          }),
          paused: Type.Boolean({ description: 'Nobody is let in for now; all keep their places' }),
        },
        { additionalProperties: false },
      ),
    ),
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
  {
    campaigns: Type.Array(CampaignView),
    next: Type.Union([Type.Integer(), Type.Null()]),
    partial: Type.Optional(
      Type.Literal(true, {
        description:
          'Campaigns that are over for some time are left out, as they cannot be looked up at the moment',
      }),
    ),
  },
  { additionalProperties: false },
);
export type CampaignList = Static<typeof CampaignList>;

export const KeyList = Type.Object(
  { keys: Type.Array(PublicKey, { description: 'What slices and books are, and were, signed with' }) },
  { additionalProperties: false },
);
export type KeyList = Static<typeof KeyList>;

export const HeadList = Type.Object(
  {
    heads: Type.Array(Type.String(), {
      description:
        'Signed heads, 192 bytes each in base64url, in the order of their first instant, gateway, incarnation and slice number',
    }),
    next: Type.String({
      description:
        'The `after` of the next page, which may be made later: first instant, gateway, incarnation and slice number of the last one, with dots between',
    }),
    through_us: Type.Optional(
      Type.Integer({
        description:
          'On the last page there is: no slice with an instant up to this one, in microseconds since the epoch, will come any more',
      }),
    ),
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
