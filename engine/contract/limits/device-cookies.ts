/**
 * A limit on failed logins would let anybody lock somebody out by failing in their name. So a browser that has logged in to the account
 * before counts apart from strangers: it holds a signed cookie, the device cookie (OWASP, "Slow Down Online Guessing Attacks with Device
 * Cookies"), until the account has other credentials.
 */
import { createHmac, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { cookieOf } from '../api/cookies.ts';

/** Browsers keep no cookie for longer. */
const LIFE_S = 400 * 86_400;
const NONCE_BYTES = 16;
/** A nonce, the version of the credentials, and an HMAC-SHA-256, both of bytes in base64url. */
const VALUE = /^([\w-]{22})\.([\w-]{1,64})\.([\w-]{43})$/;

/** A browser that has logged in to the account before. */
export interface KnownDevice {
  readonly id: string;
  /** That of the account at that time: the browser is known while it is the present one. */
  readonly credentialVersion: string;
}

export class DeviceCookies {
  readonly #name: string;
  readonly #sameSite: 'Lax' | 'Strict';
  readonly #key: KeyObject;

  constructor(terms: {
    readonly name: string;
    readonly sameSite: 'Lax' | 'Strict';
    readonly key: KeyObject;
  }) {
    this.#name = terms.name;
    this.#sameSite = terms.sameSite;
    this.#key = terms.key;
  }

  /** The Set-Cookie header for a browser that has logged in to the account. `credentialVersion`: 1 to 64 letters, digits, _ or -. */
  make(account: string, credentialVersion: string): string {
    const device = `${randomBytes(NONCE_BYTES).toString('base64url')}.${credentialVersion}`;
    const value = `${device}.${this.#signature(account, device)}`;
    return `${this.#name}=${value}; Max-Age=${LIFE_S}; Path=/; HttpOnly; Secure; SameSite=${this.#sameSite}`;
  }

  /** The browser of a Cookie header, if its device cookie is for this account. Its version may be a former one. */
  known(account: string, cookies: string): KnownDevice | undefined {
    const [, id = '', credentialVersion = '', signature = ''] =
      VALUE.exec(cookieOf(cookies, this.#name) ?? '') ?? [];
    if (id === '') return undefined;
    const right = this.#signature(account, `${id}.${credentialVersion}`);
    return timingSafeEqual(Buffer.from(signature), Buffer.from(right))
      ? { id, credentialVersion }
      : undefined;
  }

  /** The prefix keeps these signatures apart from others by the same key. */
  #signature(account: string, device: string): string {
    return createHmac('sha256', this.#key).update(`device ${device} ${account}`).digest('base64url');
  }
}
