/**
 * Every operation of the operator's API, with every answer it gives. Routes and the OpenAPI document are made from this table;
 * a test produces each answer for real.
 */
import { alice, drop, raffle, room } from '../../contract/api/examples/story.ts';
import { OPENAPI_VERSION, SERVERS } from '../../contract/api/openapi.ts';
import { CSV_MEDIA_TYPE } from '../http/csv.ts';
import { blockOperations } from './blocks/block-operations.ts';
import { closedExample } from './campaign-examples.ts';
import {
  CampaignJson,
  CampaignPage,
  CampaignPath,
  CreatedCampaign,
  NewCampaignBody,
} from './campaign-schemas.ts';
import { ClocksJson, TrustBody, trustedExample } from './clock-schemas.ts';
import { couponOperations } from './coupons/coupon-operations.ts';
import { DeadlineBody, DeadlineJson, PassedOnJson, PassOnBody, ProofJson } from './draw-schemas.ts';
import { EntrantPage, EntrantsBody, EntrantsQuery, EntrantsSaved } from './entrant-schemas.ts';
import { csvExample, EntriesQuery, EntryPage, ExportQuery, TotalsJson } from './entry-schemas.ts';
import {
  DRY_RUN,
  ETAG,
  INFO,
  JSON_MEDIA_TYPE,
  json,
  ON_CAMPAIGN,
  type Operation,
  orDryRun,
  SECURED,
  shownBy,
  WITH_BODY,
} from './operation.ts';
import { logOperations } from './operator-log.ts';
import { accountOperations } from './operators/account-operations.ts';
import { providerOperations } from './operators/provider-operations.ts';
import { peopleOperations } from './people/people-operations.ts';
import { archivedTo, changedSince, conflict, largerThan } from './problem-examples.ts';
import { PROPOSED, proposalOperations } from './proposals/proposal-operations.ts';
import { RoomJson, RoomTermsBody } from './room-schemas.ts';
import { scheduleOperations } from './schedule-operations.ts';
import { DryRunQuery, MatchHeaders, ReasonBody } from './schedule-schemas.ts';
import { PageQuery } from './schemas.ts';
import { Alive, DeadLettersPage, metricsExample, Ready } from './service-schemas.ts';
import { shopTokenOperations } from './tokens/shop-token-operations.ts';
import { tokenOperations } from './tokens/token-operations.ts';

export { JSON_MEDIA_TYPE, type Operation, SECURED_PREFIX } from './operation.ts';

/** 1,000 entrants with every member at its maximum length have about 500 bytes each. */
const ENTRANTS_LIMIT_BYTES = 1024 * 1024;

const PAGE = {
  status: 200,
  description: 'A page for browsers',
  content: { 'text/html': undefined },
  examples: { 'text/html': '<!doctype html>' },
} as const;

