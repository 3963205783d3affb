/**
 * The public API, written once: these schemas validate input, type output, and define the OpenAPI document.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import {
  claimReceipt,
  drawProof,
  entryReceipt,
  HEADS_THROUGH_US,
  NEXT_HEADS,
  pass,
  passKey,
  publicKeys,
  signedHeads,
  visit,
} from '../../engine/contract/api/examples/signed.ts';
import { alice, bob, drop, raffle, room, TIME_ZONE } from '../../engine/contract/api/examples/story.ts';
import { PublicKey } from '../../engine/contract/keys/signing-keys.ts';
import { Receipt } from '../../engine/contract/record/receipt.ts';
import { AnnouncedRandomness, MonitorMember } from '../../engine/contract/redis/board/board.ts';

export const MAX_CAMPAIGN_ID = 2_147_483_647;

export const EntryBody = Type.Object(
  {},
  {
    additionalProperties: false,
    description: 'An entry has no fields; the body may be omitted.',
    examples: [{}],
  },
);

/**
 * Absent if the slice was not signed. For an entry that was accepted earlier, also absent if the ledger does not answer in
 * time or has not ingested the slice yet: a later request then returns it.
 */
const receipt = Type.Optional(Receipt);

const aliceEntry = { campaign: drop.id, stamp: alice.stamp };

export const EntryAccepted = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer({
      description: 'The position in the total order of the campaign; repeated requests never change it',
    }),
    position: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
      description: 'Final, or null while provisional: the queue stream reports it once it is final',
    }),
    provisional: Type.Boolean({ description: 'true while an earlier request may still arrive' }),
    estimated_position: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'While provisional: how many entries are counted so far, including this one. Suits "about the 12,000th" and nothing ' +
          'that must stay true: the position may be smaller or greater. Absent while Redis is being rebuilt',
      }),
    ),
    receipt,
  },
  {
    additionalProperties: false,
    examples: [
      { ...aliceEntry, position: null, provisional: true, estimated_position: 12_000, receipt: entryReceipt },
      { ...aliceEntry, position: alice.position, provisional: false, receipt: entryReceipt },
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
  Type.Literal('cancelled', { description: 'The entry was waiting when the campaign was cancelled' }),
  Type.Literal('waitlisted', { description: 'Next in line for unclaimed offers' }),
  Type.Literal('offered', { description: 'Waits to be claimed; then it becomes granted or won' }),
  Type.Literal('lapsed', { description: 'Offered and not claimed in time' }),
  Type.Literal('declined', { description: 'Offered, then the entry was withdrawn' }),
  Type.Literal('admitted'),
  Type.Literal('skipped', {
    description: 'Of a room: was away for too long and had not returned when it ended',
  }),
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
    'Of a room: the estimated wait in seconds, from the recent admission rate; null while it is paused',
});

const grantFields = {
  serial: Type.Optional(Type.Integer({ minimum: 1 })),
  code: Type.Optional(
    Type.String({
      description: 'Of a granted or won entry: the code to redeem it with; in a room the id of the pass',
    }),
  ),
};

const Instant = Type.String({ format: 'date-time' });

/** Members shown only in campaigns whose grants or prizes must be claimed. */
const claimFields = {
  place: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'Of a waitlisted entry: its position among those still waiting; only falls',
    }),
  ),
  claim_by: Type.Optional(
    Type.String({
      format: 'date-time',
      description:
        'Of an offer: the claim deadline. An outage on our side extends it; absent when the known one cannot be right',
    }),
  ),
  seconds_left: Type.Optional(Type.Integer({ minimum: 0, description: 'Seconds until claim_by' })),
  ended_at: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'When the offer was claimed, expired, or was declined or withdrawn',
    }),
  ),
};

export const EntryView = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer(),
    position: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
      description:
        'Final, or null while provisional; also null with a final outcome while Redis is being rebuilt',
    }),
    ahead: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: 'Unsettled entries ahead of this one',
    }),
    provisional: Type.Boolean(),
    outcome: Outcome,
    eta,
    ...grantFields,
    ...claimFields,
    receipt,
  },
  {
    additionalProperties: false,
    examples: [
      {
        ...{ ...aliceEntry, position: alice.position, ahead: 311, provisional: false },
        ...{ outcome: 'waiting', receipt: entryReceipt },
      },
      {
        ...{ ...aliceEntry, position: alice.position, ahead: 0, provisional: false, outcome: 'granted' },
        ...{ serial: alice.serial, code: alice.code, ended_at: alice.claimedAt, receipt: entryReceipt },
      },
    ],
  },
);
export type EntryView = Static<typeof EntryView>;

