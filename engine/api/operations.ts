/**
 * Every operation of the operator's API, with every answer it gives. Routes and the OpenAPI document are made from
 * this table; a test has each answer given for real.
 */
import { TermsBody } from '../contract/coupons/terms-json.ts';
import { ClocksJson, TrustBody } from './clock-schemas.ts';
import { CouponJson, CouponPage, CouponPath, NewCouponBody } from './coupon-schemas.ts';
import { CSV_MEDIA_TYPE } from './csv.ts';
import {
  DRY_RUN,
  ETAG,
  JSON_MEDIA_TYPE,
  json,
  ON_CAMPAIGN,
  type Operation,
  orDryRun,
  SECURED,
  WITH_BODY,
} from './operation.ts';
import { scheduleOperations } from './schedule-operations.ts';
import { DryRunQuery, MatchHeaders, OperatorHeaders } from './schedule-schemas.ts';
import {
  Alive,
  CampaignJson,
  CampaignPage,
  CampaignPath,
  CreatedCampaign,
  DeadlineBody,
  DeadlineJson,
  EntrantPage,
  EntrantsBody,
  EntrantsQuery,
  EntrantsSaved,
  EntriesQuery,
  EntryPage,
  ExportQuery,
  NewCampaignBody,
  PageQuery,
  PassedOnJson,
  PassOnBody,
  ProofJson,
  Ready,
  RoomJson,
  RoomTermsBody,
  SetAsidePage,
  TotalsJson,
} from './schemas.ts';

export { JSON_MEDIA_TYPE, type Operation, SECURED_PREFIX } from './operation.ts';

/** 1,000 entrants with the longest of everything have about 500 bytes each. */
const ENTRANTS_LIMIT_BYTES = 1024 * 1024;

