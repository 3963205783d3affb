/** Login with name, password and a code: of the authenticator, or a recovery code in its place. */
import { transaction } from '../../../sql/database.ts';
import {
  admitByRecoveryCode,
  admitByStep,
  countRecoveryCodes,
  findLogin,
  hasRecoveryCode,
  type LoginRow,
  replaceRecoveryCodes,
} from '../../../sql/statements/operators/operators.ts';
import { Problem, secretFault } from '../../contract/api/problem.ts';
import { verifyPassword } from '../../contract/passwords/hashing.ts';
import { normalisePassword } from '../../contract/passwords/password-rules.ts';
import { type Actor, noteAct } from '../acts.ts';
import type { Operator } from '../authenticate.ts';
import { attempting, type Client, counted, deviceCookie } from './attempting.ts';
import { type AccountParts, inTurn, operatorTarget, totpPurpose } from './parts.ts';
import { makeRecoveryCodes, readRecoveryCode } from './recovery-codes.ts';
import { accountOf, type BegunSession, beginSession } from './sessions.ts';
import { stepOfCode } from './totp.ts';

/** The hash of a password that nobody knows, so that a login without an account takes as long as one with an account. */
export const NOBODYS_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$bNc9YqbUHuX5yqo33fVc2w$+G2eibezJZ5ZXbp3g+8jzpxchdrVSBIbE7/hRzVs/hk';

export interface Login {
  readonly name: string;
  readonly password: string;
  readonly code: string;
}

export interface LoggedIn extends BegunSession {
  /** The Set-Cookie header by which the browser is known at its next login. */
  readonly deviceCookie: string;
  readonly operator: Operator;
}

/** What the code of a login is; undefined if it is wrong. */
type SecondFactor = { readonly step: number } | { readonly codeHash: Buffer } | undefined;

/** Throws Problem login-refused, whatever of it is wrong, and too-many-requests. */
export async function logIn(
  parts: AccountParts,
  given: Login,
  client: Client,
  action: string,
): Promise<LoggedIn> {
  const name = given.name.normalize('NFC');
  return await attempting(parts, name, client, async ({ login, nowMs, claimant }) => {
    const stored = login?.passwordHash ?? NOBODYS_HASH;
    const password = normalisePassword(given.password);
    // All of it is judged, whatever is found wrong first: the time does not tell either.
    const isRight = await inTurn(parts, claimant, () => verifyPassword(stored, password));
    const second = await secondFactorOf(parts, login, given.code, nowMs);
    if (login === undefined || !isRight || second === undefined) throw loginRefused();
    return await admit(parts, login, second, client, action);
  });
}

/** No account has it. */
const NO_OPERATOR = 0;

/** A code that was used before is none: what is left is to be used up by one transaction of several. */
async function secondFactorOf(
  parts: AccountParts,
  login: LoginRow | undefined,
  code: string,
  nowMs: number,
): Promise<SecondFactor> {
  const recovery = readRecoveryCode(code);
  if (recovery !== undefined) {
    const operatorId = login?.operatorId ?? NO_OPERATOR;
    const codeHash = parts.keys.hashCode(operatorId, recovery);
    return (await hasRecoveryCode(parts.pool, operatorId, codeHash)) ? { codeHash } : undefined;
  }
  // Without an account the same work is done: it takes a part of the time of a hash that can be measured.
  const secret = parts.keys.open(login?.totpSealed ?? parts.nobodysTotp, totpPurpose(login?.name ?? ''));
  if (secret === undefined) {
    parts.log.error(
      { operator: login?.operatorId },
      'the TOTP secret of an operator cannot be opened: OPERATOR_SECRET is another one than when they enrolled',
    );
    return undefined;
  }
  const step = stepOfCode(secret, code, nowMs);
  return step === undefined || login === undefined || step <= login.totpStep ? undefined : { step };
}

async function admit(
  parts: AccountParts,
  login: LoginRow,
  second: NonNullable<SecondFactor>,
  { userAgent }: Client,
  action: string,
): Promise<LoggedIn> {
  return await transaction(parts.pool, async db => {
    const isStep = 'step' in second;
    const account = isStep
      ? await admitByStep(db, login, second.step)
      : await admitByRecoveryCode(db, login, second.codeHash);
    // The code was used before, or the account has changed since it was read.
    if (account === undefined) throw loginRefused();
    const { operatorId, name, role } = account;
    const session = await beginSession(db, operatorId, userAgent);
    const operator = { name, role, tokenId: null, account: { operatorId, sessionId: session.sessionId } };
    const left = isStep ? undefined : await countRecoveryCodes(db, operatorId);
    const details = { session: session.sessionId, recovery_codes_left: left };
    await noteAct(db, { ...operator, action }, { target: operatorTarget(operatorId), details });
    return { ...session, operator, deviceCookie: deviceCookie(parts, name, login.passwordHash) };
  });
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

/**
 * Replaces the recovery codes of the one who acts, with the next code of their authenticator: a session that was left open is not
 * enough. Throws Problem login-refused for a wrong code, and too-many-requests.
 */
export async function renewRecoveryCodes(
  parts: AccountParts,
  code: string,
  actor: Actor,
): Promise<readonly string[]> {
  const { operatorId } = accountOf(actor);
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
  return await counted(parts.attempts.inSession(operatorId), renew, TOO_MANY_CODES);
}

export const TOO_MANY_CODES = 'Too many codes of this account were wrong.';

export function codeRefused(): Problem {
  return new Problem('login-refused', 'The code is wrong, or was used before.', {
    errors: [secretFault('code', 'given', 'the next code of the authenticator')],
  });
}

/** Only their hashes are stored. */
export async function storeRecoveryCodes(
  db: Parameters<typeof replaceRecoveryCodes>[0],
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