export const WithdrawalAccepted = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer({ description: 'Of the withdrawn entry' }),
    outcome: Type.Literal('withdrawing', {
      description:
        'Logged. It takes effect unless the entry was settled first; the final outcome shows which',
    }),
  },
  {
    additionalProperties: false,
    examples: [{ campaign: drop.id, stamp: bob.stamp, outcome: 'withdrawing' }],
  },
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
            'Logged after the deadline known here; it counts if an outage has extended the deadline',
        }),
      ],
      { description: 'Logged; a claim stamped at or before the deadline counts' },
    ),
    receipt: Type.Optional(Receipt),
  },
  {
    additionalProperties: false,
    examples: [
      {
        ...{ ...aliceEntry, serial: alice.serial, code: alice.code, outcome: 'claimed' },
        receipt: claimReceipt,
      },
    ],
  },
);
export type ClaimAccepted = Static<typeof ClaimAccepted>;

const positionExample = { position: alice.position, ahead: 311 };
const offerExample = {
  ...{ position: alice.position, serial: alice.serial, code: alice.code },
  ...{ claim_by: alice.claimBy, seconds_left: drop.claimWithinS },
};
const outcomeExample = {
  ...{ position: alice.position, outcome: 'granted', serial: alice.serial, code: alice.code },
  ended_at: alice.claimedAt,
};

export const PositionEvent = Type.Object(
  {
    position: Type.Integer({ minimum: 1 }),
    ahead: Type.Integer({ minimum: 0 }),
    eta,
  },
  { examples: [positionExample] },
);

export const OutcomeEvent = Type.Object(
  {
    position: Type.Integer({ minimum: 1 }),
    outcome: Outcome,
    ...grantFields,
    ended_at: claimFields.ended_at,
  },
  { examples: [outcomeExample] },
);
export type OutcomeEvent = Static<typeof OutcomeEvent>;

export const WaitlistedEvent = Type.Object(
  {
    position: Type.Integer({ minimum: 1 }),
    place: Type.Integer({ minimum: 1, description: 'The position among those still waiting; only falls' }),
  },
  { examples: [{ position: bob.position, place: bob.place }] },
);
export type WaitlistedEvent = Static<typeof WaitlistedEvent>;

export const OfferEvent = Type.Object(
  {
    position: Type.Integer({ minimum: 1 }),
    serial: Type.Integer({ minimum: 1 }),
    code: Type.String(),
    claim_by: Type.Optional(
      Type.String({ format: 'date-time', description: 'Absent when the known one cannot be right' }),
    ),
    seconds_left: Type.Optional(Type.Integer({ minimum: 0, description: 'Seconds until claim_by' })),
  },
  { examples: [offerExample] },
);
export type OfferEvent = Static<typeof OfferEvent>;

/** The stream of Alice, who claims what she is offered. */
export const streamExample = [
  'retry: 2731',
  event('position', String(positionExample.ahead), positionExample),
  event('offer', 'o', offerExample),
  event('outcome', 'over', outcomeExample),
  '',
].join('\n\n');

function event(name: string, id: string, data: object): string {
  return `id: ${drop.id}:${alice.stamp}:${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}`;
}

export const PassView = Type.Object(
  {
    pass: Type.String({
      description: 'A JWT to show to the shop, signed with a key from /.well-known/jwks.json',
    }),
    expires_at: Instant,
    serial: Type.Integer({ minimum: 1, description: 'The admission' }),
  },
  {
    additionalProperties: false,
    examples: [{ pass, expires_at: room.passUntil, serial: room.serial }],
  },
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
  {
    description: 'A JSON Web Key Set (RFC 7517): the keys that sign passes and visits',
    examples: [{ keys: [passKey] }],
  },
);
export type Jwks = Static<typeof Jwks>;

/** A JWT is some 400 bytes. */
const MAX_TOKEN_CHARACTERS = 2_048;
const MAX_SESSION_CHARACTERS = 100;

