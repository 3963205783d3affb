/** The OpenAPI document of the public API, made from the schemas that check and type it. */
import { drop, room } from '../../engine/contract/api/examples/story.ts';
import {
  describeService,
  OPENAPI_VERSION,
  PUBLIC,
  SERVERS,
  tagOf,
  tagsOf,
} from '../../engine/contract/api/openapi.ts';
import {
  byStatus,
  fieldFault,
  PROBLEM_MEDIA_TYPE,
  ProblemDocument,
  type ProblemSlug,
  problems,
} from '../../engine/contract/api/problem.ts';
import { examplesOf, sharedExamples } from '../../engine/contract/api/problem-examples.ts';
import { accountOperations } from '../accounts/contract/operations.ts';
import { SESSION_COOKIE } from '../accounts/session/session-cookie.ts';
import { couponOperations } from '../coupons/operations.ts';
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
  metricsExample,
  notReadyExample,
  OfferEvent,
  OutcomeEvent,
  PassView,
  PositionEvent,
  ReportBody,
  streamExample,
  VisitView,
  WaitlistedEvent,
  WithdrawalAccepted,
} from './contract.ts';
import type { Operation } from './operation.ts';
import {
  noBooks,
  noLookUp,
  noPasses,
  sharedProblems,
  unauthenticatedShop,
  visitorLeft,
} from './problem-examples.ts';
import { TICKET_COOKIE } from './requests.ts';

const CAMPAIGN = [
  'invalid-request',
  'unknown-campaign',
  'unavailable',
] as const satisfies readonly ProblemSlug[];
const ASKER = ['unauthenticated', ...CAMPAIGN] as const satisfies readonly ProblemSlug[];

const INFO = describeService('fairline gateway', 'Queues for coupon drops, raffles and waiting rooms.');

