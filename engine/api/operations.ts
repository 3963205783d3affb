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
  EntriesQuery,
  EntryPage,
  ExportQuery,
  NewCampaignBody,
  PageQuery,
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
  readonly method: 'GET' | 'POST';
  /** As OpenAPI writes it: `/v1/campaigns/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly parameters?: TObject;
  readonly query?: TObject;
  readonly body?: TObject;
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
