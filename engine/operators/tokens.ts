/** Makes and revokes tokens of operators. */
import { type Pool, type Queryable, transaction, violatedConstraint } from '../../sql/database.ts';
import {
  getOperatorToken,
  insertOperatorToken,
  type OperatorToken,
  type Role,
  revokeOperatorToken,
} from '../../sql/statements/operators/operator-tokens.ts';
import { fieldFault, invalidRequest, Problem } from '../contract/api/problem.ts';
import { NAME_FREE } from './accounts/parts.ts';
import { type Actor, noteAct } from './acts.ts';
import { ENVIRONMENT_OPERATOR, hashOfToken, makeOperatorToken } from './authenticate.ts';

const DAY_MS = 86_400_000;
const DEFAULT_LIFE_MS = 365 * DAY_MS;
/** A token that nobody renews is one that nobody remembers. */
const LONGEST_LIFE_MS = 5 * 365 * DAY_MS;

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
  { name, role, expiresAt = undefined }: WantedToken,
  actor: Actor,
  nowMs: number,
): Promise<OperatorToken & { readonly token: string }> {
  const until = expiresAt ?? new Date(nowMs + DEFAULT_LIFE_MS);
  const latest = new Date(nowMs + LONGEST_LIFE_MS);
  if (until.getTime() <= nowMs || until > latest) {
    const expected = `an instant after now and by ${latest.toISOString()}`;
    throw invalidRequest([fieldFault('expires_at', until.toISOString(), expected)]);
  }
  if (name.toLowerCase() === ENVIRONMENT_OPERATOR) throw nameTaken(name, 'It is that of the OPERATOR_TOKEN.');
  const token = makeOperatorToken();
  const made = await transaction(pool, async db => {
    const row = await insertOperatorToken(db, {
      ...{ name, role, madeBy: actor.name, madeAt: new Date(nowMs), expiresAt: until },
      secretHash: hashOfToken(token),
    }).catch(error => {
      throw violatedConstraint(error) === 'operator_names' ? nameTaken(name, "It is an account's.") : error;
    });
    if (row === undefined) throw nameTaken(name, 'Revoke its token first.');
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

/** Revokes a token at once, for every engine; one that is revoked stays so. Throws Problem unknown-token. */
export async function revokeToken(pool: Pool, tokenId: number, actor: Actor): Promise<OperatorToken> {
  return await transaction(pool, async db => {
    const revoked = await revokeOperatorToken(db, tokenId, actor.name);
    if (revoked !== undefined) {
      const { name, role } = revoked;
      await noteAct(db, actor, { target: tokenTarget(revoked), details: { name, role } });
      return revoked;
    }
    const known = await getOperatorToken(db, tokenId);
    if (known === undefined) throw unknownToken(tokenId);
    return known;
  });
}

function tokenTarget({ tokenId }: OperatorToken): string {
  return `token ${tokenId}`;
}

function unknownToken(tokenId: number): Problem {
  return new Problem('unknown-token', `Token ${tokenId} does not exist.`, {
    errors: [fieldFault('id', tokenId, 'the number of an existing token')],
  });
}

function nameTaken(name: string, remedy: string): Problem {
  return new Problem('conflict', `The name "${name}" is taken. ${remedy}`, {
    errors: [fieldFault('name', name, NAME_FREE)],
  });
}
