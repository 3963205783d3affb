/** Login with name, password and a code: of the authenticator, or a recovery code in its place. */
import { type Queryable, transaction } from '../../../sql/database.ts';
import { countRecoveryCodes } from '../../../sql/statements/operators/operators.ts';
import { Problem, secretFault } from '../../contract/api/problem.ts';
import { noteAct } from '../acts.ts';
import type { Operator } from '../authenticate.ts';
import { attempting, type Client, deviceCookie } from './attempting.ts';
import { type AccountParts, operatorTarget } from './parts.ts';
import { admitBy, judge, type Proof } from './proofs.ts';
import { type BegunSession, beginSession } from './sessions.ts';

export interface Login {
  readonly name: string;
  readonly password: string;
  readonly code: string;
}

export interface LoggedIn extends BegunSession {
  /** The Set-Cookie header by which the browser is known at its next login; absent if the password is another service's. */
  readonly deviceCookie?: string;
  readonly operator: Operator;
}

/** Throws Problem login-refused, whatever of it is wrong, and too-many-requests. */
export async function logIn(
  parts: AccountParts,
  given: Login,
  client: Client,
  action: string,
): Promise<LoggedIn> {
  const name = given.name.normalize('NFC');
  return await attempting(parts, name, client, async attempt => {
    const proof = await judge(parts, attempt, given);
    if (proof === undefined) throw loginRefused();
    return await admit(parts, proof, client, action);
  });
}

async function admit(
  parts: AccountParts,
  proof: Proof,
  { userAgent }: Client,
  action: string,
): Promise<LoggedIn> {
  return await transaction(parts.pool, async db => {
    const account = await admitBy(db, proof);
    if (account === undefined) throw loginRefused();
    const { operatorId, name, role } = account;
    const session = await beginSession(db, operatorId, userAgent);
    const operator = { name, role, tokenId: null, account: { operatorId, sessionId: session.sessionId } };
    const details = { session: session.sessionId, recovery_codes_left: await codesLeft(db, proof) };
    await noteAct(db, { ...operator, action }, { target: operatorTarget(operatorId), details });
    return { ...session, operator, deviceCookie: deviceCookie(parts, name, proof.login.passwordHash) };
  });
}

/** How many recovery codes are left, if one was just used; for the log. */
export async function codesLeft(db: Queryable, { login, second }: Proof): Promise<number | undefined> {
  return 'step' in second ? undefined : await countRecoveryCodes(db, login.operatorId);
}

/** One answer, whatever is wrong: who guesses a password does not learn when it is right. */
export function loginRefused(): Problem {
  const detail =
    'The name, the password or the code is wrong, the code was used before, or the account is disabled.';
  return new Problem('login-refused', detail, {
    errors: [
      { field: 'name', expected: 'the name of an account that has enrolled' },
      secretFault('password', 'given', 'the password of the account'),
      secretFault(
        'code',
        'given',
        'the next code of the authenticator, or a recovery code that was not used',
      ),
    ],
  });
}
