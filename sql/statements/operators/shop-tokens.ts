/** Statements on the tokens of shops. Engines make and revoke them; gateways look them up. */
import type { Queryable } from '../../database.ts';
import { byteaArray } from '../arrays.ts';
import { type Token, TokenTable } from './token-table.ts';

/** What a token of a shop is for; null: everything that SHOP_TOKEN may do. */
export type ShopScope = { readonly shop: string | null };

export const shopTokens = new TokenTable<ShopScope>('shop_tokens', 'shop');

/** A token as gateways keep it. */
export interface KnownShopToken extends Pick<Token, 'tokenId' | 'expiresAt' | 'revokedAt'>, ShopScope {
  /** SHA-256 of the token. */
  readonly secretHash: Buffer;
  /** Milliseconds until it expires, by the ledger's clock; not positive if it has. */
  readonly leftMs: number;
}

/** Those of these hashes that belong to a token, whether it is valid or not. */
export async function findShopTokens(
  db: Queryable,
  secretHashes: readonly Buffer[],
): Promise<readonly KnownShopToken[]> {
  const { rows } = await db.query<KnownShopToken>(
    `select token_id as "tokenId", shop, expires_at as "expiresAt", revoked_at as "revokedAt", secret_hash as "secretHash",
            floor(extract(epoch from expires_at - statement_timestamp()) * 1000)::bigint as "leftMs"
       from shop_tokens where secret_hash = any($1::bytea[])`,
    [byteaArray(secretHashes)],
  );
  return rows;
}
