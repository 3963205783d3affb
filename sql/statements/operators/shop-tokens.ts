/** Statements on the tokens of shops. Engines make and revoke them; gateways look them up. */
import type { Queryable } from '../../database.ts';
import { byteaArray } from '../arrays.ts';

export interface ShopToken {
  readonly tokenId: number;
  readonly name: string;
  /** Null: it may do everything that SHOP_TOKEN may. */
  readonly shop: string | null;
  readonly madeBy: string;
  readonly madeAt: Date;
  readonly expiresAt: Date;
  /** Up to a minute old. */
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
}

export interface NewShopToken extends Pick<ShopToken, 'name' | 'shop' | 'madeBy' | 'madeAt' | 'expiresAt'> {
  /** SHA-256 of the token. */
  readonly secretHash: Uint8Array;
}

const COLUMNS = `token_id as "tokenId", name, shop, made_by as "madeBy", made_at as "madeAt", expires_at as "expiresAt",
  last_used_at as "lastUsedAt", revoked_at as "revokedAt", revoked_by as "revokedBy"`;

/** Undefined if a token with this name, in any letter case, exists that is not revoked. */
export async function insertShopToken(
  db: Queryable,
  { name, shop, secretHash, madeBy, madeAt, expiresAt }: NewShopToken,
): Promise<ShopToken | undefined> {
  const { rows } = await db.query<ShopToken>(
    `insert into shop_tokens (name, shop, secret_hash, made_by, made_at, expires_at) values ($1, $2, $3, $4, $5, $6)
     on conflict (lower(name)) where revoked_at is null do nothing returning ${COLUMNS}`,
    [name, shop, secretHash, madeBy, madeAt, expiresAt],
  );
  return rows[0];
}

/** A token as gateways keep it. */
export interface KnownShopToken extends Pick<ShopToken, 'tokenId' | 'shop' | 'expiresAt' | 'revokedAt'> {
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

/** Notes that these are in use, each at most once a minute. */
export async function noteShopTokenUses(db: Queryable, tokenIds: readonly number[]): Promise<void> {
  await db.query(
    `update shop_tokens set last_used_at = now()
     where token_id = any($1::integer[]) and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
    [tokenIds],
  );
}

export async function getShopToken(db: Queryable, tokenId: number): Promise<ShopToken | undefined> {
  const { rows } = await db.query<ShopToken>(`select ${COLUMNS} from shop_tokens where token_id = $1`, [
    tokenId,
  ]);
  return rows[0];
}

/** Tokens above `after`, by id, at most `limit`. */
export async function listShopTokens(
  db: Queryable,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly ShopToken[]> {
  const { rows } = await db.query<ShopToken>(
    `select ${COLUMNS} from shop_tokens where token_id > $1 order by token_id limit $2`,
    [Math.min(page.after, 2 ** 31 - 1), page.limit],
  );
  return rows;
}

/** The token that this revokes; undefined if there is none with this id, or it was revoked before. */
export async function revokeShopToken(
  db: Queryable,
  tokenId: number,
  revokedBy: string,
): Promise<ShopToken | undefined> {
  const { rows } = await db.query<ShopToken>(
    `update shop_tokens set revoked_at = now(), revoked_by = $2
     where token_id = $1 and revoked_at is null returning ${COLUMNS}`,
    [tokenId, revokedBy],
  );
  return rows[0];
}
