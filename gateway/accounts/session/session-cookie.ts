/**
 * The session cookie: `__Host-fairline_session=<token>.<HMAC-SHA-256 of it in base64>`, percent-encoded, as the library signs
 * cookies, so that it reads ours. `__Host-`: only this host over a secure connection can have set it, for the path `/`. SameSite=Lax
 * and not Strict: a link in an e-mail must not look signed out.
 *
 * It lives by Max-Age, which a browser counts on its own clock from the moment it arrives, so a clock that is wrong does not matter.
 */
import { cookieOf } from '../../../engine/contract/api/cookies.ts';
import { Hmac } from '../../ticket/hmac.ts';

export const SESSION_COOKIE = '__Host-fairline_session';
/** Of a login at the shop's provider that is under way; engine/contract/identity/authorization-state.ts. */
export const AUTHORIZATION_COOKIE = '__Host-fairline_authorization';
/** What better-auth generates. */
const TOKEN = /^[A-Za-z0-9]{32}$/;
const ATTRIBUTES = 'Path=/; HttpOnly; Secure; SameSite=Lax';
/** 32 bytes in base64, percent-encoded or not; a longer value is no cookie of ours. */
const MOST_CHARACTERS = 160;

export class SessionCookies {
  readonly #hmac: Hmac;
  readonly #lifeS: number;

  /** `secret`: that of the library; `lifeS`: how long a session lasts after its last renewal. */
  constructor(secret: string, lifeS: number) {
    this.#hmac = new Hmac(secret);
    this.#lifeS = lifeS;
  }

  /** The token in a Cookie header; undefined if there is none or its signature is wrong. */
  read(cookies: string): string | undefined {
    const value = cookieOf(cookies, SESSION_COOKIE);
    if (value === undefined || value.length > MOST_CHARACTERS) return undefined;
    const signed = decoded(value);
    const token = signed.slice(0, 32);
    if (!TOKEN.test(token) || signed[32] !== '.') return undefined;
    return areEqual(signed.slice(33), this.#signature(token)) ? token : undefined;
  }

  /** The Set-Cookie header that keeps the session in a browser. */
  keep(token: string): string {
    return `${this.pair(token)}; Max-Age=${this.#lifeS}; ${ATTRIBUTES}`;
  }

  /** The Set-Cookie header that removes it; sent by a logout and nothing else. */
  clear(): string {
    return `${SESSION_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`;
  }

  /** The cookie as a browser sends it. */
  pair(token: string): string {
    return `${SESSION_COOKIE}=${encodeURIComponent(`${token}.${this.#signature(token)}`)}`;
  }

  #signature(token: string): string {
    return this.#hmac.signText(token).toString('base64');
  }
}

/** The time does not tell where they differ. */
function areEqual(given: string, right: string): boolean {
  let difference = given.length ^ right.length;
  for (let at = 0; at < right.length; at++) difference |= given.charCodeAt(at) ^ right.charCodeAt(at);
  return difference === 0;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return '';
  }
}
