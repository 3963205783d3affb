/**
 * Authenticates shops: their servers send SHOP_TOKEN as a bearer token. The token acts for all customers, so it is only for
 * calls between servers; browsers use tickets.
 */
import { timingSafeEqual } from 'node:crypto';
import { fieldFault, secretFault } from '../../engine/contract/api/problem.ts';
import type { Answered, Reply } from '../http/reply.ts';
import type { RefusalParts } from '../http/requests.ts';

/** The maximum length of SHOP_TOKEN. */
const MAX_TOKEN_BYTES = 512;

/** Compares tokens with the right one; the duration shows neither where they differ nor the length of the right one. */
export class ShopToken {
  /** The token, padded with zeros and followed by its length. */
  readonly #right = Buffer.alloc(MAX_TOKEN_BYTES + 2);
  readonly #given = Buffer.alloc(MAX_TOKEN_BYTES + 2);
  readonly isSet: boolean;

  /** '' for none. */
  constructor(token: string) {
    this.isSet = token !== '';
    put(token, this.#right);
  }

  matches(token: string): boolean {
    if (!this.isSet || token.length > MAX_TOKEN_BYTES) return false;
    put(token, this.#given);
    return timingSafeEqual(this.#given, this.#right);
  }
}

function put(token: string, into: Buffer): void {
  into.fill(0);
  into.write(token, 'latin1');
  into.writeUInt16LE(token.length, MAX_TOKEN_BYTES);
}

/** To authenticate a shop. */
export interface ShopParts extends RefusalParts {
  readonly shopToken: Pick<ShopToken, 'isSet' | 'matches'>;
}

const CHALLENGE = 'Bearer realm="fairline shops"';
const RIGHT = 'Bearer <SHOP_TOKEN of the gateways>';

/**
 * Answers 401 unless the Authorization header ('' if absent) has the shop's token, or 503 if SHOP_TOKEN is not set.
 */
export function authenticateShop(
  parts: ShopParts,
  reply: Reply,
  authorization: string,
): Answered | undefined {
  const token = /^Bearer +([^ ]+) *$/i.exec(authorization)?.[1];
  if (token !== undefined && parts.shopToken.matches(token)) return undefined;
  parts.metrics.refuse('shop');
  if (!parts.shopToken.isSet) {
    const fault = fieldFault('SHOP_TOKEN', undefined, '16 to 512 printable characters without spaces');
    const detail = 'Shops cannot authenticate: set SHOP_TOKEN in the environment of the gateways.';
    return reply.problem('not-configured', detail, { members: { errors: [fault] } });
  }
  const detail =
    token === undefined
      ? 'The Authorization header is missing or is not "Bearer" and a token.'
      : 'The token in the Authorization header is not the token of the shop.';
  return reply.problem('unauthenticated', detail, {
    members: {
      errors: [secretFault('authorization', authorization === '' ? undefined : authorization, RIGHT)],
    },
    headers: {
      'www-authenticate': token === undefined ? CHALLENGE : `${CHALLENGE}, error="invalid_token"`,
    },
  });
}
