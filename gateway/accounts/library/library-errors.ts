/** What the library throws, as problems of ours. It names its errors by a code in their body. */
import { DatabaseError } from 'pg';
import { invalidRequest, Problem } from '../../../engine/contract/api/problem.ts';
import { QueueFull } from '../../../engine/contract/passwords/hashing.ts';
import { PASSWORD_EXPECTED } from '../../../engine/contract/passwords/password-rules.ts';
import {
  accountsUnavailable,
  linkRefused,
  loginRefused,
  NEW_VERIFICATION_LINK,
  passwordFault,
  tooManyLogins,
  wrongPassword,
} from '../problems.ts';

const BY_CODE: Readonly<Record<string, () => Problem>> = {
  INVALID_EMAIL_OR_PASSWORD: loginRefused,
  // Or a sign-up and a login would tell together whether the address had an account before.
  EMAIL_NOT_VERIFIED: loginRefused,
  INVALID_PASSWORD: wrongPassword,
  CREDENTIAL_ACCOUNT_NOT_FOUND: wrongPassword,
  INVALID_TOKEN: () => linkRefused(NEW_VERIFICATION_LINK),
  TOKEN_EXPIRED: () => linkRefused(NEW_VERIFICATION_LINK),
  USER_NOT_FOUND: () => linkRefused(NEW_VERIFICATION_LINK),
  INVALID_USER: () => linkRefused(NEW_VERIFICATION_LINK),
  FAILED_TO_CREATE_SESSION: accountsUnavailable,
  PASSWORD_TOO_SHORT: () => invalidRequest([passwordFault(PASSWORD_EXPECTED)]),
  PASSWORD_TOO_LONG: () => invalidRequest([passwordFault(PASSWORD_EXPECTED)]),
};

/** The code of an error of the library, '' if it is none of its errors. */
export function libraryCodeOf(error: unknown): string {
  const body: unknown = Reflect.get(Object(error), 'body');
  const code: unknown = Reflect.get(Object(body), 'code');
  return typeof code === 'string' ? code : '';
}

/** The problem to answer with; undefined for a defect of ours. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof QueueFull) return tooManyLogins();
  const known = BY_CODE[libraryCodeOf(error)];
  if (known !== undefined) return known();
  return isOutage(error) ? accountsUnavailable() : undefined;
}

/**
 * PostgreSQL is away, is starting or stopping, or did not answer in time: the pool says so by texts, a socket by a code, the server by
 * SQLSTATE classes 08, 53, 55, 57 and 40. 23503 is the account's deletion while something was added to it.
 */
function isOutage(error: unknown): boolean {
  if (error instanceof DatabaseError) return /^(08|40|53|55|57|23503)/.test(error.code ?? '');
  if (!(error instanceof Error)) return false;
  if ('code' in error && /^E[A-Z]+$/.test(String(error.code))) return true;
  return /timeout|terminated|Connection|not queryable/.test(error.message);
}
