/** Makes and revokes tokens of operators. */
import { type Pool, type Queryable, transaction, violatedConstraint } from '../../sql/database.ts';
import {
  getOperatorToken,
  insertOperatorToken,
  type OperatorToken,
  type Role,
  revokeOperatorToken,
} from '../../sql/statements/operators/operator-tokens.ts';
import { deleteLinksMadeBy, lockOwners } from '../../sql/statements/operators/operators.ts';
import { hashOfToken, newToken } from '../contract/keys/bearer-tokens.ts';
import { type Actor, noteAct } from './acts.ts';
import { ENVIRONMENT_OPERATOR } from './authenticate.ts';
import { lifeOf, NAME_FREE, nameTaken, unknownToken } from './token-rules.ts';

export interface WantedToken {
  readonly name: string;
  readonly role: Role;
  readonly expiresAt: Date | undefined;
}

/**
 * Makes a token; the result is the only place where it stands. `nowMs` is the time of the service. Throws Problem
 * invalid-request for an expiry that has passed or is too far away, conflict for a name that is taken.
 */
export async function makeToken(
  pool: Pool,
  { name, role, expiresAt }: WantedToken,
  actor: Actor,
  nowMs: number,
): Promise<OperatorToken & { readonly token: string }> {
  const until = lifeOf(expiresAt, nowMs);
  if (name.toLowerCase() === ENVIRONMENT_OPERATOR)
    throw nameTaken(name, 'It is that of the OPERATOR_TOKEN.', NAME_FREE);
  const token = newToken('operator');
  const made = await transaction(pool, async db => {
    const row = await insertOperatorToken(db, {
      ...{ name, role, madeBy: actor.name, madeAt: new Date(nowMs), expiresAt: until },
      secretHash: hashOfToken(token),
    }).catch(error => {
      throw violatedConstraint(error) === 'operator_names'
        ? nameTaken(name, "It is an account's.", NAME_FREE)
        : error;
    });
    if (row === undefined) throw nameTaken(name, 'Revoke its token first.', NAME_FREE);
    const details = { name, role, expires_at: row.expiresAt };
    await noteAct(db, actor, { target: tokenTarget(row), details });
    return row;
  });
  return { ...made, token };
}

/** Throws Problem unknown-token. */
export async function findToken(db: Queryable, tokenId: number): Promise<OperatorToken> {
  const token = await getOperatorToken(db, tokenId);
  if (token === undefined) throw unknownToken(tokenId);
  return token;
}

/** Revokes a token at once, for every engine, and ends the links that were made with it; one that is revoked stays so. Throws Problem unknown-token. */
export async function revokeToken(pool: Pool, tokenId: number, actor: Actor): Promise<OperatorToken> {
  return await transaction(pool, async db => {
    await lockOwners(db);
    const revoked = await revokeOperatorToken(db, tokenId, actor.name);
    if (revoked === undefined) return await findToken(db, tokenId);
    const { name, role } = revoked;
    const details = { name, role, ended_links: await deleteLinksMadeBy(db, name) };
    await noteAct(db, actor, { target: tokenTarget(revoked), details });
    return revoked;
  });
}

function tokenTarget({ tokenId }: OperatorToken): string {
  return `token ${tokenId}`;
}
