/** Campaigns as everybody sees them, and the proof of a draw. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { drawProof } from '../../../engine/contract/api/examples/signed.ts';
import { drop, raffle, room, TIME_ZONE } from '../../../engine/contract/api/examples/story.ts';
import {
  AnnouncedRandomness,
  MonitorMember,
  NoticeMember,
} from '../../../engine/contract/redis/board/board.ts';
import { Instant } from './fields.ts';

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
    notice: Type.Optional(NoticeMember),
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
