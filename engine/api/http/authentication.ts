/** Who sends a request, and whether their role permits the operation. */
import type { FastifyRequest } from 'fastify';
import { Problem, secretFault } from '../../contract/api/problem.ts';
import { hashOfToken } from '../../contract/keys/bearer-tokens.ts';
import type { Actor } from '../../operators/acts.ts';
import { authenticate, type Operator } from '../../operators/authenticate.ts';
import { mayDo, type Permission, refusalOf } from '../../operators/roles.ts';
import { SECURED_PREFIX } from '../contract/operation.ts';
import type { ApiDeps } from '../deps.ts';

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

/** The operator of a request, with its operation. */
export function actorOf(request: FastifyRequest): Actor {
  const { operation } = request.routeOptions.config;
  if (operation === undefined) throw new Error(`${request.url} is no operation`);
  return { ...operatorOf(request), action: operation };
}

/**
 * A hook that answers 401 unless a request for a route with a permission carries a valid token, and 403 unless the token's
 * role has the permission. Below SECURED_PREFIX, where there is no route, it answers 401 too.
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
    const { authorization } = request.headers;
    const given = /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1];
    if (given === undefined) {
      const detail = 'The Authorization header is missing or is not "Bearer" and a token.';
      throw unauthenticated(detail, authorization);
    }
    const operator = await authenticate(pool, environmentHash, given);
    if ('refused' in operator) {
      const detail = `The token in the Authorization header ${operator.refused}.`;
      throw unauthenticated(detail, authorization, 'invalid_token');
    }
    if (needs !== undefined && !mayDo(operator.role, needs)) throw forbidden(operator, needs);
    operators.set(request, operator);
  };
}

function unauthenticated(detail: string, given: string | undefined, error?: string): Problem {
  const challenge = 'Bearer realm="fairline operators"';
  return new Problem(
    'unauthenticated',
    detail,
    {
      errors: [secretFault('authorization', given, 'Bearer <a token of the operators, or OPERATOR_TOKEN>')],
    },
    { 'www-authenticate': error === undefined ? challenge : `${challenge}, error="${error}"` },
  );
}

/** The operator's role does not permit it. */
export function forbidden(operator: Operator, needs: Permission): Problem {
  const { detail, ...members } = refusalOf(operator, needs);
  return new Problem('forbidden', detail, members);
}