/** Every operation, with every answer it gives; 405 (with Allow), 404 and 431 are given on any path. */
export const operations: readonly Operation[] = [
  {
    id: 'enter',
    method: 'post',
    path: '/v1/campaigns/{id}/entries',
    summary:
      'Enter a campaign. The entry is stamped on arrival; 202 means that it is in the log and counts. Retrying is always safe.',
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
    id: 'getOwnEntry',
    method: 'get',
    path: '/v1/campaigns/{id}/entries/me',
    summary: "Read the caller's entry",
    ticket: true,
    answers: { 200: EntryView },
    problems: [...ASKER, 'no-entry', 'archived'],
    problemExamples: noLookUp,
  },
  {
    id: 'withdraw',
    method: 'delete',
    path: '/v1/campaigns/{id}/entries/me',
    summary:
      "Withdraw the caller's entry. Final: the user cannot enter this campaign again. An open offer is declined " +
      'and passes to the next in line at once.',
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
    problemExamples: noLookUp,
  },
  {
    id: 'claim',
    method: 'post',
    path: '/v1/campaigns/{id}/entries/me/claim',
    summary:
      'Claim an offer of a campaign with claim_within_s. The claim is stamped on arrival; 202 means that it is in the log. ' +
      'Retrying is always safe and gets the same answer.',
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
    problemExamples: noLookUp,
  },
  {
    id: 'watchQueue',
    method: 'get',
    path: '/v1/campaigns/{id}/queue',
    summary:
      'Follow the position live, as server-sent events: `position` {position, ahead} (of a room also eta) whenever ahead falls, `stalled` while an ' +
      'outage on our side stops the queue, and last `outcome` {position, outcome, serial, code}. Where claims ' +
      'are required, before the outcome: `waitlisted` {position, place} whenever the place falls, and `offer` {position, ' +
      'serial, code, claim_by, seconds_left}, again when an outage has extended it. Last-Event-ID is honoured; ' +
      'after the outcome a reconnect is answered with 204, so that an EventSource stops.',
    ticket: true,
    query: ['last_event_id'],
    answers: { 200: 'text/event-stream', 204: 'nothing' },
    examples: { 200: streamExample },
    problems: [...ASKER, 'no-entry', 'archived', 'too-many-watchers'],
    problemExamples: {
      'no-entry': {
        detail: `You have no entry in campaign ${drop.id}; enter with POST /v1/campaigns/${drop.id}/entries.`,
      },
    },
  },
  {
    id: 'listCampaigns',
    method: 'get',
    path: '/v1/campaigns',
    summary: 'List all campaigns by number',
    ticket: false,
    query: ['after', 'limit'],
    answers: { 200: CampaignList },
    problems: ['invalid-request'],
    problemExamples: {
      'invalid-request': {
        detail: 'limit cannot be read.',
        errors: [fieldFault('limit', '1000', 'a whole number from 1 to 100')],
      },
    },
  },
  {
    id: 'getCampaign',
    method: 'get',
    path: '/v1/campaigns/{id}',
    summary: 'Read a campaign',
    ticket: false,
    answers: { 200: CampaignView },
    problems: [...CAMPAIGN],
  },
  {
    id: 'getBook',
    method: 'get',
    path: '/v1/campaigns/{id}/book',
    summary:
      'Download the signed book of a decided campaign: entries, slices, rules and outcomes. Gzip of NDJSON; ' +
      '`npm run verify` in a checkout of fairline checks it. A book never changes.',
    ticket: false,
    answers: { 200: 'application/gzip' },
    problems: ['invalid-request', 'unknown-campaign', 'no-book', 'not-decided-yet', 'unavailable'],
    problemExamples: noBooks,
  },
  {
    id: 'getProof',
    method: 'get',
    path: '/v1/campaigns/{id}/proof',
    summary: 'Read the proof of a raffle: everything needed to repeat its draw',
    ticket: false,
    answers: { 200: DrawProof },
    problems: ['invalid-request', 'unknown-campaign', 'no-proof', 'not-decided-yet', 'unavailable'],
    problemExamples: noBooks,
  },
  {
    id: 'getPass',
    method: 'post',
    path: '/v1/campaigns/{id}/pass',
    summary:
      'Issue a pass to a user whom a waiting room has admitted: a JWT to show to the shop. A repeated call issues a new one for ' +
      'the same admission.',
    ticket: true,
    answers: { 200: PassView },
    problems: [...ASKER, 'no-room', 'no-pass', 'pass-used', 'archived', 'not-configured'],
    problemExamples: {
      ...noPasses,
      'no-pass': {
        detail: `It is not your turn in campaign ${room.id}; GET /v1/campaigns/${room.id}/queue reports when it is.`,
      },
      'not-configured': {
        detail: 'The gateways have no key to sign passes.',
        errors: [
          fieldFault(
            'SIGNING_KEYS_DIR',
            undefined,
            'a directory with a key for passes; `npm run keys -- rotate passes` creates one',
          ),
        ],
      },
    },
  },
  {
    id: 'reportVisit',
    method: 'post',
    path: '/v1/campaigns/{id}/reports',
    summary:
      'Report a pass or visit from the shop: the pass was used, the customer has left, or the visit has expired',
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
      'archived',
      'request-timeout',
      'payload-too-large',
      'unsupported-media-type',
      'not-configured',
    ],
    problemExamples: {
      ...noPasses,
      ...unauthenticatedShop,
      'invalid-request': {
        detail: 'Expected: serial: no value, as the pass names it; pass: a pass, as event is used.',
        errors: [
          fieldFault('serial', 1, 'no value, as the pass names it'),
          fieldFault('pass', undefined, 'a pass, as event is used'),
        ],
      },
      'no-entry': {
        detail: `Campaign ${room.id} has no admission 999.`,
        errors: [fieldFault('serial', 999, 'the number of an admission, from the pass or visit')],
      },
      'no-pass': visitorLeft,
      'pass-refused': {
        detail: `Expected: a pass for campaign ${room.id}.`,
        errors: [fieldFault('pass', undefined, `a pass for campaign ${room.id}`)],
      },
      'payload-too-large': {
        detail: 'The body is larger than 4096 bytes.',
        errors: [fieldFault('body', '5000 bytes', 'at most 4096 bytes')],
      },
    },
  },
  {
    id: 'checkVisitor',
    method: 'get',
    path: '/v1/campaigns/{id}/check',
    summary:
      "Check whether to admit the customer of a request to the shop, for nginx' auth_request. Pass and visit are read from the " +
      'cookies fairline_pass and fairline_visit, the headers X-Fairline-Pass and X-Fairline-Visit, or the pass as ?pass= in ' +
      'X-Original-URI. A valid pass is marked as used, and the answer sets the visit with Set-Cookie.',
    ticket: false,
    shop: true,
    answers: { 204: 'nothing' },
    problems: [...ASKER, 'no-room', 'pass-refused', 'not-configured'],
    problemExamples: {
      ...noPasses,
      unauthenticated: {
        detail: 'The request has no pass and no visit.',
        errors: [
          fieldFault('cookie fairline_pass', undefined, 'a pass, in the cookie or as ?pass= of the page'),
        ],
      },
      'pass-refused': visitorLeft,
    },
  },
  {
    id: 'getPassKeys',
    method: 'get',
    path: '/.well-known/jwks.json',
    summary: 'Read the keys that sign passes and visits, as a JSON Web Key Set',
    ticket: false,
    answers: { 200: Jwks },
    problems: [],
  },
  {
    id: 'listKeys',
    method: 'get',
    path: '/v1/keys',
    summary: 'Read the public keys that sign slices and books, each with its validity period',
    ticket: false,
    answers: { 200: KeyList },
    problems: [],
  },
  {
    id: 'listHeads',
    method: 'get',
    path: '/v1/heads',
    summary:
      'List the signed heads of all slices as they are made: those after `after`, or from the first one. ' +
      'A head is never inserted before one that was already listed.',
    ticket: false,
    query: ['after'],
    answers: { 200: HeadList },
    problems: ['invalid-request', 'unavailable'],
    problemExamples: {
      'invalid-request': {
        detail: 'after is invalid.',
        errors: [fieldFault('after', 'yesterday', 'the next of an earlier page, or nothing')],
      },
      unavailable: { detail: 'The signed heads cannot be read right now.' },
    },
  },
  ...couponOperations,
  ...accountOperations,
  {
    id: 'livez',
    method: 'get',
    path: '/livez',
    summary: 'Liveness: the process answers',
    ticket: false,
    answers: { 200: Health },
    examples: { 200: { status: 'ok' } },
    problems: [],
  },
  {
    id: 'readyz',
    method: 'get',
    path: '/readyz',
    summary: 'Readiness: this gateway accepts entries',
    ticket: false,
    answers: { 200: Health, 503: Health },
    examples: { 503: notReadyExample },
    problems: [],
  },
  {
    id: 'metrics',
    method: 'get',
    path: '/metrics',
    summary: 'Metrics for Prometheus',
    ticket: false,
    answers: { 200: 'text/plain' },
    examples: { 200: metricsExample },
    problems: [],
  },
  {
    id: 'openapi',
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    ticket: false,
    answers: { 200: 'application/json' },
    examples: { 200: { openapi: OPENAPI_VERSION, info: INFO, servers: SERVERS } },
    problems: [],
  },
];

