/** The OpenAPI document of the public API, made from the schemas that check and type it. */
import { OPENAPI_VERSION, PUBLIC, SERVERS, tagOf, tagsOf } from '../../engine/contract/api/openapi.ts';
import {
  byStatus,
  PROBLEM_MEDIA_TYPE,
  ProblemDocument,
  problems,
} from '../../engine/contract/api/problem.ts';
import { examplesOf, sharedExamples } from '../../engine/contract/api/problem-examples.ts';
import { accountOperations } from '../accounts/contract/operations.ts';
import { SESSION_COOKIE } from '../accounts/session/session-cookie.ts';
import { couponOperations } from '../coupons/operations.ts';
import { campaignOperations } from './contract/campaign-operations.ts';
import { EntryBody } from './contract/entries.ts';
import { entryOperations } from './contract/entry-operations.ts';
import { OfferEvent, OutcomeEvent, PositionEvent, WaitlistedEvent } from './contract/events.ts';
import { publishedOperations } from './contract/published-operations.ts';
import { roomOperations } from './contract/room-operations.ts';
import { INFO, serviceOperations } from './contract/service-operations.ts';
import type { Operation } from './operation.ts';
import { sharedProblems } from './problem-examples.ts';
import { TICKET_COOKIE } from './requests.ts';

/** Every operation, with every answer it gives; 405 (with Allow), 404 and 431 are given on any path. */
export const operations: readonly Operation[] = [
  ...entryOperations,
  ...campaignOperations,
  ...roomOperations,
  ...publishedOperations,
  ...couponOperations,
  ...accountOperations,
  ...serviceOperations,
];

/** Answers without a body, which have no media type. */
const BODILESS = ['204', '304'];

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
      description: descriptionOf(operation, status),
      ...headersOf(operation, status),
      ...(BODILESS.includes(status) ? {} : { content: { [mediaType]: shown } }),
    };
  }
  return { ...responses, ...problemsOf(operation) };
}

function descriptionOf({ ticket, summary }: Operation, status: string): string {
  if (status === '206') return 'The range that was asked for';
  if (status === '304') return 'The client has it already';
  return status === '204' && ticket ? 'The client has already seen the outcome' : summary;
}

function headersOf({ answerHeaders }: Operation, status: string): { readonly headers?: object } {
  const headers = Object.entries(answerHeaders?.[Number(status)] ?? {}).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' } },
  ]);
  return headers.length === 0 ? {} : { headers: Object.fromEntries(headers) };
}

/** One response per status; its description names the problems that share it. */
function problemsOf(operation: Operation): Record<string, object> {
  const { problems: slugs, problemExamples } = operation;
  const responses = [...byStatus(slugs)].map(([status, same]) => [
    status,
    {
      description: same.map(slug => problems[slug].title).join('; '),
      ...headersOf(operation, String(status)),
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
  for (const [name, schema] of Object.entries(operation.headers?.properties ?? {}))
    parameters.push({ name, in: 'header', schema });
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
        shop: {
          type: 'http',
          scheme: 'bearer',
          description: 'SHOP_TOKEN, or a token of POST /v1/shop-tokens; server to server only',
        },
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
