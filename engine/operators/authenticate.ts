/**
 * Who sends a request to the operators' API with a token: the environment's OPERATOR_TOKEN, which is an owner's and needs no database,
 * or a named token of the ledger. accounts/sessions.ts: who sends one in the session of an account.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Queryable } from '../../sql/database.ts';
import { findOperatorToken, operatorTokens } from '../../sql/statements/operators/operator-tokens.ts';
import { hashOfToken, isToken } from '../contract/keys/bearer-tokens.ts';
import type { Role } from './roles.ts';

export interface Operator {
  /** Recorded with everything that the operator does. */
  readonly name: string;
  readonly role: Role;
  /** Null for the environment's token, and in the session of an account. */
  readonly tokenId: number | null;
  /** In the session of an account alone. */
  readonly account?: Account;
}

export interface Account {
  readonly operatorId: number;
  readonly sessionId: number;
}

/** The name of who acts with OPERATOR_TOKEN; no other token and no account may have it. */
export const ENVIRONMENT_OPERATOR = 'operator';

/** The operator, or why the token is refused: the end of a sentence about it. */
export async function authenticate(
  db: Queryable,
  environmentHash: Uint8Array,
  token: string,
): Promise<Operator | { readonly refused: string }> {
  const hash = hashOfToken(token);
  if (timingSafeEqual(hash, environmentHash)) {
    return { name: ENVIRONMENT_OPERATOR, role: 'owner', tokenId: null };
  }
  // No query for what cannot be a token: settlement uses the same connections.
  if (!isToken('operator', token)) return { refused: 'is wrong' };
  const found = await findOperatorToken(db, hash);
  if (found === undefined) return { refused: 'is wrong' };
  const { tokenId, name, role, revokedAt, isExpired, expiresAt, isUseNoted } = found;
  if (revokedAt !== null) return { refused: `was revoked at ${revokedAt.toISOString()}` };
  if (isExpired) return { refused: `expired at ${expiresAt.toISOString()}` };
  // The last use is for information: a ledger that cannot be written to, or a held row, must refuse nobody.
  if (!isUseNoted) void operatorTokens.noteUses(db, [tokenId]).catch(() => undefined);
  return { name, role, tokenId };
}
