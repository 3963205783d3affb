/**
 * What a login by redirects has to remember between its request and its response, without a table: a cookie with a random text for the
 * browser, and a `state` of its own for each login. Nonce (OpenID Connect Core 1.0, section 3.1.2.1) and code verifier (RFC 7636) are HMACs
 * of both, so a response counts in the browser alone that made the request, and logins in several tabs do not disturb each other. The clock
 * of this process decides when a login is too old.
 */
import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { cookieOf } from '../api/cookies.ts';

/** Longer: a response in a stolen history counts for longer. Shorter: people do not find their password in time. */
export const AUTHORIZATION_LIFE_S = 900;

const RANDOM_BYTES = 16;
const RANDOM = /^[A-Za-z0-9_-]{22}$/;
const STATE = /^([A-Za-z0-9_-]{22})\.(\d{13})\.([A-Za-z0-9_-]{43})$/;

/** A login that is under way. */
export interface Authorization {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

export class AuthorizationStates {
  readonly #cookie: string;
  readonly #key: KeyObject;
  readonly #nowMs: () => number;

  /** `cookie`: the name of the browser's. */
  constructor(cookie: string, secret: string | Uint8Array, nowMs: () => number = Date.now) {
    this.#cookie = cookie;
    this.#key = createSecretKey(Buffer.from(secret));
    this.#nowMs = nowMs;
  }

  /** A new login, and the Set-Cookie header that binds it to the browser. */
  begin(cookies: string): { readonly authorization: Authorization; readonly cookie: string } {
    const browser = this.#browserOf(cookies) ?? randomText();
    const untilMs = this.#nowMs() + AUTHORIZATION_LIFE_S * 1_000;
    const login = `${randomText()}.${untilMs}`;
    return {
      authorization: this.#authorization(browser, login),
      // Lax: the page to which the provider leads back was opened by another site, and asks for the response itself.
      cookie: `${this.#cookie}=${browser}; Max-Age=${AUTHORIZATION_LIFE_S}; Path=/; HttpOnly; Secure; SameSite=Lax`,
    };
  }

  /** The login of a state; undefined if this browser has not begun it, or too long ago. */
  find(cookies: string, state: string): Authorization | undefined {
    const browser = this.#browserOf(cookies);
    const [, id = '', until = ''] = STATE.exec(state) ?? [];
    if (browser === undefined || id === '') return undefined;
    const authorization = this.#authorization(browser, `${id}.${until}`);
    const isOwn = timingSafeEqual(Buffer.from(authorization.state), Buffer.from(state));
    return isOwn && Number(until) > this.#nowMs() ? authorization : undefined;
  }

  #authorization(browser: string, login: string): Authorization {
    return {
      state: `${login}.${this.#hmac('state', browser, login)}`,
      nonce: this.#hmac('nonce', browser, login),
      codeVerifier: this.#hmac('code verifier', browser, login),
    };
  }

  /** The prefix keeps these apart from the signatures of sessions, links and devices, which have the same secret. */
  #hmac(use: string, browser: string, login: string): string {
    return createHmac('sha256', this.#key)
      .update(`authorization ${use} ${browser} ${login}`)
      .digest('base64url');
  }

  #browserOf(cookies: string): string | undefined {
    const value = cookieOf(cookies, this.#cookie) ?? '';
    return RANDOM.test(value) ? value : undefined;
  }
}

function randomText(): string {
  return randomBytes(RANDOM_BYTES).toString('base64url');
}
