/** The operations of operators and their tokens; part of the table in operations.ts. */
import { ann } from '../../../contract/api/examples/story.ts';
import { fieldFault } from '../../../contract/api/problem.ts';
import { NAME_FREE } from '../../../operators/token-rules.ts';
import { json, type Operation, SECURED, shownBy, WITH_BODY } from '../operation.ts';
import { PageQuery } from '../schemas.ts';
import {
  MadeToken,
  NewTokenBody,
  OperatorJson,
  revokedExample,
  TokenJson,
  TokenPage,
  TokenPath,
} from './token-schemas.ts';

export const tokenOperations = {
  getOperator: {
    method: 'GET',
    path: '/v1/operator',
    summary: 'Read who the token belongs to, and what it may do',
    answer: json(200, 'The operator', OperatorJson),
    problems: ['unauthenticated', 'unavailable', 'internal-error'],
  },
  createToken: {
    method: 'POST',
    path: '/v1/tokens',
    summary: 'Make a token for a person, a console or a script. Only this answer shows it.',
    body: NewTokenBody,
    answer: json(201, 'Made', MadeToken, { location: 'The URL of the token' }),
    problems: [...SECURED, ...WITH_BODY, 'conflict'],
    problemExamples: {
      conflict: {
        detail: `The name "${ann.name}" is taken. Revoke its token first.`,
        errors: [fieldFault('name', ann.name, NAME_FREE)],
      },
    },
  },
  listTokens: {
    method: 'GET',
    path: '/v1/tokens',
    summary: 'List tokens by id, a page at a time, with their last use; never the token itself',
    query: PageQuery,
    answer: json(200, 'A page', TokenPage),
    problems: SECURED,
  },
  getToken: {
    method: 'GET',
    path: '/v1/tokens/{id}',
    summary: 'Read about a token',
    parameters: TokenPath,
    answer: json(200, 'The token', TokenJson),
    problems: [...SECURED, 'unknown-token'],
  },
  revokeToken: {
    method: 'POST',
    path: '/v1/tokens/{id}/revoke',
    summary: 'Revoke a token, irrevocably and at once; retrying is safe',
    parameters: TokenPath,
    answer: shownBy(json(200, 'Revoked', TokenJson), revokedExample),
    problems: [...SECURED, 'unknown-token'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