function answersOf(operation: Operation): object {
  const responses: Record<string, object> = {};
  for (const [status, answer] of Object.entries(operation.answers)) {
    const mediaType = typeof answer === 'string' ? answer : 'application/json';
    const example = operation.examples?.[Number(status)];
    const shown = {
      schema: typeof answer === 'string' ? {} : answer,
      ...(example === undefined ? {} : { example }),
    };
    responses[status] = {
      description:
        status === '204' && operation.ticket ? 'The client has already seen the outcome' : operation.summary,
      ...(status === '204' ? {} : { content: { [mediaType]: shown } }),
    };
  }
  return { ...responses, ...problemsOf(operation) };
}

/** One response per status; its description names the problems that share it. */
function problemsOf({ problems: slugs, problemExamples }: Operation): Record<string, object> {
  const responses = [...byStatus(slugs)].map(([status, same]) => [
    status,
    {
      description: same.map(slug => problems[slug].title).join('; '),
      content: {
        [PROBLEM_MEDIA_TYPE]: {
          schema: ProblemDocument,
          examples: examplesOf(same, sharedProblems, problemExamples),
        },
      },
    },
  ]);
  return Object.fromEntries(responses);
}

function parametersOf(operation: Operation): object[] {
  const parameters: object[] = [];
  if (operation.path.includes('{id}')) {
    const schema = operation.session === true ? { type: 'string' } : { type: 'integer', minimum: 1 };
    parameters.push({ name: 'id', in: 'path', required: true, schema });
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

function securityOf({ session, shop, ticket }: Operation): readonly object[] {
  if (session === true) return [{ session: [] }];
  if (shop === true) return [{ shop: [] }];
  return ticket ? [{ bearer: [] }, { cookie: [] }, { query: [] }] : PUBLIC;
}

export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    const path = paths[operation.path] ?? {};
    paths[operation.path] = path;
    path[operation.method] = {
      operationId: operation.id,
      tags: [tagOf(operation.path)],
      summary: operation.summary,
      security: securityOf(operation),
      parameters: parametersOf(operation),
      ...(operation.body === undefined
        ? {}
        : {
            requestBody: {
              required: operation.body !== EntryBody,
              content: { 'application/json': { schema: operation.body } },
            },
          }),
      responses: answersOf(operation),
    };
  }
  return {
    openapi: OPENAPI_VERSION,
    info: INFO,
    servers: SERVERS,
    tags: tagsOf(operations.map(({ path }) => path)),
    paths,
    components: {
      schemas: { PositionEvent, WaitlistedEvent, OfferEvent, OutcomeEvent },
      examples: sharedExamples(sharedProblems),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        shop: { type: 'http', scheme: 'bearer', description: 'SHOP_TOKEN; server to server only' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: SESSION_COOKIE,
          description: 'Set by POST /v1/accounts/login',
        },
        cookie: { type: 'apiKey', in: 'cookie', name: TICKET_COOKIE },
        query: { type: 'apiKey', in: 'query', name: 'ticket' },
      },
    },
  };
}
