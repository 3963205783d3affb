/**
 * Every operation of the operator's API, with every answer it gives. Routes and the OpenAPI document are made from
 * this table; a test has each answer given for real.
 */
import type { TObject, TSchema } from 'typebox';
import type { ProblemSlug } from '../contract/problem.ts';
import { CSV_MEDIA_TYPE } from './csv.ts';
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
  SetAsidePage,
  TotalsJson,
} from './schemas.ts';

export const JSON_MEDIA_TYPE = 'application/json';

export interface Answer {
  readonly status: number;
  readonly description: string;
  /** By media type; undefined where the body is no JSON. */
  readonly content: Readonly<Record<string, TSchema | undefined>>;
  /** Headers that always come with it, with what they tell. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** As OpenAPI writes it: `/v1/campaigns/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly parameters?: TObject;
  readonly query?: TObject;
  readonly body?: TSchema;
  /** Where it is not that of all others. */
  readonly bodyLimitBytes?: number;
  readonly answer: Answer;
  readonly problems: readonly ProblemSlug[];
}

/** What is served to those who have the token stands below it. */
export const SECURED_PREFIX = '/v1/';

const SECURED: readonly ProblemSlug[] = [
  'invalid-request',
  'unauthenticated',
  'unavailable',
  'internal-error',
];
const ON_CAMPAIGN: readonly ProblemSlug[] = [...SECURED, 'unknown-campaign'];
const WITH_BODY: readonly ProblemSlug[] = ['payload-too-large', 'unsupported-media-type'];

/** 1,000 entrants with the longest of everything have about 500 bytes each. */
const ENTRANTS_LIMIT_BYTES = 1024 * 1024;

function json(status: number, description: string, schema: TSchema, headers?: Answer['headers']): Answer {
  return {
    status,
    description,
    content: { [JSON_MEDIA_TYPE]: schema },
    ...(headers === undefined ? {} : { headers }),
  };
}

export const operations = {
  createCampaign: {
    method: 'POST',
    path: '/v1/campaigns',
    summary: 'Make a campaign',
    body: NewCampaignBody,
    answer: json(201, 'Made', CreatedCampaign, { location: 'Where the campaign is' }),
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
    answer: json(200, 'The campaign', CampaignJson),
    problems: ON_CAMPAIGN,
  },
  closeCampaign: {
    method: 'POST',
    path: '/v1/campaigns/{id}/close',
    summary:
      'Close a campaign ahead of time. Answers when the close has passed, which takes a little longer than a lease of a ' +
      'gateway; asking again is safe.',
    parameters: CampaignPath,
    answer: json(200, 'It is closed', CampaignJson),
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'not-open-yet'],
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
    problems: [...ON_CAMPAIGN, 'not-acceptable', 'overloaded'],
  },
  exportEntries: {
    method: 'GET',
    path: '/v1/campaigns/{id}/entries.csv',
    summary: 'All entries with their outcomes, as CSV',
    parameters: CampaignPath,
    query: ExportQuery,
    answer: { status: 200, description: 'All entries', content: { [CSV_MEDIA_TYPE]: undefined } },
    problems: [...ON_CAMPAIGN, 'overloaded'],
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
  listSetAside: {
    method: 'GET',
    path: '/v1/set-aside',
    summary: 'Records of the log that could not be taken in, a page at a time',
    query: PageQuery,
    answer: json(200, 'A page', SetAsidePage),
    problems: SECURED,
  },
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
