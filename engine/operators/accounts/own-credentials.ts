/** What operators change of their own credentials: password and recovery codes. A session that was left open is not enough for either. */
import { type Queryable, transaction } from '../../../sql/database.ts';
import { endOperatorSessions } from '../../../sql/statements/operators/operator-sessions.ts';
import {
  admitByStep,
  findLogin,
  getOperator,
  replaceRecoveryCodes,
  setOperatorPassword,
} from '../../../sql/statements/operators/operators.ts';
import { invalidRequest, Problem, secretFault } from '../../contract/api/problem.ts';
import { hashPassword } from '../../contract/passwords/hashing.ts';
import { normalisePassword } from '../../contract/passwords/password-rules.ts';
import { type Actor, noteAct } from '../acts.ts';
import { counted, deviceCookie } from './attempting.ts';
import { codesLeft } from './login.ts';
import { type AccountParts, inTurn, keptByProvider, operatorTarget } from './parts.ts';
import { admitBy, judge, secondFactorOf } from './proofs.ts';
import { makeRecoveryCodes } from './recovery-codes.ts';
import { accountOf } from './sessions.ts';

export interface NewPassword {
  /** The present one. */
  readonly password: string;
  /** The next code of the authenticator, or a recovery code. */
  readonly code: string;
  readonly newPassword: string;
}

/**
 * Changes the password of the one who acts, and ends their other sessions, also those of somebody who knew the former one. Resolves with the Set-Cookie
 * header by which the browser stays known. `network`: see Client. Throws Problem invalid-request for a weak password, login-refused for a wrong
 * password or code, and too-many-requests.
 */
export async function changePassword(
  parts: AccountParts,
  { password, code, newPassword }: NewPassword,
  actor: Actor,
  network: string,
): Promise<string> {
  const { operatorId, sessionId } = accountOf(actor);
  await refuseKept(parts, operatorId);
  const chosen = normalisePassword(newPassword);
  const weakness =
    chosen === normalisePassword(password)
      ? 'another password than the present one'
      : parts.rules.refusal(chosen, actor.name);
  if (weakness !== undefined) throw invalidRequest([secretFault('new_password', newPassword, weakness)]);
  const claimant = { network, isKnown: true };
  const change = async (): Promise<string> => {
    const { login, nowMs } = await findLogin(parts.pool, actor.name);
    const proof = await judge(parts, { login, nowMs, claimant }, { password, code });
    if (proof === undefined) throw proofRefused();
    const passwordHash = await inTurn(parts, claimant, () => hashPassword(chosen));
    await transaction(parts.pool, async db => {
      if ((await admitBy(db, proof)) === undefined) throw proofRefused();
      await setOperatorPassword(db, operatorId, passwordHash);
      const ended = await endOperatorSessions(db, operatorId, sessionId);
      const details = { ended_sessions: ended, recovery_codes_left: await codesLeft(db, proof) };
      await noteAct(db, actor, { target: operatorTarget(operatorId), details });
    });
    return deviceCookie(parts, actor.name, passwordHash);
  };
  return await counted(parts.attempts.inSession(operatorId), change, TOO_MANY_PROOFS);
}

/** Throws Problem conflict. */
async function refuseKept({ pool }: AccountParts, operatorId: number): Promise<void> {
  const account = await getOperator(pool, operatorId);
  if (account !== undefined && account.issuer !== null) throw keptByProvider('password and second factor');
}

export const TOO_MANY_PROOFS = 'Too many passwords or codes of this account were wrong.';

/** Which of the two is wrong is not told, as at a login. */
export function proofRefused(): Problem {
  return new Problem('login-refused', 'The password or the code is wrong, or the code was used before.', {
    errors: [
      secretFault('password', 'given', 'the present password of the account'),
      secretFault(
        'code',
        'given',
        'the next code of the authenticator, or a recovery code that was not used',
      ),
    ],
  });
}

/**
 * Replaces the recovery codes of the one who acts, with the next code of their authenticator. Throws Problem login-refused for a wrong code, and too-many-requests.
 */
export async function renewRecoveryCodes(
  parts: AccountParts,
  code: string,
  actor: Actor,
): Promise<readonly string[]> {
  const { operatorId } = accountOf(actor);
  await refuseKept(parts, operatorId);
  const renew = async (): Promise<readonly string[]> => {
    const { login, nowMs } = await findLogin(parts.pool, actor.name);
    const second = await secondFactorOf(parts, login, code, nowMs);
    if (login === undefined || second === undefined || !('step' in second)) throw codeRefused();
    const codes = makeRecoveryCodes();
    await transaction(parts.pool, async db => {
      if ((await admitByStep(db, login, second.step)) === undefined) throw codeRefused();
      await storeRecoveryCodes(db, parts, operatorId, codes);
      const details = { recovery_codes: codes.length };
      await noteAct(db, actor, { target: operatorTarget(operatorId), details });
    });
    return codes;
  };
  return await counted(parts.attempts.inSession(operatorId), renew, TOO_MANY_PROOFS);
}

export function codeRefused(): Problem {
  return new Problem('login-refused', 'The code is wrong, or was used before.', {
    errors: [secretFault('code', 'given', 'the next code of the authenticator')],
  });
}

/** Only their hashes are stored. */
export async function storeRecoveryCodes(
  db: Queryable,
  { keys }: Pick<AccountParts, 'keys'>,
  operatorId: number,
  codes: readonly string[],
): Promise<void> {
  const plain = codes.map(code => code.replaceAll('-', ''));
  await replaceRecoveryCodes(
    db,
    operatorId,
    plain.map(code => keys.hashCode(operatorId, code)),
  );
}
