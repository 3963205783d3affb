/** Makes and revokes tokens of shops; gateways check them (gateway/shops/). */
import { type Pool, type Queryable, transaction } from '../../sql/database.ts';
import {
  getShopToken,
  insertShopToken,
  revokeShopToken,
  type ShopToken,
} from '../../sql/statements/operators/shop-tokens.ts';
import { hashOfToken, newToken } from '../contract/keys/bearer-tokens.ts';
import { type Actor, noteAct } from './acts.ts';
import { lifeOf, nameTaken, SHOP_NAME_FREE, unknownToken } from './token-rules.ts';

export interface WantedShopToken {
  readonly name: string;
  /** Null: every campaign and coupon. */
  readonly shop: string | null;
  readonly expiresAt: Date | undefined;
}

/**
 * Makes a token; the result is the only place where it stands. `nowMs` is the time of the service. Throws Problem
 * invalid-request for an expiry that has passed or is too far away, conflict for a name that is taken.
 */
export async function makeShopToken(
  pool: Pool,
  { name, shop, expiresAt }: WantedShopToken,
  actor: Actor,
  nowMs: number,
): Promise<ShopToken & { readonly token: string }> {
  const until = lifeOf(expiresAt, nowMs);
  const token = newToken('shop');
  const made = await transaction(pool, async db => {
    const row = await insertShopToken(db, {
      ...{ name, shop, madeBy: actor.name, madeAt: new Date(nowMs), expiresAt: until },
      secretHash: hashOfToken(token),
    });
    if (row === undefined) throw nameTaken(name, 'Revoke its token first.', SHOP_NAME_FREE);
    await noteAct(db, actor, { target: targetOf(row), details: { name, shop, expires_at: row.expiresAt } });
    return row;
  });
  return { ...made, token };
}

/** Throws Problem unknown-token. */
export async function findShopToken(db: Queryable, tokenId: number): Promise<ShopToken> {
  const token = await getShopToken(db, tokenId);
  if (token === undefined) throw unknownToken(tokenId);
  return token;
}

/** Revokes a token; one that is revoked stays so. Gateways learn of it within seconds. Throws Problem unknown-token. */
export async function endShopToken(pool: Pool, tokenId: number, actor: Actor): Promise<ShopToken> {
  return await transaction(pool, async db => {
    const revoked = await revokeShopToken(db, tokenId, actor.name);
    if (revoked === undefined) return await findShopToken(db, tokenId);
    const { name, shop } = revoked;
    await noteAct(db, actor, { target: targetOf(revoked), details: { name, shop } });
    return revoked;
  });
}

function targetOf({ tokenId }: ShopToken): string {
  return `shop token ${tokenId}`;
}
