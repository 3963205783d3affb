/** The problems that the OpenAPI document of the gateway shows, as told by the operations that answer with them. */
import { alice, bob, drop, raffle, room, shop } from '../../engine/contract/api/examples/story.ts';
import { fieldFault, secretFault } from '../../engine/contract/api/problem.ts';
import { invalidExample, type ProblemExamples } from '../../engine/contract/api/problem-examples.ts';
import { MAX_CAMPAIGN_ID } from './contract/fields.ts';

/** The number of a campaign that was cancelled, and of one that never was. */
const CANCELLED = 5;
const UNKNOWN = 999;

const BOOK_BYTES = 48_213;
const BOOK_TAG = '"mc71r0gw-1179"';

const dropTimes = { opens_at: drop.opensAt, closes_at: drop.closesAt };
const archive = `campaign-${drop.id}.archive.ndjson.gz`;

/** Of most operations. */
export const sharedProblems: ProblemExamples = {
  'invalid-request': invalidExample([
    fieldFault('id', 'first', `the number of a campaign, a whole number from 1 to ${MAX_CAMPAIGN_ID}`),
  ]),
  unauthenticated: {
    detail: 'The request has no ticket.',
    errors: [fieldFault('authorization', undefined, 'Bearer <ticket>')],
  },
  'unknown-campaign': {
    detail: `Campaign ${UNKNOWN} does not exist.`,
    errors: [fieldFault('id', UNKNOWN, 'the number of an existing campaign')],
  },
  blocked: { detail: 'Your account is blocked. What you have stays.', blocked: 'account' },
  unavailable: { detail: 'Campaigns cannot be looked up right now.' },
  'request-timeout': { detail: 'The body did not arrive within 5000 ms.' },
  'not-open-yet': { detail: `The campaign opens at ${drop.opensAt}.`, ...dropTimes },
  closed: { detail: `The campaign closed at ${drop.closesAt}. Earlier entries stay.`, ...dropTimes },
  cancelled: { detail: `Campaign ${CANCELLED} was cancelled.` },
  paused: { detail: `Campaign ${drop.id} is paused. Earlier entries stay.` },
  // A drop without a waitlist, unlike the one in the story.
  'sold-out': { detail: 'All 500 coupons are granted.', stock: 500 },
  'already-withdrawn': {
    detail: `The entry in campaign ${drop.id} was withdrawn; this is final.`,
    stamp: bob.stamp,
  },
  'already-settled': {
    detail: `The entry in campaign ${drop.id} is decided and cannot be withdrawn.`,
    stamp: alice.stamp,
    outcome: 'granted',
  },
  archived: {
    detail: `Most entries of campaign ${drop.id} were archived to ${archive}; the operator of this service can look into it.`,
    file: archive,
  },
  'payload-too-large': {
    detail: 'The body is larger than 1024 bytes.',
    errors: [fieldFault('body', '2000 bytes', 'at most 1024 bytes')],
  },
  'unsupported-media-type': {
    detail: 'The body must be application/json.',
    errors: [fieldFault('content-type', 'text/xml', 'application/json, or no body')],
  },
  'too-many-requests': {
    detail:
      'You have asked for this before, and the earlier answer stands. Repeated requests are limited to 5 per second per user and 500 per address.',
  },
  overloaded: { detail: '50000 entries are waiting for the log. Retrying is safe.' },
  'no-entry': { detail: `You have no entry in campaign ${drop.id}.` },
  'nothing-to-claim': {
    detail: `Campaign ${raffle.id} has no claims: what it grants is final.`,
    stamp: raffle.stamps[0],
    outcome: 'waiting',
  },
  'claim-lapsed': {
    detail: `The offer expired at ${alice.claimBy} unclaimed.`,
    lapsed_at: alice.claimBy,
  },
  'too-many-watchers': { detail: 'You have 4 open streams here, which is the limit per user.' },
  'no-book': { detail: `Campaign ${CANCELLED} has no book: an entry is in no signed slice.` },
  'precondition-failed': {
    detail: `If-Match does not name the book of campaign ${drop.id}.`,
    errors: [fieldFault('if-match', '"mc6x2k9c-6m9"', BOOK_TAG)],
  },
  'range-not-satisfiable': {
    detail: `The book of campaign ${drop.id} has ${BOOK_BYTES} bytes; the range begins after the last one.`,
    errors: [fieldFault('range', `bytes=${BOOK_BYTES}-`, `a range that begins before byte ${BOOK_BYTES}`)],
  },
  'no-proof': { detail: `Campaign ${drop.id} is not a raffle with a draw proof.` },
  'not-decided-yet': { detail: `Campaign ${drop.id} is not decided yet.` },
  'no-room': { detail: `Campaign ${raffle.id} is a raffle; it has no passes.` },
  'other-shop': { detail: `Campaign ${room.id} is not one of the shop "${shop.name}".` },
  'pass-used': { detail: `The pass of admission ${room.serial} was already used; it admits once.` },
  'not-configured': {
    detail:
      'Shops cannot authenticate with this: set SHOP_TOKEN in the environment of the gateways, or send a token of POST /v1/shop-tokens.',
    errors: [fieldFault('SHOP_TOKEN', undefined, '16 to 512 printable characters without spaces')],
  },
};

export const unauthenticatedShop: ProblemExamples = {
  unauthenticated: {
    detail: 'The token in the Authorization header is not the token of a shop.',
    errors: [
      secretFault(
        'authorization',
        'Bearer wrong',
        'Bearer <SHOP_TOKEN of the gateways, or a token of POST /v1/shop-tokens>',
      ),
    ],
  },
};

export const noLookUp: ProblemExamples = {
  unavailable: { detail: 'Entries cannot be looked up right now.' },
};

export const noBooks: ProblemExamples = {
  unavailable: { detail: 'Books and proofs cannot be read right now.' },
};

export const noPasses: ProblemExamples = {
  unavailable: { detail: 'Passes cannot be looked up right now. Retrying is safe.' },
};

/** The visitor of an admission has left. */
export const visitorLeft = { detail: `Admission ${room.serial} has ended: the visitor has left.` } as const;