export const ReportBody = Type.Object(
  {
    event: Type.Union([Type.Literal('used'), Type.Literal('left'), Type.Literal('expired')], {
      description:
        'used: a customer arrived with this pass. left, expired: the visit has ended and its slot is free',
      'x-expected': 'one of used, left, expired',
    }),
    pass: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_TOKEN_CHARACTERS,
        description: 'Of used: the pass that the customer presented',
        'x-expected': `a pass of 1 to ${MAX_TOKEN_CHARACTERS} characters`,
      }),
    ),
    serial: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_CAMPAIGN_ID,
        description: 'Of left and expired: the number of the admission, from the pass or visit',
        'x-expected': `a whole number from 1 to ${MAX_CAMPAIGN_ID}`,
      }),
    ),
    session: Type.Optional(
      Type.String({
        pattern: `^[\\x21-\\x7e]{1,${MAX_SESSION_CHARACTERS}}$`,
        description: 'Of used: an id that the shop chooses for this visit. It makes the report repeatable',
        'x-expected': `1 to ${MAX_SESSION_CHARACTERS} printable characters without spaces`,
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [
      { event: 'used', pass, session: 'checkout-5512' },
      { event: 'left', serial: room.serial },
    ],
  },
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
          'Of used: a JWT that the shop stores for its customer; /check accepts it in place of a pass',
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [
      { user: alice.user, serial: room.serial, state: 'inside', visit },
      { user: alice.user, serial: room.serial, state: 'left' },
    ],
  },
);
export type VisitView = Static<typeof VisitView>;

const campaignExamples = [
  {
    ...{ id: drop.id, kind: 'coupon', title: drop.title, stock: drop.stock },
    ...{ opens_at: drop.opensAt, closes_at: drop.closesAt, time_zone: TIME_ZONE, status: 'sold_out' },
    ...{ settled: drop.settled, granted: drop.stock, claim_within_s: drop.claimWithinS },
    ...{ waitlisted: drop.waitlisted, waitlist: drop.waitlist, rules_hash: drop.rulesHash },
  },
  {
    ...{ id: raffle.id, kind: 'raffle', title: raffle.title, winners: 1 },
    ...{ opens_at: raffle.opensAt, closes_at: raffle.closesAt, time_zone: TIME_ZONE, status: 'settled' },
    ...{ settled: 2, granted: 1, rules_hash: drawProof.rules_hash, pool_root: drawProof.pool_root },
    randomness: drawProof.rules.draw.randomness,
  },
  {
    ...{ id: room.id, kind: 'room', title: room.title, opens_at: room.opensAt, closes_at: room.closesAt },
    ...{ time_zone: TIME_ZONE, status: 'open', settled: room.admitted, granted: room.admitted },
    room: { per_second: room.perSecond, capacity: room.capacity, paused: false },
  },
];

