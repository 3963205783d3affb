/** Who sends a request, and whether their role permits the operation. */
import type { FastifyRequest } from 'fastify';
import { Problem, secretFault } from '../../contract/api/problem.ts';
import { hashOfToken } from '../../contract/keys/bearer-tokens.ts';
import { authenticateSession } from '../../operators/accounts/sessions.ts';
import type { Actor } from '../../operators/acts.ts';
import { authenticate, type Operator } from '../../operators/authenticate.ts';
import { mayDo, type Permission, refusalOf } from '../../operators/roles.ts';
import { SECURED_PREFIX } from '../contract/operation.ts';
import type { ApiDeps } from '../deps.ts';
import { refuseForeign, sessionIn } from './session-cookie.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The permission that the route needs; undefined for those that need no token. */
    readonly needs?: Permission;
    /** The name of its operation. */
    readonly operation?: string;
  }
}

const operators = new WeakMap<FastifyRequest, Operator>();

/** The operator of a request below SECURED_PREFIX. */
export function operatorOf(request: FastifyRequest): Operator {
  const operator = operators.get(request);
  if (operator === undefined) throw new Error(`${request.url} needs no token: nobody is known`);
  return operator;
}

/** The same, for any request; undefined while nobody is known. */
export function knownOperator(request: FastifyRequest): Operator | undefined {
  return operators.get(request);
}

/** Whom a request turned out to come from: its answer is a new session. */
export function setOperator(request: FastifyRequest, operator: Operator): void {
  operators.set(request, operator);
}

/** The operator of a request, with its operation. */
export function actorOf(request: FastifyRequest): Actor {
  return { ...operatorOf(request), action: actionOf(request) };
}

/** The name of the operation of a request. */
export function actionOf(request: FastifyRequest): string {
  const { operation } = request.routeOptions.config;
  if (operation === undefined) throw new Error(`${request.url} is no operation`);
  return operation;
}

/**
 * A hook that answers 401 unless a request for a route with a permission carries a valid token or session, and 403 unless its role
 * has the permission, or if a page of another site, host or port uses the session. Below SECURED_PREFIX, where there is no route, it
 * answers 401 too.
 */
export function requireOperator({
  pool,
  token,
}: Pick<ApiDeps, 'pool' | 'token'>): (request: FastifyRequest) => Promise<void> {
  const environmentHash = hashOfToken(token);
  return async request => {
    const { needs } = request.routeOptions.config;
    // By the matched route, and not by the text of the URL: /%76%31/tokens and http://host/v1/tokens lead to /v1/tokens too.
    const isSecured =
      request.routeOptions.url === undefined ? request.url.startsWith(SECURED_PREFIX) : needs !== undefined;
    if (!isSecured) return;
    const { authorization, cookie } = request.headers;
    const session = authorization === undefined ? sessionIn(cookie) : undefined;
    const operator =
      session === undefined
        ? await byToken(pool, environmentHash, authorization)
        : await bySession(pool, session, request);
    if (needs !== undefined && !mayDo(operator.role, needs)) throw forbidden(operator, needs);
    operators.set(request, operator);
  };
}

async function byToken(
  pool: ApiDeps['pool'],
  environmentHash: Buffer,
  authorization: string | undefined,
): Promise<Operator> {
  const given = /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1];
  if (given === undefined) {
    const detail =
      'The Authorization header is missing or is not "Bearer" and a token, and there is no session.';
    throw unauthenticated(detail, authorization);
  }
  const operator = await authenticate(pool, environmentHash, given);
  if ('refused' in operator) {
    const detail = `The token in the Authorization header ${operator.refused}.`;
    throw unauthenticated(detail, authorization, 'invalid_token');
  }
  return operator;
}

/** The check of where it comes from is first: a page of another site learns nothing about the session. */
async function bySession(pool: ApiDeps['pool'], session: string, request: FastifyRequest): Promise<Operator> {
  refuseForeign(request.headers, request.method);
  const operator = await authenticateSession(pool, session);
  if (operator !== undefined) return operator;
  const fault = secretFault('cookie', session, 'the session that POST /v1/operator/login sets');
  throw new Problem('unauthenticated', 'The session has ended. Log in.', { errors: [fault] }, CHALLENGE);
}

const REALM = 'Bearer realm="fairline operators"';
const CHALLENGE = { 'www-authenticate': REALM } as const;

function unauthenticated(detail: string, given: string | undefined, error?: string): Problem {
  const errors = [
    secretFault('authorization', given, 'Bearer <a token of the operators, or OPERATOR_TOKEN>'),
  ];
  const headers = error === undefined ? CHALLENGE : { 'www-authenticate': `${REALM}, error="${error}"` };
  return new Problem('unauthenticated', detail, { errors }, headers);
}

/** The operator's role does not permit it. */
export function forbidden(operator: Operator, needs: Permission): Problem {
  const { detail, ...members } = refusalOf(operator, needs);
  return new Problem('forbidden', detail, members);
}
