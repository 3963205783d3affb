/** Attempts to prove who somebody is: who may make one, and what becomes of its count. */
import { findLogin, type LoginRow } from '../../../sql/statements/operators/operators.ts';
import { Problem, tooMany } from '../../contract/api/problem.ts';
import type { KnownDevice } from '../../contract/limits/device-cookies.ts';
import { type Delayed, type Permitted, permit } from '../../contract/limits/taking.ts';
import type { Claimant } from '../../contract/passwords/hashing.ts';
import type { AccountParts } from './parts.ts';

/** From where somebody asks. */
export interface Client {
  /** The first address of the network, '' if unknown. */
  readonly network: string;
  /** The Cookie header. */
  readonly cookies: string;
  readonly userAgent: string;
}

/** A login that may be tried. */
export interface Attempt {
  /** Undefined if no account with the name can log in. */
  readonly login: LoginRow | undefined;
  /** By the ledger's clock. */
  readonly nowMs: number;
  /** For a place in the queue of hashes. */
  readonly claimant: Claimant;
}

/**
 * Tries a login as somebody. It is counted twice: by whom it comes from, before the ledger is asked for the account, and as a guess, before
 * it is judged. What fails for another reason than a wrong proof is no guess. Throws Problem too-many-requests, and like `work`.
 * `name`: in NFC.
 */
export async function attempting<T>(
  parts: AccountParts,
  name: string,
  { network, cookies }: Client,
  work: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const { attempts, devices } = parts;
  const device = devices.known(deviceAccount(name), cookies);
  permit(device === undefined ? attempts.fromNetwork(network) : attempts.fromDevice(device), tooManyLogins);
  const { login, folded, nowMs } = await findLogin(parts.pool, name);
  if (device !== undefined && login !== undefined && isPresent(parts, device, login)) {
    const claimant = { network, isKnown: true };
    return await counted(attempts.ofDevice(login.operatorId, device), () => work({ login, nowMs, claimant }));
  }
  // A device cookie of former credentials makes nobody less of a stranger.
  if (device !== undefined) permit(attempts.fromNetwork(network), tooManyLogins);
  return await counted(attempts.ofStranger(folded, network), () =>
    work({ login, nowMs, claimant: { network } }),
  );
}

export const TOO_MANY_LOGINS = 'Too many logins failed for this name, or came from this network.';

/** Does the work of an attempt that was asked for. Throws Problem too-many-requests with `detail`, and like `work`. */
export async function counted<T>(
  asked: Permitted | Delayed,
  work: () => Promise<T>,
  detail = TOO_MANY_LOGINS,
): Promise<T> {
  const { forgive } = permit(asked, waitMs => tooMany(detail, waitMs));
  try {
    const result = await work();
    forgive();
    return result;
  } catch (error) {
    if (!(error instanceof Problem && error.slug === 'login-refused')) forgive();
    throw error;
  }
}

export function tooManyLogins(waitMs: number): Problem {
  return tooMany(TOO_MANY_LOGINS, waitMs);
}

function isPresent({ keys }: AccountParts, { credentialVersion }: KnownDevice, login: LoginRow): boolean {
  return credentialVersion === keys.credentialVersion(login.passwordHash);
}

/** The Set-Cookie header by which a browser is known at its next login to the account. */
export function deviceCookie({ devices, keys }: AccountParts, name: string, passwordHash: string): string {
  return devices.make(deviceAccount(name), keys.credentialVersion(passwordHash));
}

/** In most letter cases the browser is known. Where the ledger folds a name otherwise, it is a stranger, or its version is another. */
function deviceAccount(name: string): string {
  return name.toLowerCase();
}
