/**
 * The one form of an e-mail address under which an account is kept, found and written to. Mail goes to this form only, never to the
 * text that somebody sent: two texts that meet in one form cannot be two mailboxes.
 *
 * - Letter case is ignored, in both parts: no provider of note tells mailboxes apart by it, and people do not either.
 * - A plus and what follows it is kept: `ada+drop@example.com` and `ada@example.com` are two addresses, because most servers
 *   deliver both and some give them to different people. Dots are kept for the same reason.
 * - The part before the @ is of ASCII letters, digits and . _ ' + - (no dot at either end, no two in a row). Others, and quoted ones, are
 *   refused: the library that keeps the accounts accepts no others, and a mailbox that needs SMTPUTF8 is out of reach of most senders.
 * - The domain may be written in any script; it is mapped by UTS #46 to its ASCII form, so its case, width and normalisation do not
 *   matter. Its last label has to be of letters: the library refuses `xn--…` there.
 * - Spaces and control characters are refused anywhere, so nothing in an address can end a header line.
 */
import { domainToASCII } from 'node:url';

const LOCAL = /^(?!\.)(?!.*\.\.)[a-z0-9_'+.-]{0,63}[a-z0-9_+-]$/;
/** As sent: WHATWG's mapping would also decode percent signs and read IPv4 numbers. */
const GIVEN_DOMAIN = /^[\p{L}\p{M}\p{N}.-]{1,253}$/u;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;
/** RFC 5321, section 4.5.3.1.3, without the angle brackets. */
const MOST_CHARACTERS = 254;

export const ADDRESS_EXPECTED =
  'an e-mail address such as ada@example.com: ASCII before the @, then a domain that ends in letters';

/** The normalised address; undefined if `text` is not one that an account can have. */
export function normaliseAddress(text: string): string | undefined {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, Math.max(at, 0)).toLowerCase();
  const given = text.slice(at + 1);
  if (at < 1 || !LOCAL.test(local) || !GIVEN_DOMAIN.test(given)) return undefined;
  const domain = domainToASCII(given);
  const address = `${local}@${domain}`;
  return DOMAIN.test(domain) && address.length <= MOST_CHARACTERS ? address : undefined;
}
