/** What fans do with their accounts. Each act takes a checked body and resolves with the answer; it throws Problem, or what the library throws. */

import { setTimeout as sleep } from 'node:timers/promises';
import { fieldFault, invalidRequest } from '../../engine/contract/api/problem.ts';
import type { HashingQueue } from '../../engine/contract/passwords/hashing.ts';
import {
  MOST_CHARACTERS,
  normalisePassword,
  PASSWORD_EXPECTED,
  type PasswordRules,
} from '../../engine/contract/passwords/password-rules.ts';
import type { Pool } from '../../sql/database.ts';
import {
  admitFanSession,
  deleteFanSession,
  deleteFanSessionByToken,
  type FoundSession,
  keepNewestFanSessions,
  type Locale,
  listFanSessions,
} from '../../sql/statements/fans/fan-sessions.ts';
import {
  changeFanAddress,
  endFanGrants,
  findCredentialVersion,
  findResetAddress,
  hasFan,
} from '../../sql/statements/fans/fans.ts';
import { normaliseAddress } from './addresses.ts';
import type { Attempts, Delayed, Permitted } from './attempts.ts';
import type {
  AddressBody,
  CredentialsBody,
  FanView,
  MailRequested,
  PasswordBody,
  ResetBody,
  SessionList,
  SignUpBody,
  TicketView,
  TokenBody,
} from './contract/contract.ts';
import { type Library, NETWORK_HEADER, type Recipient } from './library/library.ts';
import { libraryCodeOf } from './library/library-errors.ts';
import { type Links, resetIdentifier } from './library/links.ts';
import type { MailKind } from './mail/texts.ts';
import {
  accountsUnavailable,
  addressFault,
  linkRefused,
  NEW_RESET_LINK,
  NEW_VERIFICATION_LINK,
  passwordFault,
  tooManyAttempts,
  tooManyMails,
  unknownSession,
} from './problems.ts';
import type { TicketMint } from './session/mint-ticket.ts';
import type { SessionCookies } from './session/session-cookie.ts';
import type { Sessions } from './session/sessions.ts';

/** Browsers and devices of one person; a login beyond it ends the oldest session. */
const MOST_SESSIONS = 20;
const MOST_USER_AGENT_CHARACTERS = 256;

/** What of a request an act may use. */
export interface Asker {
  /** The Cookie header. */
  readonly cookies: string;
  /** '' if unknown. */
  readonly network: string;
  readonly userAgent: string;
  readonly language: string;
}

export interface ActAnswer {
  readonly status: 200 | 202 | 204;
  readonly body?: object;
  /** Set-Cookie headers. */
  readonly cookies?: readonly string[];
}

export interface ActParts {
  readonly pool: Pool;
  readonly library: Library;
  readonly hashing: HashingQueue;
  readonly attempts: Attempts;
  readonly rules: PasswordRules;
  readonly sessions: Sessions;
  readonly cookies: SessionCookies;
  readonly mint: TicketMint;
  readonly links: Links;
  /** Has an e-mail sent after the answer; `token` is that of its link. */
  readonly mail: (kind: MailKind, to: Recipient, token?: string) => void;
}

const NOTHING: ActAnswer = { status: 204 };

/** 202 whether the address has an account or not, and after the same work: the library hashes in both cases. */
export async function signUp(parts: ActParts, asker: Asker, body: SignUpBody): Promise<ActAnswer> {
  const address = readAddress(body.address);
  const password = readNewPassword(parts, body.password, address);
  const locale = body.locale ?? localeOf(asker.language);
  await withMail(parts, asker, address, async () => {
    try {
      await notSooner(begun =>
        parts.hashing.run(
          () => {
            begun();
            return parts.library.api.signUpEmail({ body: { name: '', email: address, password, locale } });
          },
          { network: asker.network, isSignUp: true },
        ),
      );
    } catch (error) {
      if (libraryCodeOf(error) !== 'FAILED_TO_CREATE_USER') throw error;
      // It does not tell a lost race for the address, which is answered like any sign-up, from an outage.
      if (!(await hasFan(parts.pool, address))) throw accountsUnavailable();
    }
  });
  return requested(address);
}

/** Verifies the address of a sign-up, which may be repeated, or changes the address, which a link does once. */
export async function verifyAddress(parts: ActParts, _asker: Asker, body: TokenBody): Promise<ActAnswer> {
  const { token } = body;
  if (parts.links.isForChange(token)) return await takeNewAddress(parts, token);
  await parts.library.api.verifyEmail({ query: { token }, headers: new Headers() });
  return NOTHING;
}

