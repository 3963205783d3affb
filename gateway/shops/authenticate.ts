/**
 * Authenticates shops: their servers send a bearer token, which is SHOP_TOKEN or a named token of the ledger. A token acts for
 * all customers, so it is only for calls between servers; browsers use tickets.
 */
import { fieldFault, secretFault } from '../../engine/contract/api/problem.ts';
import { hashOfToken, isToken } from '../../engine/contract/keys/bearer-tokens.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import { refuseUnavailable } from '../cold/unavailable.ts';
import { SOON } from '../entry/entry-answers.ts';
import type { Answered, Reply } from '../http/reply.ts';
import type { RefusalParts } from '../http/requests.ts';
import { EVERYTHING, mayUse, type ShopCaller } from './caller.ts';
import type { EnvironmentToken } from './environment-token.ts';
import { type NamedTokens, type RefusedToken, TokensOverloaded } from './named-tokens.ts';

/** To authenticate a shop. */
export interface ShopParts extends RefusalParts {
  readonly environmentToken: Pick<EnvironmentToken, 'isSet' | 'matches'>;
  readonly namedTokens: Pick<NamedTokens, 'held' | 'find'>;
}

const CHALLENGE = 'Bearer realm="fairline shops"';
const RIGHT = 'Bearer <SHOP_TOKEN of the gateways, or a token of POST /v1/shop-tokens>';

/**
 * Who sends the Authorization header ('' if absent); answers 401 unless its token is valid, and 503 if that cannot be known. A
 * promise only for a named token that this gateway has not asked the ledger about a moment ago.
 */
export function authenticateShop(
  parts: ShopParts,
  reply: Reply,
  authorization: string,
): ShopCaller | Answered | Promise<ShopCaller | Answered> {
  const token = /^Bearer +([^ ]+) *$/i.exec(authorization)?.[1];
  if (token !== undefined && parts.environmentToken.matches(token)) return EVERYTHING;
  if (token !== undefined && isToken('shop', token)) {
    const hash = hashOfToken(token);
    const held = parts.namedTokens.held(hash);
    if (held === undefined) return find(parts, reply, authorization, hash);
    return accept(parts, reply, authorization, held);
  }
  if (!parts.environmentToken.isSet) return refuseUnset(parts, reply);
  if (token !== undefined)
    return accept(parts, reply, authorization, { refused: 'is not the token of a shop' });
  const detail = 'The Authorization header is missing or is not "Bearer" and a token.';
  return refuse(parts, reply, authorization, detail, CHALLENGE);
}

async function find(
  parts: ShopParts,
  reply: Reply,
  authorization: string,
  hash: Buffer,
): Promise<ShopCaller | Answered> {
  try {
    return accept(parts, reply, authorization, await parts.namedTokens.find(hash));
  } catch (error) {
    if (error instanceof TokensOverloaded) {
      parts.metrics.refuse('waiting');
      const detail = 'Too many requests wait for their token to be looked up. Retrying is safe.';
      return reply.problem('unavailable', detail, { headers: SOON });
    }
    const detail = "The shop's token cannot be looked up right now. Retrying is safe.";
    return refuseUnavailable(parts, reply, error, detail);
  }
}

function accept(
  parts: ShopParts,
  reply: Reply,
  authorization: string,
  judged: ShopCaller | RefusedToken,
): ShopCaller | Answered {
  if (!('refused' in judged)) return judged;
  const detail = `The token in the Authorization header ${judged.refused}.`;
  return refuse(parts, reply, authorization, detail, `${CHALLENGE}, error="invalid_token"`);
}

function refuse(
  parts: RefusalParts,
  reply: Reply,
  authorization: string,
  detail: string,
  challenge: string,
): Answered {
  parts.metrics.refuse('shop');
  return reply.problem('unauthenticated', detail, {
    members: {
      errors: [secretFault('authorization', authorization === '' ? undefined : authorization, RIGHT)],
    },
    headers: { 'www-authenticate': challenge },
  });
}

function refuseUnset(parts: RefusalParts, reply: Reply): Answered {
  parts.metrics.refuse('shop');
  const fault = fieldFault('SHOP_TOKEN', undefined, '16 to 512 printable characters without spaces');
  const detail =
    'Shops cannot authenticate with this: set SHOP_TOKEN in the environment of the gateways, or send a token of POST /v1/shop-tokens.';
  return reply.problem('not-configured', detail, { members: { errors: [fault] } });
}

/** Answers 403 unless the caller may act on the campaign. */
export function refuseOtherShop(
  parts: RefusalParts,
  reply: Reply,
  caller: ShopCaller,
  { campaignId, shop }: Pick<BoardCampaign, 'campaignId' | 'shop'>,
): Answered | undefined {
  if (mayUse(caller, shop ?? null)) return undefined;
  parts.metrics.refuse('shop');
  return reply.problem('other-shop', `Campaign ${campaignId} is not one of the shop "${caller.shop}".`);
}