export const operations = {
  createCampaign: {
    method: 'POST',
    path: '/v1/campaigns',
    summary: 'Make a campaign; a draft where the body says so',
    query: DryRunQuery,
    headers: OperatorHeaders,
    body: NewCampaignBody,
    answer: json(201, 'Made', CreatedCampaign, { location: 'Where the campaign is' }),
    dryRunAnswer: DRY_RUN,
    problems: [...SECURED, ...WITH_BODY],
  },
  listCampaigns: {
    method: 'GET',
    path: '/v1/campaigns',
    summary: 'Campaigns by id, a page at a time',
    query: PageQuery,
    answer: json(200, 'A page', CampaignPage),
    problems: SECURED,
  },
  getCampaign: {
    method: 'GET',
    path: '/v1/campaigns/{id}',
    summary: 'One campaign',
    parameters: CampaignPath,
    answer: json(200, 'The campaign', CampaignJson, ETAG),
    problems: ON_CAMPAIGN,
  },
  closeCampaign: {
    method: 'POST',
    path: '/v1/campaigns/{id}/close',
    summary:
      'Close a campaign ahead of time. Answers when the close has passed, which takes a little longer than a lease of a ' +
      'gateway; asking again is safe.',
    parameters: CampaignPath,
    query: DryRunQuery,
    headers: OperatorHeaders,
    answer: json(200, 'It is closed', orDryRun(CampaignJson), ETAG),
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'not-open-yet', 'conflict'],
  },
  listEntries: {
    method: 'GET',
    path: '/v1/campaigns/{id}/entries',
    summary: 'Entries with their outcomes: as JSON a page at a time, as CSV all of them',
    parameters: CampaignPath,
    query: EntriesQuery,
    answer: {
      status: 200,
      description: 'A page, or all entries; `after` and `limit` are for pages',
      content: { [JSON_MEDIA_TYPE]: EntryPage, [CSV_MEDIA_TYPE]: undefined },
    },
    problems: [...ON_CAMPAIGN, 'archived', 'not-acceptable', 'overloaded'],
  },
  exportEntries: {
    method: 'GET',
    path: '/v1/campaigns/{id}/entries.csv',
    summary: 'All entries with their outcomes, as CSV',
    parameters: CampaignPath,
    query: ExportQuery,
    answer: { status: 200, description: 'All entries', content: { [CSV_MEDIA_TYPE]: undefined } },
    problems: [...ON_CAMPAIGN, 'archived', 'overloaded'],
  },
  getTotals: {
    method: 'GET',
    path: '/v1/campaigns/{id}/totals',
    summary: 'How many entries there are of each outcome',
    parameters: CampaignPath,
    answer: json(200, 'The numbers', TotalsJson),
    problems: ON_CAMPAIGN,
  },
  setEntrants: {
    method: 'PUT',
    path: '/v1/campaigns/{id}/entrants',
    summary:
      'Settle tickets, groups and exclusions of entrants of a raffle: up to 1,000 a call, all of them or none. Not after ' +
      'the freeze, which comes with the close.',
    parameters: CampaignPath,
    query: DryRunQuery,
    body: EntrantsBody,
    bodyLimitBytes: ENTRANTS_LIMIT_BYTES,
    answer: json(200, 'Settled', EntrantsSaved),
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'conflict'],
  },
  listEntrants: {
    method: 'GET',
    path: '/v1/campaigns/{id}/entrants',
    summary: 'What was settled about entrants of a raffle, a page at a time',
    parameters: CampaignPath,
    query: EntrantsQuery,
    answer: json(200, 'A page', EntrantPage),
    problems: ON_CAMPAIGN,
  },
  passOn: {
    method: 'POST',
    path: '/v1/campaigns/{id}/alternates/next',
    summary:
      'Pass a prize that is not claimed on to the next alternate of the draw: the same serial and tier, another code. Where ' +
      'the rules have claim_within_s, of a raffle or a coupon: ends an offer early, unless it is claimed before every ' +
      'gateway has heard of that, and answers when that is so.',
    parameters: CampaignPath,
    query: DryRunQuery,
    body: PassOnBody,
    answer: json(200, 'Passed on', PassedOnJson),
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'conflict'],
  },
  extendOffer: {
    method: 'POST',
    path: '/v1/campaigns/{id}/deadlines',
    summary: 'Give somebody longer to claim what they are offered',
    parameters: CampaignPath,
    body: DeadlineBody,
    answer: json(200, 'Extended', DeadlineJson),
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'conflict'],
  },
  getProof: {
    method: 'GET',
    path: '/v1/campaigns/{id}/proof',
    summary: 'The proof of a draw',
    parameters: CampaignPath,
    answer: json(200, 'The proof', ProofJson),
    problems: [...ON_CAMPAIGN, 'no-proof'],
  },
  createCoupon: {
    method: 'POST',
    path: '/v1/coupons',
    summary:
      'Say on what terms the codes of a campaign may be used, before it grants the first; or make a code that anybody may use',
    body: NewCouponBody,
    answer: json(201, 'Made', CouponJson, { location: 'Where the coupon is' }),
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'conflict'],
  },
  listCoupons: {
    method: 'GET',
    path: '/v1/coupons',
    summary: 'Coupons by id, a page at a time',
    query: PageQuery,
    answer: json(200, 'A page', CouponPage),
    problems: SECURED,
  },
  getCoupon: {
    method: 'GET',
    path: '/v1/coupons/{id}',
    summary: 'One coupon',
    parameters: CouponPath,
    answer: json(200, 'The coupon', CouponJson),
    problems: [...SECURED, 'unknown-coupon'],
  },
  replaceTerms: {
    method: 'PUT',
    path: '/v1/coupons/{id}/terms',
    summary: 'Put other terms in place of those of a coupon, while nobody holds one',
    parameters: CouponPath,
    body: TermsBody,
    answer: json(200, 'Changed', CouponJson),
    problems: [...SECURED, ...WITH_BODY, 'unknown-coupon', 'conflict'],
  },
  getRoom: {
    method: 'GET',
    path: '/v1/campaigns/{id}/room',
    summary: 'The terms of a waiting room, and its people',
    parameters: CampaignPath,
    answer: json(200, 'The room', RoomJson, ETAG),
    problems: [...ON_CAMPAIGN, 'no-room'],
  },
  setRoom: {
    method: 'PUT',
    path: '/v1/campaigns/{id}/room',
    summary:
      'Set the rate, the capacity and the pause of a waiting room. It holds from the next turn on, within a second. To ' +
      'drain a room, close its campaign: nobody new comes, and those who wait are let in.',
    parameters: CampaignPath,
    headers: MatchHeaders,
    body: RoomTermsBody,
    answer: json(200, 'Set', RoomJson, ETAG),
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'no-room', 'precondition-required', 'precondition-failed'],
  },
  listSetAside: {
    method: 'GET',
    path: '/v1/set-aside',
    summary: 'Records of the log that could not be taken in, a page at a time',
    query: PageQuery,
    answer: json(200, 'A page', SetAsidePage),
    problems: SECURED,
  },
  getClocks: {
    method: 'GET',
    path: '/v1/clocks',
    summary:
      'What each clock shows, by how much they differ, and what is held meanwhile; and what an operator has said last',
    answer: json(200, 'The clocks', ClocksJson),
    problems: ['unauthenticated', 'unavailable', 'internal-error'],
  },
  trustClock: {
    method: 'POST',
    path: '/v1/clocks/trust',
    summary:
      'Say that Redis is right while the clocks contradict each other, by the difference that stands. What is due by its ' +
      'clock is done at once, for good. It ends by itself when the difference no longer stands; asking again is safe.',
    headers: OperatorHeaders,
    body: TrustBody,
    answer: json(200, 'It holds', ClocksJson),
    problems: [...SECURED, ...WITH_BODY, 'clocks-agree', 'other-difference'],
  },
  ...scheduleOperations,
  livez: {
    method: 'GET',
    path: '/livez',
    summary: 'Whether the process is alive',
    answer: json(200, 'It is', Alive),
    problems: [],
  },
  readyz: {
    method: 'GET',
    path: '/readyz',
    summary: 'Whether the engine can do its work; where it cannot, `checks` of the problem tells why',
    answer: json(200, 'It can', Ready),
    problems: ['unavailable'],
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: 'Numbers for Prometheus',
    answer: { status: 200, description: 'The numbers', content: { 'text/plain': undefined } },
    problems: [],
  },
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document',
    answer: { status: 200, description: 'OpenAPI 3.1', content: { [JSON_MEDIA_TYPE]: undefined } },
    problems: [],
  },
} as const satisfies Readonly<Record<string, Operation>>;

/** All of them, as what they have in common. */
export const allOperations: readonly Operation[] = Object.values(operations);
