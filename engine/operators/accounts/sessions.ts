/** Sessions of operators' accounts: from a login to its end, which counts at once for every engine, as each request looks its session up. */
import { randomBytes } from 'node:crypto';
import { type Queryable, transaction } from '../../../sql/database.ts';
import {
  endOperatorSession,
  findOperatorSession,
  insertOperatorSession,
  listOperatorSessions,
  noteSessionUse,
  type OperatorSession,
} from '../../../sql/statements/operators/operator-sessions.ts';
import { fieldFault, Problem } from '../../contract/api/problem.ts';
import { hashOfToken } from '../../contract/keys/bearer-tokens.ts';
import { type Actor, noteAct } from '../acts.ts';
import type { Account, Operator } from '../authenticate.ts';
import { type AccountParts, operatorTarget } from './parts.ts';

/** A working day. The next morning begins with a code of the authenticator. */
export const SESSION_LIFE_S = 12 * 3_600;
const SECRET_BYTES = 32;
const SECRET = /^[\w-]{43}$/;
const USER_AGENT_CHARACTERS = 256;
/** More browsers are nobody's. */
const MOST_SHOWN = 100;

/** A session that has just begun. */
export interface BegunSession {
  readonly sessionId: number;
  /** What the browser keeps: the only place where it stands. */
  readonly secret: string;
}

export async function beginSession(
  db: Queryable,
  operatorId: number,
  userAgent: string,
  lifeS = SESSION_LIFE_S,
): Promise<BegunSession> {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const { sessionId } = await insertOperatorSession(db, {
    operatorId,
    secretHash: hashOfToken(secret),
    userAgent: userAgent.toWellFormed().replaceAll('\0', '').slice(0, USER_AGENT_CHARACTERS),
    lifeS,
  });
  return { sessionId, secret };
}

/** Whose session this is, with their present role; undefined if it has ended, or the account is disabled. */
export async function authenticateSession(db: Queryable, secret: string): Promise<Operator | undefined> {
  if (!SECRET.test(secret)) return undefined;
  const found = await findOperatorSession(db, hashOfToken(secret));
  if (found === undefined) return undefined;
  const { sessionId, operatorId, name, role, isUseNoted } = found;
  // For information only, like the last use of a token.
  if (!isUseNoted) void noteSessionUse(db, sessionId).catch(() => undefined);
  return { name, role, tokenId: null, account: { operatorId, sessionId } };
}

/** The account of an operator who acts in a session. Throws Problem conflict for a token. */
export function accountOf({ account }: Operator): Account {
  if (account === undefined) {
    throw new Problem('conflict', 'A token has no sessions and no codes: log in to an account instead.');
  }
  return account;
}

export async function ownSessions(db: Queryable, operator: Operator): Promise<readonly OperatorSession[]> {
  return await listOperatorSessions(db, accountOf(operator).operatorId, MOST_SHOWN);
}

/** Ends a session of the one who acts. Throws Problem unknown-session. */
export async function endSession(
  { pool }: Pick<AccountParts, 'pool'>,
  sessionId: number,
  actor: Actor,
): Promise<void> {
  const { operatorId } = accountOf(actor);
  await transaction(pool, async db => {
    if (!(await endOperatorSession(db, operatorId, sessionId))) throw unknownSession(sessionId);
    await noteAct(db, actor, { target: operatorTarget(operatorId), details: { session: sessionId } });
  });
}

function unknownSession(sessionId: number): Problem {
  return new Problem('unknown-session', `You have no session ${sessionId}.`, {
    errors: [fieldFault('id', sessionId, 'the number of a session that GET /v1/operator/sessions lists')],
  });
}
