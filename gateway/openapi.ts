/** The OpenAPI document of the public API, made from the schemas that check and type it. */
import {
  PROBLEM_MEDIA_TYPE,
  ProblemDocument,
  type ProblemSlug,
  problems,
} from '../engine/contract/problem.ts';
import {
  CampaignList,
  CampaignView,
  ClaimAccepted,
  DrawProof,
  EntryAccepted,
  EntryBody,
  EntryView,
  HeadList,
  Health,
  Jwks,
  KeyList,
  OfferEvent,
  OutcomeEvent,
  PassView,
  PositionEvent,
  ReportBody,
  VisitView,
  WaitlistedEvent,
  WithdrawalAccepted,
} from './contract.ts';
import { couponOperations } from './coupons/operations.ts';
import type { Operation } from './operation.ts';
import { TICKET_COOKIE } from './requests.ts';

const CAMPAIGN = [
  'invalid-request',
  'unknown-campaign',
  'unavailable',
] as const satisfies readonly ProblemSlug[];
const ASKER = ['unauthenticated', ...CAMPAIGN] as const satisfies readonly ProblemSlug[];

/** Every operation, with every answer it gives; 405 (with Allow), 404 and 431 are given on any path. */
export const operations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/campaigns/{id}/entries',
    summary:
      'Enter. Stamped on arrival; 202 means that it is in the log and counts. Asking again is always safe.',
    ticket: true,
    body: EntryBody,
    answers: { 202: EntryAccepted, 200: EntryView },
    problems: [
      ...ASKER,
      'request-timeout',
      'not-open-yet',
      'closed',
      'cancelled',
      'paused',
      'sold-out',
      'already-withdrawn',
      'archived',
      'payload-too-large',
      'unsupported-media-type',
      'too-many-requests',
      'overloaded',
    ],
  },
  {
    method: 'get',
    path: '/v1/campaigns/{id}/entries/me',
    summary: 'The entry of the user who asks',
    ticket: true,
    answers: { 200: EntryView },
    problems: [...ASKER, 'no-entry', 'archived'],
  },
  {
    method: 'delete',
    path: '/v1/campaigns/{id}/entries/me',
    summary:
      'Withdraw the entry. Final; the user cannot enter this campaign again. What was offered to be claimed is declined, ' +
      'and passes to the next at once.',
    ticket: true,
    answers: { 202: WithdrawalAccepted },
    problems: [
      ...ASKER,
      'no-entry',
      'already-withdrawn',
      'already-settled',
      'cancelled',
      'closed',
      'archived',
      'overloaded',
    ],
  },
  {
    method: 'post',
    path: '/v1/campaigns/{id}/entries/me/claim',
    summary:
      'Claim what was offered, where the campaign has claim_within_s. Stamped on arrival; 202 means that it is in the log. ' +
      'Asking again is always safe, and answered in the same way.',
    ticket: true,
    answers: { 202: ClaimAccepted },
    problems: [
      ...ASKER,
      'no-entry',
      'nothing-to-claim',
      'claim-lapsed',
      'already-withdrawn',
      'archived',
      'overloaded',
    ],
  },
  {
    method: 'get',
    path: '/v1/campaigns/{id}/queue',
    summary:
      'The position, live, as server-sent events: `position` {position, ahead} (of a room also eta) whenever ahead falls, `stalled` while an ' +
      'outage of ours stops the queue, and last `outcome` {position, outcome, serial, code}. Where what is granted or won has ' +
      'to be claimed, before the outcome: `waitlisted` {position, place} whenever the place falls, and `offer` {position, ' +
      'serial, code, claim_by, seconds_left}, again when an outage of ours has extended it. Last-Event-ID is honoured; ' +
      'after the outcome a reconnect is answered with 204, so that an EventSource stops.',
    ticket: true,
    query: ['last_event_id'],
    answers: { 200: 'text/event-stream', 204: 'nothing' },
    problems: [...ASKER, 'no-entry', 'archived', 'too-many-watchers'],
  },
  {
    method: 'get',
    path: '/v1/campaigns',
    summary: 'All campaigns, by number',
    ticket: false,
    query: ['after', 'limit'],
    answers: { 200: CampaignList },
    problems: ['invalid-request'],
  },
  {
    method: 'get',
    path: '/v1/campaigns/{id}',
    summary: 'One campaign',
    ticket: false,
    answers: { 200: CampaignView },
    problems: [...CAMPAIGN],
  },
  {
    method: 'get',
    path: '/v1/campaigns/{id}/book',
    summary:
      'The book of a campaign that is decided: its entries, slices, rules and outcomes, signed. Gzip of NDJSON; ' +
      '`npx fairline verify` checks it. It never changes.',
    ticket: false,
    answers: { 200: 'application/gzip' },
    problems: ['invalid-request', 'unknown-campaign', 'no-book', 'not-decided-yet', 'unavailable'],
  },
  {
    method: 'get',
    path: '/v1/campaigns/{id}/proof',
    summary: 'The proof of a raffle: all that is needed to repeat its draw',
    ticket: false,
    answers: { 200: DrawProof },
    problems: ['invalid-request', 'unknown-campaign', 'no-proof', 'not-decided-yet', 'unavailable'],
  },
  {
    method: 'post',
    path: '/v1/campaigns/{id}/pass',
    summary:
      'The pass of somebody who was let in by a waiting room: a JWT to show to the shop. Asking again gives a new one for ' +
      'the same admission.',
    ticket: true,
    answers: { 200: PassView },
    problems: [...ASKER, 'no-room', 'no-pass', 'pass-used', 'not-configured'],
  },
  {
    method: 'post',
    path: '/v1/campaigns/{id}/reports',
    summary: 'What a shop reports of a pass or a visit: it was used, its customer has left, or it is over',
    ticket: false,
    shop: true,
    body: ReportBody,
    answers: { 200: VisitView },
    problems: [
      ...ASKER,
      'no-room',
      'no-entry',
      'no-pass',
      'pass-used',
      'pass-refused',
      'request-timeout',
      'payload-too-large',
      'unsupported-media-type',
      'not-configured',
    ],
  },
  {
    method: 'get',
    path: '/v1/campaigns/{id}/check',
    summary:
      "Whether the customer of a request to the shop is let in: what nginx' auth_request asks. Pass and visit stand in the " +
      'cookies fairline_pass and fairline_visit, the headers X-Fairline-Pass and X-Fairline-Visit, or the pass as ?pass= in ' +
      'X-Original-URI. A pass is used, and answered with the visit as Set-Cookie.',
    ticket: false,
    shop: true,
    answers: { 204: 'nothing' },
    problems: [...ASKER, 'no-room', 'pass-refused', 'not-configured'],
  },
  {
    method: 'get',
    path: '/.well-known/jwks.json',
    summary: 'What passes and visits are signed with, as a JSON Web Key Set',
    ticket: false,
    answers: { 200: Jwks },
    problems: [],
  },
  {
    method: 'get',
    path: '/v1/keys',
    summary: 'The public keys that slices and books are signed with, with the time in which each does',
    ticket: false,
    answers: { 200: KeyList },
    problems: [],
  },
  {
    method: 'get',
    path: '/v1/heads',
    summary:
      'The signed heads of all slices, as they are made: without `after` from the first one on, else those behind it. ' +
      'None is ever added before one that was shown.',
    ticket: false,
    query: ['after'],
    answers: { 200: HeadList },
    problems: ['invalid-request', 'unavailable'],
  },
  ...couponOperations,
  {
    method: 'get',
    path: '/livez',
    summary: 'The process answers',
    ticket: false,
    answers: { 200: Health },
    problems: [],
  },
  {
    method: 'get',
    path: '/readyz',
    summary: 'This gateway takes entries',
    ticket: false,
    answers: { 200: Health, 503: Health },
    problems: [],
  },
  {
    method: 'get',
    path: '/metrics',
    summary: 'For Prometheus',
    ticket: false,
    answers: { 200: 'text/plain' },
    problems: [],
  },
  {
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    ticket: false,
    answers: { 200: 'application/json' },
    problems: [],
  },
];