async function takeNewAddress({ pool, links }: ActParts, token: string): Promise<ActAnswer> {
  const change = links.readChange(token);
  try {
    if (change === undefined || !(await changeFanAddress(pool, change))) {
      throw linkRefused(NEW_VERIFICATION_LINK);
    }
  } catch (error) {
    // Somebody else has signed up with the new address since.
    if (Reflect.get(Object(error), 'code') === '23505') throw linkRefused('Choose another address.');
    throw error;
  }
  return NOTHING;
}

export async function requestVerification(
  parts: ActParts,
  asker: Asker,
  body: AddressBody,
): Promise<ActAnswer> {
  const address = readAddress(body.address);
  await withMail(parts, asker, address, () =>
    parts.library.api.sendVerificationEmail({ body: { email: address }, headers: new Headers() }),
  );
  return requested(address);
}

export async function logIn(parts: ActParts, asker: Asker, body: CredentialsBody): Promise<ActAnswer> {
  const address = readAddress(body.address);
  const password = readPassword(body.password);
  const device = await presentDevice(parts, asker, address);
  const permitted = permit(
    parts.attempts.login({ address, network: asker.network, device }),
    tooManyAttempts,
  );
  const { made, credentialVersion } = await parts.hashing
    .run(async () => {
      // Before the password is looked at: a reset meanwhile makes it another one, and the session of this login void.
      const version = await findCredentialVersion(parts.pool, address);
      const signIn = { body: { email: address, password }, headers: headersOf(asker) };
      return { made: await parts.library.api.signInEmail(signIn), credentialVersion: version ?? NO_VERSION };
    }, asker)
    .catch((error: unknown) => {
      // The password was right, or was not looked at, as when too many wait: neither is a guess.
      if (libraryCodeOf(error) !== 'INVALID_EMAIL_OR_PASSWORD') permitted.forgive();
      throw error;
    });
  permitted.forgive();
  if (!(await admitFanSession(parts.pool, { token: made.token, credentialVersion }))) {
    throw accountsUnavailable();
  }
  await keepNewestFanSessions(parts.pool, made.user.id, MOST_SESSIONS);
  const view: FanView = {
    id: made.user.id,
    address: made.user.email,
    locale: made.user.locale === 'ko' ? 'ko' : 'en',
    made_at: made.user.createdAt.toISOString(),
  };
  const cookies = [parts.cookies.keep(made.token)];
  if (device === undefined) cookies.push(parts.attempts.deviceCookie(address, credentialVersion));
  return { status: 200, body: view, cookies };
}

/** Of an account that was made while its login was under way: no account has it, so the login is repeated. */
const NO_VERSION = '00000000-0000-0000-0000-000000000000';

/** The browser, if it is known and the account's grants have not been ended since. */
async function presentDevice(
  { attempts, pool }: ActParts,
  { cookies }: Asker,
  address: string,
): Promise<string | undefined> {
  const device = attempts.knownDevice(address, cookies);
  if (device === undefined) return undefined;
  const present = await findCredentialVersion(pool, address);
  return device.credentialVersion === present ? device.id : undefined;
}

/** Ends the session, if the cookie has one, and removes the cookie in any case. */
export async function logOut(parts: ActParts, asker: Asker): Promise<ActAnswer> {
  const token = parts.cookies.read(asker.cookies);
  if (token !== undefined) await deleteFanSessionByToken(parts.pool, token);
  return { status: 204, cookies: [parts.cookies.clear()] };
}

export async function logOutEverywhere(parts: ActParts, asker: Asker): Promise<ActAnswer> {
  const { fanId } = await parts.sessions.require(asker.cookies);
  await endFanGrants(parts.pool, fanId);
  return { status: 204, cookies: [parts.cookies.clear()] };
}

export async function getMe(parts: ActParts, asker: Asker): Promise<ActAnswer> {
  const { fanId, address, locale, madeAt } = await parts.sessions.require(asker.cookies);
  const view: FanView = { id: fanId, address, locale, made_at: madeAt.toISOString() };
  return { status: 200, body: view };
}

