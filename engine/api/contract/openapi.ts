/** The OpenAPI document of the operator's API, made from the table of operations. */
import type { TObject } from 'typebox';
import Type from 'typebox';
import { describeService, PUBLIC, SERVERS, tagOf, tagsOf } from '../../contract/api/openapi.ts';
import {
  PROBLEM_MEDIA_TYPE,
  ProblemDocument,
  type ProblemSlug,
  problems,
  problemType,
} from '../../contract/api/problem.ts';
import { isEverybodys, type Permission, permissions } from '../../operators/roles.ts';
import { permissionFor } from './needs.ts';
import { type Answer, type Operation, SECURED_PREFIX } from './operation.ts';
import { operations } from './operations.ts';

const DESCRIPTION = `Every error is an RFC 9457 problem document. Any path may also answer: 404 not-found without \
a route, 405 method-not-allowed with Allow, and, to malformed requests, 400 invalid-request, 408 \
request-timeout and 431 headers-too-large.`;

export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [id, operation] of Object.entries<Operation>(operations)) {
    const path = paths[operation.path] ?? {};
    path[operation.method.toLowerCase()] = describe(id, operation);
    paths[operation.path] = path;
  }
  return {
    openapi: '3.1.0',
    info: describeService('fairline, for operators', DESCRIPTION),
    servers: SERVERS,
    tags: tagsOf(Object.keys(paths)),
    paths,
    components: {
      schemas: { Problem: ProblemDocument },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
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
    security: operation.path.startsWith(SECURED_PREFIX) ? [{ token: [] }] : PUBLIC,
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
  const content = Object.entries(answer.content).map(([type, schema]) => [
    type,
    schema === undefined ? {} : { schema },
  ]);
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
  const byStatus = new Map<number, ProblemSlug[]>();
  const needs = permissionFor(operation);
  const refused: readonly ProblemSlug[] = needs === undefined || isEverybodys(needs) ? [] : ['forbidden'];
  for (const slug of [...operation.problems, ...refused]) {
    const { status } = problems[slug];
    byStatus.set(status, [...(byStatus.get(status) ?? []), slug]);
  }
  const responses = [...byStatus].map(([status, slugs]) => [
    status,
    {
      description: slugs.map(slug => `${problemType(slug)}: ${problems[slug].title}`).join('; '),
      content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ]);
  return Object.fromEntries(responses);
}
