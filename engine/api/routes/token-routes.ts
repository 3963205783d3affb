/** Who acts, and the tokens with which operators act. */
import type { FastifyInstance } from 'fastify';
import {
  getOperatorToken,
  listOperatorTokens,
  type OperatorToken,
} from '../../../sql/statements/operators/operator-tokens.ts';
import { clockMs } from '../../campaigns/deps.ts';
import { type FieldFault, invalidRequest } from '../../contract/api/problem.ts';
import { permissionsOf } from '../../operators/roles.ts';
import { makeToken, revokeToken, unknownToken } from '../../operators/tokens.ts';
import { operations } from '../contract/operations.ts';
import { PageQuery, pageLimit } from '../contract/schemas.ts';
import { NewTokenBody, type TokenJson, TokenPath } from '../contract/token-schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { actorOf, operatorOf } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { addRoute } from '../http/routing.ts';
import { readTime } from './times.ts';

export function addTokenRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.getOperator, async request => {
    const { name, role, tokenId } = operatorOf(request);
    return { name, role, token: tokenId, permissions: permissionsOf(role) };
  });

  addRoute(app, operations.createToken, async (request, reply) => {
    const { name, role, expires_at } = readBody(NewTokenBody, request.body);
    const faults: FieldFault[] = [];
    const expiresAt =
      expires_at === undefined ? undefined : readTime('expires_at', expires_at, undefined, faults);
    if (faults.length > 0) throw invalidRequest(faults);
    const actor = actorOf(request);
    const made = await makeToken(deps.pool, { name, role, expiresAt }, actor, await clockMs(deps));
    deps.log.info({ by: actor.name, name, role, tokenId: made.tokenId }, 'a token of an operator was made');
    reply.code(201).header('location', `${operations.createToken.path}/${made.tokenId}`);
    return { ...tokenJson(made), token: made.token };
  });

  addRoute(app, operations.listTokens, async request => {
    const query = readParameters(PageQuery, request.query);
    const limit = pageLimit(query);
    const found = await listOperatorTokens(deps.pool, { after: query.after ?? 0, limit: limit + 1 });
    const tokens = found.slice(0, limit).map(tokenJson);
    return { tokens, next: found.length > limit ? (tokens.at(-1)?.id ?? null) : null };
  });

  addRoute(app, operations.getToken, async request => {
    const { id } = readParameters(TokenPath, request.params);
    const token = await getOperatorToken(deps.pool, id);
    if (token === undefined) throw unknownToken(id);
    return tokenJson(token);
  });

  addRoute(app, operations.revokeToken, async request => {
    const { id } = readParameters(TokenPath, request.params);
    const actor = actorOf(request);
    const revoked = await revokeToken(deps.pool, id, actor);
    deps.log.info({ by: actor.name, name: revoked.name, tokenId: id }, 'a token of an operator was revoked');
    return tokenJson(revoked);
  });
}

function tokenJson(token: OperatorToken): TokenJson {
  return {
    id: token.tokenId,
    name: token.name,
    role: token.role,
    made_by: token.madeBy,
    made_at: token.madeAt.toISOString(),
    expires_at: token.expiresAt.toISOString(),
    last_used_at: token.lastUsedAt?.toISOString() ?? null,
    revoked_at: token.revokedAt?.toISOString() ?? null,
    revoked_by: token.revokedBy,
  };
}
