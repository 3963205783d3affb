/** Statements on the tokens of operators. */
import type { Queryable } from '../../database.ts';
import { type Token, TokenTable } from './token-table.ts';

export const ROLES = ['viewer', 'editor', 'drawer', 'owner'] as const;
export type Role = (typeof ROLES)[number];

/** What a token of an operator is for. */
export type RoleScope = { readonly role: Role };

export const operatorTokens = new TokenTable<RoleScope>('operator_tokens', 'role');

/** A token, with what the ledger's clock says of it. */
export interface FoundToken extends Token, RoleScope {
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
    `select ${operatorTokens.columns}, expires_at <= now() as "isExpired",
            coalesce(last_used_at >= now() - interval '1 minute', false) as "isUseNoted"
       from operator_tokens where secret_hash = $1`,
    [secretHash],
  );
  return rows[0];
}
