/** Attempts with a password: who may make one, and the check of the password of a session's account. */
import { invalidRequest } from '../../engine/contract/api/problem.ts';
import { permit } from '../../engine/contract/limits/taking.ts';
import {
  type Claimant,
  type HashingQueue,
  QueueFull,
  verifyPassword,
} from '../../engine/contract/passwords/hashing.ts';
import {
  MOST_CHARACTERS,
  normalisePassword,
  PASSWORD_EXPECTED,
} from '../../engine/contract/passwords/password-rules.ts';
import type { Pool } from '../../sql/database.ts';
import type { FoundSession } from '../../sql/statements/fans/fan-sessions.ts';
import { findFanPassword } from '../../sql/statements/fans/fans.ts';
import type { Attempts } from './attempts.ts';
import { keptByShop, passwordFault, tooManyAttempts, wrongPassword } from './problems.ts';

export interface AttemptingParts {
  readonly pool: Pool;
  readonly hashing: HashingQueue;
  readonly attempts: Attempts;
}

/** Who attempts: the network ('' if unknown) and the Cookie header. */
export interface Attempter {
  readonly network: string;
  readonly cookies: string;
}

/** An attempt with a password that may be made, and its claim to a place in the queue. */
export interface Attempting extends Claimant {
  /** The password was right. */
  readonly forgive: () => void;
  /** Something else went wrong, which is no guess; and if too many waited, it has cost nothing. */
  readonly failed: (error: unknown) => void;
}

/**
 * Counts an attempt with a password, as one of a browser that is known or of a stranger. Throws Problem too-many-requests.
 * `presentVersion`: the account's credential version; it is asked only for a browser with a signed cookie, and after that is counted, since
 * it may cost a statement.
 */
export async function beginAttempt(
  { attempts }: Pick<AttemptingParts, 'attempts'>,
  { network, cookies }: Attempter,
  address: string,
  presentVersion: () => Promise<string | undefined>,
): Promise<Attempting> {
  const device = attempts.knownDevice(address, cookies);
  const permitted = [permit(attempts.login({ address, network, device }), tooManyAttempts)];
  const isKnown = device !== undefined && device.credentialVersion === (await presentVersion());
  // Known once, and void since the grants of the account were ended.
  if (device !== undefined && !isKnown) {
    permitted.push(permit(attempts.login({ address, network }), tooManyAttempts));
  }
  const forgive = (): void => {
    for (const each of permitted) each.forgive();
  };
  const failed = (error: unknown): void => {
    for (const each of permitted) {
      if (error instanceof QueueFull) each.undo();
      else each.forgive();
    }
  };
  return { network, isKnown, forgive, failed };
}

/** A session of an account that is kept here. */
export interface OwnSession extends FoundSession {
  readonly address: string;
}

/** Throws Problem kept-by-shop for a fan whose account the shop keeps: there is no address or password of them here. */
export function ownAccount(session: FoundSession): OwnSession {
  const { address } = session;
  if (address === null) throw keptByShop();
  return { ...session, address };
}

/** Throws Problem wrong-password if it is not that of the session's account; a wrong one is counted like one of a login. */
export async function checkPassword(
  parts: AttemptingParts,
  asker: Attempter,
  { fanId, address, credentialVersion }: OwnSession,
  given: string,
): Promise<void> {
  const { hashing, pool } = parts;
  const password = readPassword(given);
  const attempt = await beginAttempt(parts, asker, address, () => Promise.resolve(credentialVersion));
  const isRight = await hashing
    .run(async () => {
      const stored = await findFanPassword(pool, fanId);
      return stored !== undefined && (await verifyPassword(stored, password));
    }, attempt)
    .catch((error: unknown) => {
      attempt.failed(error);
      throw error;
    });
  if (!isRight) throw wrongPassword();
  attempt.forgive();
}

/** A password that may be one of an account: no account has a longer one, and it would only cost time. */
export function readPassword(given: string): string {
  const password = normalisePassword(given);
  if (password.length > MOST_CHARACTERS) throw invalidRequest([passwordFault(PASSWORD_EXPECTED)]);
  return password;
}
