/**
 * The session cookie of operators, and who may use it for a change.
 *
 * `__Host-`: only this host can have set it, over a secure connection, for the path `/`. Strict, and not Lax as for fans: no link of
 * another site leads to the console in a session. It lives by Max-Age, so the clock of the browser does not matter. Its value needs no
 * encoding, so no library for cookies is needed.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { cookieOf } from '../../contract/api/cookies.ts';
import { fieldFault, Problem } from '../../contract/api/problem.ts';

export const SESSION_COOKIE = '__Host-fairline_operator';
const ATTRIBUTES = 'Path=/; HttpOnly; Secure; SameSite=Strict';

/** The secret of the session in a Cookie header; undefined if there is none, or if there are two, of which one may be set by somebody else. */
export function sessionIn(cookies: string | undefined): string | undefined {
  return cookieOf(cookies ?? '', SESSION_COOKIE);
}

/** The Set-Cookie header that keeps the session in a browser. */
export function keepSession(secret: string, lifeS: number): string {
  return `${SESSION_COOKIE}=${secret}; Max-Age=${lifeS}; ${ATTRIBUTES}`;
}

/** The Set-Cookie header that removes it. */
export function clearSession(): string {
  return `${SESSION_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`;
}

/** Whether requests with this method are for changes. */
export function isChange(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/**
 * Refuses a change that a page of another site, host or port asks for. SameSite=Strict keeps the cookie away from other sites, but
 * not from another port of this host. Browsers send Sec-Fetch-Site to secure origins, and Origin with each change; what sends neither is no
 * browser, and has no cookie that its user did not give it. Throws Problem foreign-origin.
 */
export function refuseForeign(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) {
    // `none` is the user's own doing, who cannot type a POST: it never comes with a change.
    if (site !== 'same-origin') throw foreign('sec-fetch-site', String(site), 'same-origin');
    return;
  }
  const { origin, host = '' } = headers;
  if (origin !== undefined && hostOf(origin) !== host.toLowerCase()) {
    throw foreign('origin', origin, `the origin of this engine: http(s)://${host}`);
  }
}

/** With the port, unless it is the usual one; '' for what is no origin, such as `null`. */
function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : '';
}

function foreign(header: string, value: string, expected: string): Problem {
  return new Problem('foreign-origin', 'Only pages of this engine may ask for this in a session.', {
    errors: [fieldFault(header, value, expected)],
  });
}