function answersOf(operation: Operation): object {
  const responses: Record<string, object> = {};
  for (const [status, answer] of Object.entries(operation.answers)) {
    const mediaType = typeof answer === 'string' ? answer : 'application/json';
    const content =
      status === '204'
        ? {}
        : { content: { [mediaType]: { schema: typeof answer === 'string' ? {} : answer } } };
    responses[status] = {
      description: status === '204' && operation.ticket ? 'The outcome has been seen' : operation.summary,
      ...content,
    };
  }
  for (const slug of operation.problems) {
    const { status, title } = problems[slug];
    const known = responses[status];
    const description =
      known !== undefined && 'description' in known ? `${known.description}; ${title}` : title;
    responses[status] = { description, content: { [PROBLEM_MEDIA_TYPE]: { schema: ProblemDocument } } };
  }
  return responses;
}

function parametersOf(operation: Operation): object[] {
  const parameters: object[] = [];
  if (operation.path.includes('{id}')) {
    parameters.push({ name: 'id', in: 'path', required: true, schema: { type: 'integer', minimum: 1 } });
  }
  if (operation.path.includes('{code}')) {
    parameters.push({ name: 'code', in: 'path', required: true, schema: { type: 'string' } });
  }
  if (operation.idempotencyKey) {
    const schema = { type: 'string', minLength: 1, maxLength: 255 };
    parameters.push({ name: 'Idempotency-Key', in: 'header', required: true, schema });
  }
  for (const name of operation.query ?? [])
    parameters.push({ name, in: 'query', schema: { type: 'string' } });
  return parameters;
}

export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    const path = paths[operation.path] ?? {};
    paths[operation.path] = path;
    path[operation.method] = {
      summary: operation.summary,
      parameters: parametersOf(operation),
      ...(operation.body === undefined
        ? {}
        : {
            requestBody: {
              required: operation.shop === true,
              content: { 'application/json': { schema: operation.body } },
            },
          }),
      ...(operation.shop ? { security: [{ shop: [] }] } : {}),
      ...(operation.ticket ? { security: [{ bearer: [] }, { cookie: [] }, { query: [] }] } : {}),
      ...(operation.shop === true ? { security: [{ shop: [] }] } : {}),
      responses: answersOf(operation),
    };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'fairline gateway', version: '1', description: 'Queues for coupon drops and raffles.' },
    paths,
    components: {
      schemas: { PositionEvent, WaitlistedEvent, OfferEvent, OutcomeEvent },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        shop: { type: 'http', scheme: 'bearer', description: 'SHOP_TOKEN; between servers alone' },
        cookie: { type: 'apiKey', in: 'cookie', name: TICKET_COOKIE },
        query: { type: 'apiKey', in: 'query', name: 'ticket' },
      },
    },
  };
}
