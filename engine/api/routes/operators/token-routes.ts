/** Tokens: those with which consoles, scripts and people act here, and those with which shops' servers call the gateways. */
import type { FastifyInstance } from 'fastify';
import type { Token, TokenScope } from '../../../../sql/statements/operators/token-table.ts';
import { clockMs } from '../../../campaigns/deps.ts';
import {
  type Tokens,
  tokensOfOperators,
  tokensOfShops,
  type WantedToken,
} from '../../../operators/tokens.ts';
import type { Operation } from '../../contract/operation.ts';
import { operations } from '../../contract/operations.ts';
import { PageQuery } from '../../contract/schemas.ts';
import { NewShopTokenBody, type ShopTokenJson } from '../../contract/tokens/shop-token-schemas.ts';
import { NewTokenBody, type TokenJson, TokenPath } from '../../contract/tokens/token-schemas.ts';
import type { ApiDeps } from '../../deps.ts';
import { addToLine } from '../../http/acts.ts';
import { actorOf } from '../../http/authentication.ts';
import { readBody, readParameters } from '../../http/input.ts';
import { readPage } from '../../http/pages.ts';
import { addRoute } from '../../http/routing.ts';
import { readExpiry } from '../times.ts';

interface Kind<Scope extends TokenScope> {
  readonly tokens: Tokens<Scope>;
  readonly create: Operation;
  readonly list: Operation;
  readonly get: Operation;
  readonly revoke: Operation;
  /** Throws Problem invalid-request. */
  readonly read: (body: unknown) => WantedToken<Scope>;
  readonly json: (token: Token & Scope) => object;
}

export function addTokenRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoutes(app, deps, {
    tokens: tokensOfOperators,
    ...{ create: operations.createToken, list: operations.listTokens },
    ...{ get: operations.getToken, revoke: operations.revokeToken },
    read(body) {
      const { name, role, expires_at } = readBody(NewTokenBody, body);
      return { name, scope: { role }, expiresAt: readExpiry(expires_at) };
    },
    json: (token): TokenJson => ({ ...tokenJson(token), role: token.role }),
  });
  addRoutes(app, deps, {
    tokens: tokensOfShops,
    ...{ create: operations.createShopToken, list: operations.listShopTokens },
    ...{ get: operations.getShopToken, revoke: operations.revokeShopToken },
    read(body) {
      const { name, shop = null, expires_at } = readBody(NewShopTokenBody, body);
      return { name, scope: { shop }, expiresAt: readExpiry(expires_at) };
    },
    json: (token): ShopTokenJson => ({ ...tokenJson(token), shop: token.shop }),
  });
}

function addRoutes<Scope extends TokenScope>(
  app: FastifyInstance,
  deps: ApiDeps,
  { tokens, create, list, get, revoke, read, json }: Kind<Scope>,
): void {
  addRoute(app, create, async (request, reply) => {
    const wanted = read(request.body);
    const made = await tokens.make(deps.pool, wanted, actorOf(request), await clockMs(deps));
    addToLine(request, { tokenId: made.tokenId, name: wanted.name, ...wanted.scope });
    reply.code(201).header('location', `${create.path}/${made.tokenId}`);
    return { ...json(made), token: made.token };
  });

  addRoute(app, list, async request => {
    const query = readParameters(PageQuery, request.query);
    const { rows, next } = await readPage(
      query,
      limit => tokens.list(deps.pool, { after: query.after ?? 0, limit }),
      ({ tokenId }) => tokenId,
    );
    return { tokens: rows.map(json), next };
  });

  addRoute(app, get, async request => {
    const { id } = readParameters(TokenPath, request.params);
    return json(await tokens.find(deps.pool, id));
  });

  addRoute(app, revoke, async request => {
    const { id } = readParameters(TokenPath, request.params);
    const revoked = await tokens.revoke(deps.pool, id, actorOf(request));
    addToLine(request, { name: revoked.name });
    return json(revoked);
  });
}

/** What both kinds have. */
function tokenJson(token: Token) {
  return {
    id: token.tokenId,
    name: token.name,
    made_by: token.madeBy,
    made_at: token.madeAt.toISOString(),
    expires_at: token.expiresAt.toISOString(),
    last_used_at: token.lastUsedAt?.toISOString() ?? null,
    revoked_at: token.revokedAt?.toISOString() ?? null,
    revoked_by: token.revokedBy,
  };
}