/** Deletes the account, its sessions and its password. Entries stay, under an id that stands for nobody any more. */
export async function deleteAccount(parts: ActParts, asker: Asker, body: PasswordBody): Promise<ActAnswer> {
  const session = await parts.sessions.require(asker.cookies);
  await withPassword(parts, asker, { session, given: body.password }, password =>
    parts.library.api.deleteUser({ body: { password }, headers: sessionHeaders(parts, session) }),
  );
  return { status: 204, cookies: [parts.cookies.clear()] };
}

export async function listSessions(parts: ActParts, asker: Asker): Promise<ActAnswer> {
  const { fanId, sessionId } = await parts.sessions.require(asker.cookies);
  const sessions = await listFanSessions(parts.pool, fanId);
  const view: SessionList = {
    sessions: sessions.map(each => ({
      id: each.sessionId,
      current: each.sessionId === sessionId,
      network: each.network === '' ? null : each.network,
      user_agent: each.userAgent,
      made_at: each.madeAt.toISOString(),
      expires_at: each.expiresAt.toISOString(),
    })),
  };
  return { status: 200, body: view };
}

/** The cookie stays if it was the own session: its next use is answered with signed-out, like that of any other session that has ended. */
export async function revokeSession(parts: ActParts, asker: Asker, id: string): Promise<ActAnswer> {
  const { fanId } = await parts.sessions.require(asker.cookies);
  if (!(await deleteFanSession(parts.pool, fanId, id))) throw unknownSession();
  return NOTHING;
}

export async function requestReset(parts: ActParts, asker: Asker, body: AddressBody): Promise<ActAnswer> {
  const address = readAddress(body.address);
  await withMail(parts, asker, address, () =>
    notSooner(async begun => {
      begun();
      await parts.library.api.requestPasswordReset({ body: { email: address } });
    }),
  );
  return requested(address);
}

/**
 * Sets a password by a link, which works once, and ends all sessions. The link proves the address, so it also verifies it, and this
 * browser need not fear that others have used up its attempts.
 */
export async function resetPassword(parts: ActParts, asker: Asker, body: ResetBody): Promise<ActAnswer> {
  const newPassword = readNewPassword(parts, body.password, undefined);
  const token = await readResetToken(parts, body.token);
  try {
    const address = await parts.hashing.run(() => parts.library.resetPassword({ newPassword, token }), asker);
    const version = await findCredentialVersion(parts.pool, address);
    const cookies = version === undefined ? [] : [parts.attempts.deviceCookie(address, version)];
    return { status: 204, cookies };
  } catch (error) {
    const isOver = ['INVALID_TOKEN', 'USER_NOT_FOUND'].includes(libraryCodeOf(error));
    throw isOver ? linkRefused(NEW_RESET_LINK) : error;
  }
}

/** The library's token in that of a link. Throws Problem link-refused if the link did not go to the present address of its account. */
async function readResetToken({ links, pool }: ActParts, given: string): Promise<string> {
  const read = links.readReset(given);
  const address = read && (await findResetAddress(pool, resetIdentifier(read.token)));
  if (address === undefined || read?.wentTo(address) !== true) throw linkRefused(NEW_RESET_LINK);
  return read.token;
}

/**
 * Has a link sent to the new address, which takes effect when it is opened, and a notice to the present one. Needs the password, because
 * whoever has the address has the account.
 */
export async function changeAddress(
  parts: ActParts,
  asker: Asker,
  body: CredentialsBody,
): Promise<ActAnswer> {
  const session = await parts.sessions.require(asker.cookies);
  const newEmail = readAddress(body.address);
  if (newEmail === session.address) {
    throw invalidRequest([fieldFault('address', newEmail, 'another address than the present one')]);
  }
  // Given back only if no e-mail was sent: the notice is never left out, so it is this that keeps it from flooding an inbox.
  const permitted = permit(parts.attempts.change(session.fanId), tooManyMails);
  await withMail(parts, asker, newEmail, async () => {
    await withPassword(parts, asker, { session, given: body.password }, password =>
      parts.library.api.verifyPassword({ body: { password }, headers: sessionHeaders(parts, session) }),
    );
    const { fanId, address, locale, credentialVersion } = session;
    if (!(await hasFan(parts.pool, newEmail))) {
      const token = parts.links.forChange({ fanId, from: address, to: newEmail, credentialVersion });
      parts.mail('new-address', { address: newEmail, locale }, token);
    }
    parts.mail('address-notice', { address, locale });
  }).catch((error: unknown) => {
    permitted.forgive();
    throw error;
  });
  return requested(newEmail);
}

