/** The OpenAPI document of the operator's API, made from the table of operations. */
import type { TObject } from 'typebox';
import Type from 'typebox';
import { OPENAPI_VERSION, PUBLIC, SERVERS, tagOf, tagsOf } from '../../contract/api/openapi.ts';
import {
  byStatus,
  PROBLEM_MEDIA_TYPE,
  Problem,
  ProblemDocument,
  type ProblemSlug,
  problems,
  problemType,
} from '../../contract/api/problem.ts';
import { examplesOf, type ProblemExamples, sharedExamples } from '../../contract/api/problem-examples.ts';
import { isEverybodys, type Permission, permissions } from '../../operators/roles.ts';
import { readBody, readParameters } from '../http/input.ts';
import { SESSION_COOKIE } from '../http/session-cookie.ts';
import { permissionFor } from './needs.ts';
import { type Answer, INFO, type Operation } from './operation.ts';
import { operations } from './operations.ts';
import { forbiddenTo, sharedProblems } from './problem-examples.ts';

export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [id, operation] of Object.entries<Operation>(operations)) {
    const path = paths[operation.path] ?? {};
    path[operation.method.toLowerCase()] = describe(id, operation);
    paths[operation.path] = path;
  }
  return {
    openapi: OPENAPI_VERSION,
    info: INFO,
    servers: SERVERS,
    tags: tagsOf(Object.keys(paths)),
    paths,
    components: {
      schemas: { Problem: ProblemDocument },
      examples: sharedExamples(sharedProblems),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A named token, or OPERATOR_TOKEN' },
        session: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE, description: 'Set by a login' },
      },
    },
  };
}

/** `id` is the operation's name in the table of operations; generated clients use it too. */
function describe(id: string, operation: Operation): object {
  const { body } = operation;
  const needs = permissionFor(operation);
  return {
    operationId: id,
    tags: [tagOf(operation.path)],
    summary: operation.summary,
    ...(needs === undefined ? {} : describePermission(needs)),
    security: needs === undefined ? PUBLIC : [{ token: [] }, { session: [] }],
    parameters: [
      ...parametersOf(operation.parameters, 'path'),
      ...parametersOf(operation.query, 'query'),
      ...parametersOf(operation.headers, 'header'),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: {
      [operation.answer.status]: describeAnswer(operation.answer),
      ...(operation.dryRunAnswer === undefined
        ? {}
        : { [operation.dryRunAnswer.status]: describeAnswer(operation.dryRunAnswer) }),
      ...(operation.proposedAnswer === undefined
        ? {}
        : { [operation.proposedAnswer.status]: describeAnswer(operation.proposedAnswer) }),
      ...describeProblems(operation),
    },
  };
}

function describePermission(permission: Permission): object {
  const { roles } = permissions[permission];
  return {
    description: `Needs the permission ${permission}: ${roles.join(', ')}.`,
    'x-permission': permission,
  };
}

function parametersOf(schema: TObject | undefined, location: 'path' | 'query' | 'header'): object[] {
  if (schema === undefined) return [];
  return Object.entries(schema.properties).map(([name, member]) => ({
    name,
    in: location,
    required: !Type.IsOptional(member),
    schema: member,
  }));
}

function describeAnswer(answer: Answer): object {
  const content = Object.entries(answer.content).map(([type, schema]) => {
    const example = answer.examples?.[type];
    return [type, { ...(schema && { schema }), ...(example === undefined ? {} : { example }) }];
  });
  const headers = Object.entries(answer.headers ?? {}).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' } },
  ]);
  return {
    description: answer.description,
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
    content: Object.fromEntries(content),
  };
}

/** One response per status; its description names the problems that share it. */
function describeProblems(operation: Operation): Record<string, object> {
  const needs = permissionFor(operation);
  const own = {
    ...invalidRequestOf(operation),
    ...(needs === undefined ? {} : forbiddenTo(needs)),
    ...operation.problemExamples,
  };
  const responses = [...byStatus(problemsOf(operation))].map(([status, slugs]) => [
    status,
    {
      description: slugs.map(slug => `${problemType(slug)}: ${problems[slug].title}`).join('; '),
      content: {
        [PROBLEM_MEDIA_TYPE]: {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: examplesOf(slugs, sharedProblems, own),
        },
      },
    },
  ]);
  return Object.fromEntries(responses);
}

/** With what a role that does not permit the operation is answered, and a page of another site. */
function problemsOf(operation: Operation): readonly ProblemSlug[] {
  const needs = permissionFor(operation);
  if (needs === undefined) return operation.problems;
  const forbidden = isEverybodys(needs) ? [] : (['forbidden'] as const);
  return [...operation.problems, ...forbidden, 'foreign-origin'];
}

/**
 * What the checks of the operation say of a wrong request: a wrong id, an empty body, or a page without items. An operation whose
 * schema takes an empty body shows its own.
 */
function invalidRequestOf(operation: Operation): ProblemExamples {
  const { parameters, body, query, problems: slugs, problemExamples } = operation;
  if (!slugs.includes('invalid-request') || problemExamples?.['invalid-request'] !== undefined) return {};
  try {
    if (parameters !== undefined) readParameters(parameters, { id: 'first' });
    else if (body !== undefined && Type.IsObject(body)) readBody(body, {});
    else if (query !== undefined) readParameters(query, { limit: '0' });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { [error.slug]: { detail: error.message, ...error.members } };
  }
  throw new Error('an operation accepts the request that should show what it refuses');
}
