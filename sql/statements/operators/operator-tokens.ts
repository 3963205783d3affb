/** Statements on the tokens of operators. */
import type { Queryable } from '../../database.ts';

export const ROLES = ['viewer', 'editor', 'drawer', 'owner'] as const;
export type Role = (typeof ROLES)[number];

export interface OperatorToken {
  readonly tokenId: number;
  readonly name: string;
  readonly role: Role;
  readonly madeBy: string;
  readonly madeAt: Date;
  readonly expiresAt: Date;
  /** Up to a minute old. */
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
}

export interface NewOperatorToken
  extends Pick<OperatorToken, 'name' | 'role' | 'madeBy' | 'madeAt' | 'expiresAt'> {
  /** SHA-256 of the token. */
  readonly secretHash: Uint8Array;
}

const COLUMNS = `token_id as "tokenId", name, role, made_by as "madeBy", made_at as "madeAt", expires_at as "expiresAt",
  last_used_at as "lastUsedAt", revoked_at as "revokedAt", revoked_by as "revokedBy"`;

/** Undefined if a token with this name, in any letter case, exists that is not revoked. */
export async function insertOperatorToken(
  db: Queryable,
  { name, role, secretHash, madeBy, madeAt, expiresAt }: NewOperatorToken,
): Promise<OperatorToken | undefined> {
  const { rows } = await db.query<OperatorToken>(
    `insert into operator_tokens (name, role, secret_hash, made_by, made_at, expires_at) values ($1, $2, $3, $4, $5, $6)
     on conflict (lower(name)) where revoked_at is null do nothing returning ${COLUMNS}`,
    [name, role, secretHash, madeBy, madeAt, expiresAt],
  );
  return rows[0];
}

/** A token, with what the ledger's clock says of it. */
export interface FoundToken extends OperatorToken {
  readonly isExpired: boolean;
  /** Its last use was noted within the last minute. */
  readonly isUseNoted: boolean;
}

/** The token with this hash, whether it is valid or not. */
export async function findOperatorToken(
  db: Queryable,
  secretHash: Uint8Array,
): Promise<FoundToken | undefined> {
  const { rows } = await db.query<FoundToken>(
    `select ${COLUMNS}, expires_at <= now() as "isExpired",
            coalesce(last_used_at >= now() - interval '1 minute', false) as "isUseNoted"
       from operator_tokens where secret_hash = $1`,
    [secretHash],
  );
  return rows[0];
}

/** Notes a use, at most once a minute: a console that asks each second must not write each second. */
export async function noteTokenUse(db: Queryable, tokenId: number): Promise<void> {
  await db.query(
    `update operator_tokens set last_used_at = now()
     where token_id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
    [tokenId],
  );
}

export async function getOperatorToken(db: Queryable, tokenId: number): Promise<OperatorToken | undefined> {
  const { rows } = await db.query<OperatorToken>(
    `select ${COLUMNS} from operator_tokens where token_id = $1`,
    [tokenId],
  );
  return rows[0];
}

/** Tokens above `after`, by id, at most `limit`. */
export async function listOperatorTokens(
  db: Queryable,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly OperatorToken[]> {
  const { rows } = await db.query<OperatorToken>(
    `select ${COLUMNS} from operator_tokens where token_id > $1 order by token_id limit $2`,
    [Math.min(page.after, 2 ** 31 - 1), page.limit],
  );
  return rows;
}

/** The token that this revokes; undefined if there is none with this id, or it was revoked before. */
export async function revokeOperatorToken(
  db: Queryable,
  tokenId: number,
  revokedBy: string,
): Promise<OperatorToken | undefined> {
  const { rows } = await db.query<OperatorToken>(
    `update operator_tokens set revoked_at = now(), revoked_by = $2
     where token_id = $1 and revoked_at is null returning ${COLUMNS}`,
    [tokenId, revokedBy],
  );
  return rows[0];
}
