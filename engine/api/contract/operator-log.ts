/**
 * The operations of the operator log, part of the table in operations.ts, and their schemas. ../../verify/README.md describes what
 * hashes and heads cover.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import { drop, MADE_AT } from '../../contract/api/examples/story.ts';
import { ROLES } from '../../operators/roles.ts';
import { json, type Operation, SECURED } from './operation.ts';
import { exact, oneOf, orNull, PageQuery, time } from './schemas.ts';

const hash = (description: string) =>
  Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: `${description}: 32 bytes in base64url` });

export const ActJson = Type.Object(
  {
    seq: Type.Integer({
      minimum: 1,
      description: 'Counts acts from 1, without gaps, in the order of commits',
    }),
    at: time('When it was written'),
    operator: Type.String({ description: 'The name of the account or token' }),
    token: orNull(
      Type.Integer({
        description:
          "Its id; null for an account, whose name is never anybody else's, and for the OPERATOR_TOKEN of the engines",
      }),
    ),
    role: oneOf(ROLES, 'The role at that time'),
    action: Type.String({
      description: 'The operationId of what was done; propose for what waits for a second operator',
    }),
    target: Type.String({ description: 'What it was done to' }),
    reason: orNull(Type.String({ description: 'As the operator gave it' })),
    details: Type.Object(
      {},
      {
        additionalProperties: true,
        description: 'What was changed, by action. Fans are counts and serials here, and never ids',
      },
    ),
    hash: hash('Over this row and the hash before it'),
  },
  {
    ...exact,
    examples: [
      {
        ...{ seq: 2, at: MADE_AT, operator: 'operator', token: null, role: 'owner' },
        ...{ action: 'editCampaign', target: `campaign ${drop.id}`, reason: null },
        details: {
          from: { closes_at: drop.closesAt, rules_hash: drop.rulesHash },
          to: { closes_at: drop.laterClose, rules_hash: drop.laterRulesHash },
          version: 2,
        },
        hash: 'A'.repeat(43),
      },
    ],
  },
);
export type ActJson = Static<typeof ActJson>;

export const LogHeadJson = Type.Object(
  {
    seq: Type.Integer({ minimum: 1, description: 'The last act that it covers' }),
    hash: hash('The hash of that act'),
    at: time('When an engine signed it'),
    key: Type.String({ pattern: '^[0-9a-f]{16}$', description: 'The key for books: its id in GET /v1/keys' }),
    signature: Type.String({ pattern: '^[A-Za-z0-9_-]{86}$', description: 'Ed25519, in base64url' }),
  },
  exact,
);
export type LogHeadJson = Static<typeof LogHeadJson>;

export const LogPage = Type.Object(
  {
    acts: Type.Array(ActJson),
    heads: Type.Array(LogHeadJson, {
      description: 'The signed heads among these acts; on the last page also those behind it',
    }),
    next: Type.Union([Type.Integer(), Type.Null()], {
      description: 'The `after` of the next page; null on the last page',
    }),
  },
  {
    ...exact,
    examples: [
      {
        acts: [...Reflect.get(ActJson, 'examples')],
        heads: [
          {
            ...{ seq: 2, hash: 'A'.repeat(43), at: MADE_AT },
            ...{ key: '0123456789abcdef', signature: 'A'.repeat(86) },
          },
        ],
        next: null,
      },
    ],
  },
);

export const NDJSON_MEDIA_TYPE = 'application/x-ndjson';

export const logOperations = {
  listActs: {
    method: 'GET',
    path: '/v1/operator-log',
    summary: 'List what operators did, in order, a page at a time, with the signed heads',
    query: PageQuery,
    answer: json(200, 'A page', LogPage),
    problems: SECURED,
  },
  exportActs: {
    method: 'GET',
    path: '/v1/operator-log.ndjson',
    summary: 'Export the operator log for `npm run verify -- --log`: all pages, one per line',
    answer: {
      status: 200,
      description: 'All pages, as GET /v1/operator-log answers them',
      content: { [NDJSON_MEDIA_TYPE]: undefined },
      examples: { [NDJSON_MEDIA_TYPE]: `${JSON.stringify({ acts: [], heads: [], next: null })}\n` },
    },
    problems: ['unauthenticated', 'unavailable', 'internal-error'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
