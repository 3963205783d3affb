/** What accounts of operators work with, made once for an engine, and what they refuse in more than one place. */
import type { Logger } from 'pino';
import type { Pool } from '../../../sql/database.ts';
import { fieldFault, Problem, secretFault, tooMany } from '../../contract/api/problem.ts';
import { DeviceCookies } from '../../contract/limits/device-cookies.ts';
import { type Claimant, HashingQueue, QueueFull } from '../../contract/passwords/hashing.ts';
import { PasswordRules } from '../../contract/passwords/password-rules.ts';
import { NAME_FREE } from '../token-rules.ts';
import { LoginAttempts } from './login-attempts.ts';
import { OperatorKeys } from './operator-keys.ts';
import { makeTotpSecret } from './totp.ts';

/** A hash takes a core for some 30 ms and 19 MiB, and settling needs the cores: one at a time. */
const HASHES_AT_ONCE = 1;
/** A quarter of them is for one network at most: 16 wait for half a second, and a team is smaller. */
const MOST_WAITING = 64;
export const DEVICE_COOKIE = '__Host-fairline_operator_device';

export interface AccountParts {
  readonly pool: Pool;
  readonly keys: OperatorKeys;
  readonly hashing: HashingQueue;
  readonly rules: PasswordRules;
  readonly attempts: LoginAttempts;
  readonly devices: DeviceCookies;
  /** In place of the sealed TOTP secret of somebody who has none. */
  readonly nobodysTotp: Uint8Array;
  readonly log: Pick<Logger, 'error' | 'warn'>;
}

/** `secret`: OPERATOR_SECRET. */
export function makeAccountParts({
  pool,
  secret,
  log,
}: Pick<AccountParts, 'pool' | 'log'> & { readonly secret: string }): AccountParts {
  const keys = new OperatorKeys(secret);
  return {
    ...{ pool, log, keys },
    hashing: new HashingQueue({ atOnce: HASHES_AT_ONCE, mostWaiting: MOST_WAITING }),
    rules: new PasswordRules(),
    attempts: new LoginAttempts(),
    devices: new DeviceCookies({ name: DEVICE_COOKIE, sameSite: 'Strict', key: keys.devices }),
    nobodysTotp: keys.seal(makeTotpSecret(), totpPurpose('')),
  };
}

/** Runs work with a password in its turn. Throws Problem too-many-requests, without running it, if too many wait. */
export async function inTurn<T>(
  { hashing }: AccountParts,
  claimant: Claimant,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await hashing.run(work, claimant);
  } catch (error) {
    if (!(error instanceof QueueFull)) throw error;
    throw tooMany('Too many operators log in at this moment. Retrying is safe.', 2_000);
  }
}

/** For what a TOTP secret of this account is sealed. A name stays one account's. */
export function totpPurpose(name: string): string {
  return `totp ${name}`;
}

export function operatorTarget(operatorId: number): string {
  return `operator ${operatorId}`;
}

export function unknownOperator(operatorId: number): Problem {
  return new Problem('unknown-operator', `Operator ${operatorId} does not exist.`, {
    errors: [fieldFault('id', operatorId, 'the number of an existing operator')],
  });
}

export function operatorNameTaken(name: string): Problem {
  return new Problem('conflict', `The name "${name}" is taken.`, {
    errors: [fieldFault('name', name, NAME_FREE)],
  });
}

/** `what`: the part of an account that its identity provider keeps. */
export function keptByProvider(what: string): Problem {
  return new Problem('conflict', `The identity provider of this account keeps its ${what}: change it there.`);
}

/** Used, replaced, expired, or of a disabled account: which of them is not told, as the remedy is the same. */
export function linkRefused(): Problem {
  const detail =
    'The link was used, replaced or is too old, or nobody needs it any more. An owner can make another one.';
  return new Problem('link-refused', detail, {
    errors: [secretFault('token', 'given', 'the token of a link that works')],
  });
}