export const CampaignView = Type.Object(
  {
    id: Type.Integer(),
    kind: Type.Union([Type.Literal('coupon'), Type.Literal('raffle'), Type.Literal('room')]),
    title: Type.String(),
    stock: Type.Optional(Type.Integer({ description: 'Of a coupon: the stock' })),
    winners: Type.Optional(Type.Integer({ description: 'Of a raffle: the number of winners' })),
    opens_at: Instant,
    closes_at: Instant,
    draws_at: Type.Optional(Instant),
    time_zone: Type.Optional(
      Type.String({ description: 'IANA time zone for displaying times; UTC when absent' }),
    ),
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
    granted: Type.Integer({ description: 'Coupons granted, winners drawn or people admitted so far' }),
    claim_within_s: Type.Optional(
      Type.Integer({ description: 'Where claims are required: the time to claim, in seconds' }),
    ),
    waitlist: Type.Optional(Type.Integer({ description: 'Of such a coupon: the size of the waitlist' })),
    waitlisted: Type.Optional(
      Type.Integer({ description: 'Where claims are required: how many are waitlisted' }),
    ),
    rules_hash: Type.Optional(
      Type.String({
        description: 'SHA-256 of the announced rules, base64url; absent until they are announced',
      }),
    ),
    pool_root: Type.Optional(
      Type.String({
        description:
          'Of a raffle whose pool is frozen: the Merkle root over its entries with their tickets, groups and exclusions, base64url. Note it before the randomness is known: it proves later that none of them was changed',
      }),
    ),
    randomness: Type.Optional(AnnouncedRandomness),
    monitors: Type.Optional(
      Type.Array(MonitorMember, {
        description:
          'The monitors named in the rules: they follow the signed heads (GET /v1/heads) from outside and counter-sign them',
      }),
    ),
    room: Type.Optional(
      Type.Object(
        {
          per_second: Type.Number({ description: 'The maximum number of admissions per second' }),
          capacity: Type.Union([Type.Integer(), Type.Null()], {
            description: 'How many may be inside at once; null: no limit',
          }),
          paused: Type.Boolean({ description: 'No admissions for now; everybody keeps their position' }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, examples: campaignExamples },
);
export type CampaignView = Static<typeof CampaignView>;

const Bytes = Type.String({ description: '32 bytes in base64url' });
const Drawn = {
  key: Bytes,
  stamp: Type.Integer(),
  who: Bytes,
  tickets: Type.Optional(Type.Integer({ minimum: 2, maximum: 1_000 })),
};

/** Written by engine/draw/proof.ts. */
export const DrawProof = Type.Object(
  {
    proof: Type.Literal(1),
    campaign: Type.Integer(),
    rules: Type.Object({}, { additionalProperties: true, description: 'As announced' }),
    rules_hash: Bytes,
    pool_root: Bytes,
    pool_count: Type.Integer({ minimum: 0 }),
    randomness: Bytes,
    source: Type.Object(
      {},
      { additionalProperties: true, description: 'The secret, or the round and its signature' },
    ),
    seed: Bytes,
    winners: Type.Array(
      Type.Object({ ...Drawn, serial: Type.Integer({ minimum: 1 }), tier: Type.Integer({ minimum: 0 }) }),
    ),
    alternates: Type.Array(Type.Object({ ...Drawn, alternate: Type.Integer({ minimum: 1 }) })),
  },
  { examples: [drawProof] },
);

export const CampaignList = Type.Object(
  {
    campaigns: Type.Array(CampaignView),
    next: Type.Union([Type.Integer(), Type.Null()]),
    partial: Type.Optional(
      Type.Literal(true, {
        description: 'Older campaigns are missing because they cannot be looked up right now',
      }),
    ),
  },
  { additionalProperties: false, examples: [{ campaigns: campaignExamples, next: null }] },
);
export type CampaignList = Static<typeof CampaignList>;

export const RangeHeaders = Type.Object({
  range: Type.Optional(
    Type.String({
      description:
        'One range: bytes=<first>-<last>, bytes=<first>- or bytes=-<length of the end>. With anything else, the answer is the whole',
      examples: ['bytes=1048576-'],
    }),
  ),
  'if-range': Type.Optional(
    Type.String({
      description: 'The ETag of what was downloaded so far: if it is another one, the answer is the whole',
    }),
  ),
  'if-match': Type.Optional(Type.String({ description: 'ETags: if it is none of them, the answer is 412' })),
  'if-none-match': Type.Optional(
    Type.String({ description: 'ETags: if it is one of them, the answer is 304' }),
  ),
});

const etag = 'Strong, and always the same for a book';
const contentRange = 'Which bytes the answer has, and how many there are';

/** Headers of answers with a book, by status. */
export const bookHeaders = {
  200: { etag, 'accept-ranges': 'bytes' },
  206: { etag, 'accept-ranges': 'bytes', 'content-range': contentRange },
  304: { etag },
  412: { etag },
  416: { 'content-range': 'How many bytes there are' },
} as const;

export const KeyList = Type.Object(
  { keys: Type.Array(PublicKey, { description: 'The current and former keys that sign slices and books' }) },
  { additionalProperties: false, examples: [{ keys: publicKeys }] },
);
export type KeyList = Static<typeof KeyList>;

export const HeadList = Type.Object(
  {
    heads: Type.Array(Type.String(), {
      description:
        'Signed heads, 192 bytes each in base64url, ordered by first instant, gateway, incarnation and slice number',
    }),
    next: Type.String({
      description:
        'The `after` of the next page, which may not exist yet: first instant, gateway, incarnation and slice number of the last head, separated by dots',
    }),
    through_us: Type.Optional(
      Type.Integer({
        description:
          'On the last page: no more slices will come with an instant up to this one (microseconds since the epoch)',
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [{ heads: signedHeads, next: NEXT_HEADS, through_us: HEADS_THROUGH_US }],
  },
);
export type HeadList = Static<typeof HeadList>;

export const Health = Type.Object(
  {
    status: Type.String(),
    checks: Type.Optional(Type.Record(Type.String(), Type.String())),
    warnings: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'Warnings by component; the gateway still accepts entries',
      }),
    ),
    clock_error_bound_ms: Type.Optional(
      Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
        description: 'The error bound of the shared clock on this gateway; null before the first sample',
      }),
    ),
  },
  {
    examples: [
      { status: 'ok', checks: { lease: 'ok', redis: 'ok', clock: 'ok' }, clock_error_bound_ms: 0.232 },
    ],
  },
);

export const notReadyExample = {
  status: 'unavailable',
  checks: { lease: 'ok', redis: 'reconnecting', clock: 'ok' },
  clock_error_bound_ms: 0.302,
};

export const metricsExample = `# HELP fairline_slices_total Slices appended to the log
# TYPE fairline_slices_total counter
fairline_slices_total 1893
`;
