/** The tokens with which consoles, scripts and people act. */
import type { FastifyInstance } from 'fastify';
import {
  listOperatorTokens,
  type OperatorToken,
} from '../../../../sql/statements/operators/operator-tokens.ts';
import { clockMs } from '../../../campaigns/deps.ts';
import { findToken, makeToken, revokeToken } from '../../../operators/tokens.ts';
import { operations } from '../../contract/operations.ts';
import { PageQuery } from '../../contract/schemas.ts';
import { NewTokenBody, type TokenJson, TokenPath } from '../../contract/tokens/token-schemas.ts';
import type { ApiDeps } from '../../deps.ts';
import { addToLine } from '../../http/acts.ts';
import { actorOf } from '../../http/authentication.ts';
import { readBody, readParameters } from '../../http/input.ts';
import { readPage } from '../../http/pages.ts';
import { addRoute } from '../../http/routing.ts';
import { readExpiry } from '../times.ts';

export function addTokenRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.createToken, async (request, reply) => {
    const { name, role, expires_at } = readBody(NewTokenBody, request.body);
    const wanted = { name, role, expiresAt: readExpiry(expires_at) };
    const made = await makeToken(deps.pool, wanted, actorOf(request), await clockMs(deps));
    addToLine(request, { tokenId: made.tokenId, name, role });
    reply.code(201).header('location', `${operations.createToken.path}/${made.tokenId}`);
    return { ...tokenJson(made), token: made.token };
  });

  addRoute(app, operations.listTokens, async request => {
    const query = readParameters(PageQuery, request.query);
    const { rows, next } = await readPage(
      query,
      limit => listOperatorTokens(deps.pool, { after: query.after ?? 0, limit }),
      ({ tokenId }) => tokenId,
    );
    return { tokens: rows.map(tokenJson), next };
  });

  addRoute(app, operations.getToken, async request => {
    const { id } = readParameters(TokenPath, request.params);
    return tokenJson(await findToken(deps.pool, id));
  });

  addRoute(app, operations.revokeToken, async request => {
    const { id } = readParameters(TokenPath, request.params);
    const revoked = await revokeToken(deps.pool, id, actorOf(request));
    addToLine(request, { name: revoked.name });
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