/** The one call between a session and the queue: one look-up, shared with others, and a signature. */
export async function mintTicket(parts: ActParts, asker: Asker): Promise<ActAnswer> {
  const session = await parts.sessions.require(asker.cookies);
  const renewed = await parts.sessions.renew(session);
  const view: TicketView = {
    ticket: parts.mint.mint(session.fanId, session.nowS),
    seconds_left: parts.mint.lifetimeS,
    user: session.fanId,
  };
  return { status: 200, body: view, cookies: renewed === undefined ? [] : [renewed] };
}

/** Runs `work` with the password of the session's account; a wrong one is counted like one of a login. */
async function withPassword(
  { attempts, hashing, sessions }: ActParts,
  asker: Asker,
  { session, given }: { readonly session: FoundSession; readonly given: string },
  work: (password: string) => Promise<unknown>,
): Promise<void> {
  const { address, credentialVersion } = session;
  const password = readPassword(given);
  const known = attempts.knownDevice(address, asker.cookies);
  const device = known?.credentialVersion === credentialVersion ? known.id : undefined;
  const permitted = permit(attempts.login({ address, network: asker.network, device }), tooManyAttempts);
  try {
    await hashing.run(() => work(password), asker);
  } catch (error) {
    if (libraryCodeOf(error) !== 'INVALID_PASSWORD') permitted.forgive();
    if (libraryCodeOf(error) !== 'UNAUTHORIZED') throw error;
    // It says so as well when it could not ask the database, and "signed out" is final: so ask again.
    await sessions.require(asker.cookies);
    throw accountsUnavailable();
  }
  permitted.forgive();
}

/** The shortest time of an answer that must not tell by its own what was to be done. */
const LEAST_MS = 500;

/**
 * Resolves or rejects like `work`, but not sooner than that after it has called `begun`: what an address without an account saves must not
 * show. A wait for a turn is over by then, so it does not use the time up.
 */
async function notSooner<T>(work: (begun: () => void) => Promise<T>): Promise<T> {
  let least: Promise<void> | undefined;
  const begun = (): void => {
    least = sleep(LEAST_MS);
  };
  const [settled] = await Promise.allSettled([work(begun)]);
  await least;
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}

function permit(asked: Permitted | Delayed, refusal: (waitMs: number) => Error): Permitted {
  if ('waitMs' in asked) throw refusal(asked.waitMs);
  return asked;
}

/** Counts a wish for an e-mail, and runs what has it sent. It does not count if that failed: then none was sent. */
async function withMail<T>(
  { attempts }: ActParts,
  { network }: Asker,
  address: string,
  work: () => Promise<T>,
): Promise<T> {
  const permitted = permit(attempts.mail({ address, network }), tooManyMails);
  try {
    return await work();
  } catch (error) {
    permitted.forgive();
    throw error;
  }
}

function readAddress(given: string): string {
  const address = normaliseAddress(given);
  if (address === undefined) throw invalidRequest([addressFault(given)]);
  return address;
}

/** A password that may be one of an account: no account has a longer one, and it would only cost time. */
function readPassword(given: string): string {
  const password = normalisePassword(given);
  if (password.length > MOST_CHARACTERS) throw invalidRequest([passwordFault(PASSWORD_EXPECTED)]);
  return password;
}

function readNewPassword({ rules }: ActParts, given: string, address: string | undefined): string {
  const password = normalisePassword(given);
  const better = rules.refusal(password, address);
  if (better !== undefined) throw invalidRequest([passwordFault(better)]);
  return password;
}

function requested(address: string): ActAnswer {
  const body: MailRequested = { address };
  return { status: 202, body };
}

/** Korean if the browser prefers it to English (RFC 9110, section 12.5.4, by order only). */
function localeOf(language: string): Locale {
  const first = /\b(ko|en)\b/i.exec(language)?.[1];
  return first?.toLowerCase() === 'ko' ? 'ko' : 'en';
}

function headersOf({ network, userAgent }: Asker): Headers {
  const headers = new Headers({ 'user-agent': userAgent.slice(0, MOST_USER_AGENT_CHARACTERS) });
  if (network !== '') headers.set(NETWORK_HEADER, network);
  return headers;
}

/** What the library needs to find the session again. */
function sessionHeaders({ cookies }: ActParts, { token }: FoundSession): Headers {
  return new Headers({ cookie: cookies.pair(token) });
}
