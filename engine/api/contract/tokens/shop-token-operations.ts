/** The operations of shops' tokens; part of the table in operations.ts. */
import { shop } from '../../../contract/api/examples/story.ts';
import { fieldFault } from '../../../contract/api/problem.ts';
import { SHOP_NAME_FREE } from '../../../operators/token-rules.ts';
import { json, type Operation, SECURED, shownBy, WITH_BODY } from '../operation.ts';
import { PageQuery } from '../schemas.ts';
import {
  MadeShopToken,
  NewShopTokenBody,
  revokedShopExample,
  ShopTokenJson,
  ShopTokenPage,
} from './shop-token-schemas.ts';
import { TokenPath } from './token-schemas.ts';

export const shopTokenOperations = {
  createShopToken: {
    method: 'POST',
    path: '/v1/shop-tokens',
    summary: "Make a token for a shop's servers. Only this answer shows it.",
    body: NewShopTokenBody,
    answer: json(201, 'Made', MadeShopToken, { location: 'The URL of the token' }),
    problems: [...SECURED, ...WITH_BODY, 'conflict'],
    problemExamples: {
      conflict: {
        detail: `The name "${shop.tokenName}" is taken. Revoke its token first.`,
        errors: [fieldFault('name', shop.tokenName, SHOP_NAME_FREE)],
      },
    },
  },
  listShopTokens: {
    method: 'GET',
    path: '/v1/shop-tokens',
    summary: "List shops' tokens by id, a page at a time, with their last use; never the token itself",
    query: PageQuery,
    answer: json(200, 'A page', ShopTokenPage),
    problems: SECURED,
  },
  getShopToken: {
    method: 'GET',
    path: '/v1/shop-tokens/{id}',
    summary: "Read about a shop's token",
    parameters: TokenPath,
    answer: json(200, 'The token', ShopTokenJson),
    problems: [...SECURED, 'unknown-token'],
  },
  revokeShopToken: {
    method: 'POST',
    path: '/v1/shop-tokens/{id}/revoke',
    summary:
      "Revoke a shop's token, irrevocably. Every gateway that reaches the ledger refuses it within two seconds; retrying is safe",
    parameters: TokenPath,
    answer: shownBy(json(200, 'Revoked', ShopTokenJson), revokedShopExample),
    problems: [...SECURED, 'unknown-token'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
