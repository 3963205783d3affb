/** What fans do with sessions: begin one with a password, look at them, end them, and make a ticket of one. */
import {
  admitFanSession,
  deleteFanSession,
  deleteFanSessionByToken,
  keepNewestFanSessions,
  listFanSessions,
} from '../../../sql/statements/fans/fan-sessions.ts';
import { endFanGrants, findCredentialVersion } from '../../../sql/statements/fans/fans.ts';
import type { ActAnswer, ActParts, Asker } from '../act-parts.ts';
import { readAddress } from '../acts.ts';
import { beginAttempt, readPassword } from '../attempting.ts';
import type { CredentialsBody, FanView, SessionList, TicketView } from '../contract/contract.ts';
import { NETWORK_HEADER } from '../library/library.ts';
import { libraryCodeOf } from '../library/library-errors.ts';
import { accountsUnavailable, unknownSession } from '../problems.ts';

/** Browsers and devices of one person; a login beyond it ends the oldest session. */
export const MOST_SESSIONS = 20;
export const MOST_USER_AGENT_CHARACTERS = 256;

export async function logIn(parts: ActParts, asker: Asker, body: CredentialsBody): Promise<ActAnswer> {
  const address = readAddress(body.address);
  const password = readPassword(body.password);
  const presentVersion = (): Promise<string | undefined> => findCredentialVersion(parts.pool, address);
  const attempt = await beginAttempt(parts, asker, address, presentVersion);
  const { made, credentialVersion } = await parts.hashing
    .run(async () => {
      // Before the password is looked at: a reset meanwhile makes it another one, and the session of this login void.
      const version = await presentVersion();
      const signIn = { body: { email: address, password }, headers: headersOf(asker) };
      return { made: await parts.library.api.signInEmail(signIn), credentialVersion: version ?? NO_VERSION };
    }, attempt)
    .catch((error: unknown) => {
      if (!REFUSED_LOGINS.includes(libraryCodeOf(error))) attempt.failed(error);
      throw error;
    });
  attempt.forgive();
  const { lifeS } = parts.sessions;
  if (!(await admitFanSession(parts.pool, { token: made.token, credentialVersion, lifeS }))) {
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
  if (!attempt.isKnown) cookies.push(parts.attempts.deviceCookie(address, credentialVersion));
  return { status: 200, body: view, cookies };
}

/** What the library says of a login that is refused; an account that is not verified counts like a wrong password. */
const REFUSED_LOGINS = ['INVALID_EMAIL_OR_PASSWORD', 'EMAIL_NOT_VERIFIED'];

/** Of an account that was made while its login was under way: no account has it, so the login is repeated. */
const NO_VERSION = '00000000-0000-0000-0000-000000000000';

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
  return { status: 204 };
}

/** The one call between a session and the queue: one look-up, shared with others, and a signature. */
export async function mintTicket(parts: ActParts, asker: Asker): Promise<ActAnswer> {
  const session = await parts.sessions.requireForTicket(asker.cookies);
  const renewed = await parts.sessions.renew(session);
  const view: TicketView = {
    ticket: parts.mint.mint(session.fanId, session.nowS),
    seconds_left: parts.mint.lifetimeS,
    user: session.fanId,
  };
  return { status: 200, body: view, cookies: renewed === undefined ? [] : [renewed] };
}

function headersOf({ network, userAgent }: Asker): Headers {
  const headers = new Headers({ 'user-agent': userAgent.slice(0, MOST_USER_AGENT_CHARACTERS) });
  if (network !== '') headers.set(NETWORK_HEADER, network);
  return headers;
}