export const operations = {
  createCampaign: {
    method: 'POST',
    path: '/v1/campaigns',
    summary: 'Create a campaign; a draft if the body says so',
    query: DryRunQuery,
    body: NewCampaignBody,
    answer: json(201, 'Created', CreatedCampaign, { location: 'The URL of the campaign' }),
    dryRunAnswer: DRY_RUN,
    problems: [...SECURED, ...WITH_BODY],
  },
  listCampaigns: {
    method: 'GET',
    path: '/v1/campaigns',
    summary: 'List campaigns by id, a page at a time',
    query: PageQuery,
    answer: json(200, 'A page', CampaignPage),
    problems: SECURED,
  },
  getCampaign: {
    method: 'GET',
    path: '/v1/campaigns/{id}',
    summary: 'Read a campaign',
    parameters: CampaignPath,
    answer: json(200, 'The campaign', CampaignJson, ETAG),
    problems: ON_CAMPAIGN,
  },
  closeCampaign: {
    method: 'POST',
    path: '/v1/campaigns/{id}/close',
    summary:
      'Close a campaign early. Answers when the close has passed, which takes a little longer than a gateway ' +
      'lease; retrying is safe.',
    parameters: CampaignPath,
    query: DryRunQuery,
    body: ReasonBody,
    answer: shownBy(json(200, 'Closed', orDryRun(CampaignJson), ETAG), closedExample),
    proposedAnswer: PROPOSED,
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'not-open-yet', 'conflict'],
    problemExamples: conflict(`Campaign ${drop.id} is cancelled and cannot be closed.`),
  },
  listEntries: {
    method: 'GET',
    path: '/v1/campaigns/{id}/entries',
    summary: 'List entries with their outcomes: JSON a page at a time, CSV all at once',
    parameters: CampaignPath,
    query: EntriesQuery,
    answer: {
      status: 200,
      description: 'A page, or all entries; `after` and `limit` apply to pages',
      content: { [JSON_MEDIA_TYPE]: EntryPage, [CSV_MEDIA_TYPE]: undefined },
      examples: { [CSV_MEDIA_TYPE]: csvExample },
    },
    problems: [...ON_CAMPAIGN, 'archived', 'not-acceptable', 'overloaded'],
  },
  exportEntries: {
    method: 'GET',
    path: '/v1/campaigns/{id}/entries.csv',
    summary: 'Export all entries with their outcomes, as CSV',
    parameters: CampaignPath,
    query: ExportQuery,
    answer: {
      status: 200,
      description: 'All entries',
      content: { [CSV_MEDIA_TYPE]: undefined },
      examples: { [CSV_MEDIA_TYPE]: csvExample },
    },
    problems: [...ON_CAMPAIGN, 'archived', 'overloaded'],
  },
  getTotals: {
    method: 'GET',
    path: '/v1/campaigns/{id}/totals',
    summary: 'Count the entries of each outcome',
    parameters: CampaignPath,
    answer: json(200, 'The counts', TotalsJson),
    problems: ON_CAMPAIGN,
  },
  setEntrants: {
    method: 'PUT',
    path: '/v1/campaigns/{id}/entrants',
    summary:
      'Set tickets, groups and exclusions of entrants of a raffle: up to 1,000 per call, all or none. Not after ' +
      'the freeze, which happens at the close. Needs no If-Match: a call sets all terms of the users that it names, ' +
      'whatever they were, and touches no others.',
    parameters: CampaignPath,
    query: DryRunQuery,
    body: EntrantsBody,
    bodyLimitBytes: ENTRANTS_LIMIT_BYTES,
    answer: json(200, 'Saved', EntrantsSaved),
    proposedAnswer: PROPOSED,
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'conflict'],
    problemExamples: {
      ...conflict(`Campaign ${drop.id} is not a raffle: only entrants of a raffle have terms.`),
      ...largerThan(ENTRANTS_LIMIT_BYTES),
    },
  },
  listEntrants: {
    method: 'GET',
    path: '/v1/campaigns/{id}/entrants',
    summary: 'List the terms of entrants of a raffle, a page at a time',
    parameters: CampaignPath,
    query: EntrantsQuery,
    answer: json(200, 'A page', EntrantPage),
    problems: [...ON_CAMPAIGN, 'archived'],
    problemExamples: archivedTo('The terms of entrants of campaign'),
  },
  passOn: {
    method: 'POST',
    path: '/v1/campaigns/{id}/alternates/next',
    summary:
      'Pass an unclaimed prize on to the next alternate of the draw: the same serial and tier, another code. If ' +
      'the rules of the raffle or coupon have claim_within_s: end an offer early, unless it is claimed before every ' +
      'gateway knows; answers once they do. After 503 the end goes on by itself, and asking again waits for it.',
    parameters: CampaignPath,
    query: DryRunQuery,
    body: PassOnBody,
    answer: json(200, 'Passed on', PassedOnJson),
    proposedAnswer: PROPOSED,
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'conflict'],
    problemExamples: conflict(`Campaign ${raffle.id} is not a drawn raffle.`),
  },
  extendOffer: {
    method: 'POST',
    path: '/v1/campaigns/{id}/deadlines',
    summary: 'Extend the deadline of an offer, unless its end was asked for',
    parameters: CampaignPath,
    body: DeadlineBody,
    answer: json(200, 'Extended', DeadlineJson),
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'conflict'],
    problemExamples: conflict(
      `Serial ${alice.serial} can already be claimed until ${alice.claimBy}; a deadline can only be extended.`,
    ),
  },
  getProof: {
    method: 'GET',
    path: '/v1/campaigns/{id}/proof',
    summary: 'Read the proof of a draw',
    parameters: CampaignPath,
    answer: json(200, 'The proof', ProofJson),
    problems: [...ON_CAMPAIGN, 'no-proof'],
  },
  ...couponOperations,
  getRoom: {
    method: 'GET',
    path: '/v1/campaigns/{id}/room',
    summary: 'Read the terms of a waiting room and its head counts',
    parameters: CampaignPath,
    answer: json(200, 'The room', RoomJson, ETAG),
    problems: [...ON_CAMPAIGN, 'no-room', 'archived'],
    problemExamples: archivedTo('The people of room'),
  },
  setRoom: {
    method: 'PUT',
    path: '/v1/campaigns/{id}/room',
    summary:
      'Set the rate, the capacity and the pause of a waiting room. Takes effect with the next turn, within a second. To ' +
      'drain a room, close its campaign: nobody new can enter, and those who wait are admitted.',
    parameters: CampaignPath,
    headers: MatchHeaders,
    body: RoomTermsBody,
    answer: json(200, 'Set', RoomJson, ETAG),
    problems: [
      ...[...ON_CAMPAIGN, ...WITH_BODY, 'no-room', 'archived'],
      ...['precondition-required', 'precondition-failed'],
    ],
    problemExamples: {
      ...archivedTo('The people of room'),
      ...changedSince(`The room of campaign ${room.id}`),
    },
  },
  listDeadLetters: {
    method: 'GET',
    path: '/v1/dead-letters',
    summary: 'List log records that could not be ingested, a page at a time',
    query: PageQuery,
    answer: json(200, 'A page', DeadLettersPage),
    problems: SECURED,
  },
  getClocks: {
    method: 'GET',
    path: '/v1/clocks',
    summary:
      'Read what each clock shows, how far they differ, what is on hold meanwhile, and the last operator statement',
    answer: json(200, 'The clocks', ClocksJson),
    problems: ['unauthenticated', 'unavailable', 'internal-error'],
  },
  trustClock: {
    method: 'POST',
    path: '/v1/clocks/trust',
    summary:
      'Declare Redis correct while the clocks contradict each other, by the current difference. What is due by its ' +
      'clock is done at once, irrevocably. The statement ends by itself when the difference changes; retrying is safe.',
    body: TrustBody,
    answer: shownBy(json(200, 'In effect', ClocksJson), trustedExample),
    problems: [...SECURED, ...WITH_BODY, 'clocks-agree', 'other-difference'],
  },
  ...blockOperations,
  ...peopleOperations,
  ...scheduleOperations,
  ...accountOperations,
  ...providerOperations,
  ...tokenOperations,
  ...shopTokenOperations,
  ...proposalOperations,
  ...logOperations,
  enrolPage: {
    method: 'GET',
    path: '/enrol',
    summary: 'The page to which one-time links of operators lead; the token stands behind #',
    answer: PAGE,
    problems: [],
  },
  loginPage: {
    method: 'GET',
    path: '/login',
    summary: 'The page on which operators log in, and to which their identity provider leads back',
    answer: PAGE,
    problems: [],
  },
  livez: {
    method: 'GET',
    path: '/livez',
    summary: 'Liveness: whether the process is alive',
    answer: json(200, 'Alive', Alive),
    problems: [],
  },
  readyz: {
    method: 'GET',
    path: '/readyz',
    summary: 'Readiness: whether the engine can do its work; if not, `checks` of the problem says why',
    answer: json(200, 'Ready', Ready),
    problems: ['unavailable'],
    problemExamples: {
      unavailable: { detail: 'postgres: no answer', checks: { postgres: 'no answer', redis: 'ok' } },
    },
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics for Prometheus',
    answer: {
      status: 200,
      description: 'The counts',
      content: { 'text/plain': undefined },
      examples: { 'text/plain': metricsExample },
    },
    problems: [],
  },
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document',
    answer: {
      status: 200,
      description: 'OpenAPI 3.1',
      content: { [JSON_MEDIA_TYPE]: undefined },
      examples: { [JSON_MEDIA_TYPE]: { openapi: OPENAPI_VERSION, info: INFO, servers: SERVERS } },
    },
    problems: [],
  },
} as const satisfies Readonly<Record<string, Operation>>;

/** All operations, typed by what they have in common. */
export const allOperations: readonly Operation[] = Object.values(operations);
