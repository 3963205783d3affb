/** How every request to the operator's API is answered when something is wrong. */
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { isUnanswered } from '../../../sql/database.ts';
import {
  fieldFault,
  invalidRequest,
  PROBLEM_MEDIA_TYPE,
  Problem,
  type ProblemSlug,
  problemDocument,
  problems,
} from '../../contract/api/problem.ts';
import { messageOf } from '../../contract/process/message-of.ts';
import { allOperations } from '../contract/operations.ts';
import type { ApiDeps } from '../deps.ts';

export const HEADERS_LIMIT_BYTES = 8 * 1024;

export async function sendProblem(reply: FastifyReply, problem: Problem): Promise<void> {
  await reply
    .code(problem.status)
    .headers(problem.headers)
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problem.document()));
}

/** Answers any error; an unexpected one is logged, and its details are not sent. */
export function errorHandler(log: ApiDeps['log']) {
  return async (error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const problem = asProblem(error, request);
    if (problem.status >= 500)
      log.error({ err: error, method: request.method, url: request.url }, problem.message);
    await sendProblem(reply, problem);
  };
}

/** Answers requests without a route: 405 if the path exists with another method, else 404. */
export async function answerNotFound(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const path = request.url.split('?', 1)[0] ?? '';
  const methods = allOperations
    .filter(operation => pathPattern(operation.path).test(path))
    .map(known => known.method);
  if (methods.length === 0) {
    const fault = fieldFault('path', path, 'a path listed in /openapi.json');
    await sendProblem(reply, new Problem('not-found', `No route at ${fault.value}.`, { errors: [fault] }));
    return;
  }
  const allow = methods.flatMap(method => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  const detail = `${request.method} is not allowed here; use ${allow}.`;
  const errors = [fieldFault('method', request.method, allow)];
  await sendProblem(reply, new Problem('method-not-allowed', detail, { errors }, { allow }));
}

function pathPattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

/** Answers malformed HTTP, on the bare socket. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const slug = CLIENT_ERRORS[error.code ?? ''] ?? 'invalid-request';
  const { status } = problems[slug];
  const body = JSON.stringify(problemDocument(slug, CLIENT_ERROR_DETAILS[slug] ?? 'Malformed HTTP request.'));
  socket.end(
    `HTTP/1.1 ${status} ${slug}\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

const CLIENT_ERRORS: Readonly<Record<string, ProblemSlug>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
};
const CLIENT_ERROR_DETAILS: Readonly<Partial<Record<ProblemSlug, string>>> = {
  'headers-too-large': `The headers are larger than ${HEADERS_LIMIT_BYTES} bytes.`,
  'request-timeout': 'The request did not arrive completely in time.',
};

function asProblem(error: unknown, { routeOptions, headers }: FastifyRequest): Problem {
  if (error instanceof Problem) return error;
  const code = codeOf(error);
  const isFastify = code.startsWith('FST_');
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const { bodyLimit = 0 } = routeOptions;
    const bytes = headers['content-length'];
    return new Problem('payload-too-large', `The body is larger than ${bodyLimit} bytes.`, {
      errors: [fieldFault('body', bytes && `${bytes} bytes`, `at most ${bodyLimit} bytes`)],
    });
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new Problem('unsupported-media-type', 'The body must be application/json.', {
      errors: [fieldFault('content-type', headers['content-type'], 'application/json')],
    });
  }
  if (isFastify && isClientFault(error)) {
    return invalidRequest([{ field: 'request', value: messageOf(error), expected: 'well-formed HTTP' }]);
  }
  if (isDatabaseAway(error, code)) {
    return new Problem('unavailable', 'The ledger is unreachable right now.', {}, { 'retry-after': '1' });
  }
  return new Problem('internal-error', 'Unexpected error; the engine has logged it.');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function isClientFault(error: unknown): error is FastifyError {
  return (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode >= 400 &&
    error.statusCode < 500
  );
}

/** SQLSTATE classes of a server that is away, full or stopping, and of a statement that took too long. */
const AWAY = /^(08|53|57)/;
const CONNECTION_LOST = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)/;

function isDatabaseAway(error: unknown, code: string): boolean {
  if (AWAY.test(code) || CONNECTION_LOST.test(code) || isUnanswered(error)) return true;
  // pg and pg-pool raise these without a code.
  return /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error/.test(
    messageOf(error),
  );
}
