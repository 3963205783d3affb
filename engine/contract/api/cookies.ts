/** Cookies of requests. */

/**
 * A cookie of a Cookie header; undefined if it is absent, or there twice: then another host of the site has set one of them, and which one
 * is not known. A name is its exact bytes, between spaces and tabs only: another host of the site can set a name that begins with some
 * other blank (U+00A0, U+2000), and browsers hold only names that begin with `__Host-` itself to that prefix's rules.
 *
 * Where char is signed (x86-64) uWebSockets.js drops such bytes itself at the very beginning of the header, so there a proxy in front has to put
 * something before them; docker-compose.yml does.
 */
export function cookieOf(cookies: string, name: string): string | undefined {
  if (cookies === '') return undefined;
  let found: string | undefined;
  for (const cookie of cookies.split(';')) {
    const equals = cookie.indexOf('=');
    if (equals === -1 || withoutBlanks(cookie.slice(0, equals)) !== name) continue;
    if (found !== undefined) return undefined;
    found = withoutBlanks(cookie.slice(equals + 1));
  }
  return found;
}

/** Without spaces and tabs at both ends (RFC 6265, section 5.2); String.trim removes all that Unicode calls blank. */
function withoutBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text, start)) start += 1;
  while (end > start && isBlank(text, end - 1)) end -= 1;
  return text.slice(start, end);
}

function isBlank(text: string, at: number): boolean {
  return text[at] === ' ' || text[at] === '\t';
}
