/** Proofs of who somebody is: a password and a code. */
import type { Queryable } from '../../../sql/database.ts';
import {
  admitByRecoveryCode,
  admitByStep,
  hasRecoveryCode,
  type LoginRow,
  type OperatorAccount,
} from '../../../sql/statements/operators/operators.ts';
import { verifyPassword } from '../../contract/passwords/hashing.ts';
import { normalisePassword } from '../../contract/passwords/password-rules.ts';
import type { Attempt } from './attempting.ts';
import { type AccountParts, inTurn, totpPurpose } from './parts.ts';
import { readRecoveryCode } from './recovery-codes.ts';
import { stepOfCode } from './totp.ts';

/** The hash of a password that nobody knows, so that a login without an account takes as long as one with an account. */
export const NOBODYS_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$bNc9YqbUHuX5yqo33fVc2w$+G2eibezJZ5ZXbp3g+8jzpxchdrVSBIbE7/hRzVs/hk';

/** What the code of a proof is; undefined if it is wrong. */
type SecondFactor = { readonly step: number } | { readonly codeHash: Buffer } | undefined;

/** Password and code were right when they were judged; `admitBy` uses the code up. */
export interface Proof {
  readonly login: LoginRow;
  readonly second: NonNullable<SecondFactor>;
}

/**
 * Judges password and code of an attempt; undefined if either is wrong. All of it is judged, whatever is found wrong first, and without an
 * account as well: the time does not tell either. Throws Problem too-many-requests.
 */
export async function judge(
  parts: AccountParts,
  { login, nowMs, claimant }: Attempt,
  { password, code }: { readonly password: string; readonly code: string },
): Promise<Proof | undefined> {
  const stored = login?.passwordHash ?? NOBODYS_HASH;
  const isRight = await inTurn(parts, claimant, () => verifyPassword(stored, normalisePassword(password)));
  const second = await secondFactorOf(parts, login, code, nowMs);
  return login === undefined || !isRight || second === undefined ? undefined : { login, second };
}

/** Uses the code of a proof up. Undefined if it was used before, or the account has changed since it was judged. */
export async function admitBy(db: Queryable, { login, second }: Proof): Promise<OperatorAccount | undefined> {
  return 'step' in second
    ? await admitByStep(db, login, second.step)
    : await admitByRecoveryCode(db, login, second.codeHash);
}

/** No account has it. */
const NO_OPERATOR = 0;

/** A code that was used before is none: what is left is to be used up by one transaction of several. */
export async function secondFactorOf(
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
