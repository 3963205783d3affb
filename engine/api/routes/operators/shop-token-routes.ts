/** The tokens with which shops' servers call the gateways. */
import type { FastifyInstance } from 'fastify';
import { listShopTokens, type ShopToken } from '../../../../sql/statements/operators/shop-tokens.ts';
import { clockMs } from '../../../campaigns/deps.ts';
import { endShopToken, findShopToken, makeShopToken } from '../../../operators/shop-tokens.ts';
import { operations } from '../../contract/operations.ts';
import { PageQuery } from '../../contract/schemas.ts';
import { NewShopTokenBody, type ShopTokenJson } from '../../contract/tokens/shop-token-schemas.ts';
import { TokenPath } from '../../contract/tokens/token-schemas.ts';
import type { ApiDeps } from '../../deps.ts';
import { addToLine } from '../../http/acts.ts';
import { actorOf } from '../../http/authentication.ts';
import { readBody, readParameters } from '../../http/input.ts';
import { readPage } from '../../http/pages.ts';
import { addRoute } from '../../http/routing.ts';
import { readExpiry } from '../times.ts';

export function addShopTokenRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.createShopToken, async (request, reply) => {
    const { name, shop = null, expires_at } = readBody(NewShopTokenBody, request.body);
    const wanted = { name, shop, expiresAt: readExpiry(expires_at) };
    const made = await makeShopToken(deps.pool, wanted, actorOf(request), await clockMs(deps));
    addToLine(request, { tokenId: made.tokenId, name, shop });
    reply.code(201).header('location', `${operations.createShopToken.path}/${made.tokenId}`);
    return { ...shopTokenJson(made), token: made.token };
  });

  addRoute(app, operations.listShopTokens, async request => {
    const query = readParameters(PageQuery, request.query);
    const { rows, next } = await readPage(
      query,
      limit => listShopTokens(deps.pool, { after: query.after ?? 0, limit }),
      ({ tokenId }) => tokenId,
    );
    return { tokens: rows.map(shopTokenJson), next };
  });

  addRoute(app, operations.getShopToken, async request => {
    const { id } = readParameters(TokenPath, request.params);
    return shopTokenJson(await findShopToken(deps.pool, id));
  });

  addRoute(app, operations.revokeShopToken, async request => {
    const { id } = readParameters(TokenPath, request.params);
    const revoked = await endShopToken(deps.pool, id, actorOf(request));
    addToLine(request, { name: revoked.name });
    return shopTokenJson(revoked);
  });
}

function shopTokenJson(token: ShopToken): ShopTokenJson {
  return {
    id: token.tokenId,
    name: token.name,
    shop: token.shop,
    made_by: token.madeBy,
    made_at: token.madeAt.toISOString(),
    expires_at: token.expiresAt.toISOString(),
    last_used_at: token.lastUsedAt?.toISOString() ?? null,
    revoked_at: token.revokedAt?.toISOString() ?? null,
    revoked_by: token.revokedBy,
  };
}
