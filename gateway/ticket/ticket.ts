/**
 * Tickets identify users: a ticket is a JWT (RFC 7519) signed with HS256, with `sub` (the user id), `exp` and `aud`.
 *
 * Verification is synchronous and without a round trip, because it is on the path of every request. `jose` verifies the
 * same tickets (a test compares the two), but returns a promise, which costs a turn of the event loop per request.
 */
import { type FieldFault, fieldFault, secretFault } from '../../engine/contract/api/problem.ts';
import { MAX_USER_ID_BYTES } from '../../engine/contract/record/record.ts';
import type { Hmac } from './hmac.ts';
import { type Claims, scanClaims } from './jwt-claims.ts';

export type Ticket =
  | { readonly state: 'valid'; readonly userId: string }
  | { readonly state: 'wrong'; readonly fault: FieldFault };

/** Longer tickets are refused without being decoded. */
const MAX_TICKET_CHARS = 2_048;
const PLAIN = /^[\x20-\x7e]*$/;
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;
const NOT_UTF8 = '\ufffd';

/** Whether tickets may name a user so: 1 to MAX_USER_ID_BYTES bytes of well-formed UTF-8 without control characters. */
export function isUserId(text: string): boolean {
  if (text === '') return false;
  if (PLAIN.test(text)) return text.length <= MAX_USER_ID_BYTES;
  const isText = !CONTROL.test(text) && !text.includes(NOT_UTF8) && text.isWellFormed();
  return isText && Buffer.byteLength(text) <= MAX_USER_ID_BYTES;
}

function wrong(field: string, value: unknown, expected: string): Ticket {
  return { state: 'wrong', fault: fieldFault(field, value, expected) };
}

/** For what may be a secret of somebody: a ticket of another service, or a token that was sent to the wrong port. */
function wrongSecret(field: string, value: string, expected: string): Ticket {
  return { state: 'wrong', fault: secretFault(field, value, expected) };
}

export class TicketVerifier {
  readonly #hmac: Hmac;
  readonly #audience: string;
  /** The last valid header with its dot: nearly every ticket has the same one. */
  #goodHeader = '';

  constructor(hmac: Hmac, audience: string) {
    this.#hmac = hmac;
    this.#audience = audience;
  }

  /** The beginning of a usual ticket: the last valid header, with its dot; '' before the first. */
  get usualHeader(): string {
    return this.#goodHeader;
  }

  /**
   * The user named by the claims in the first `length` bytes, if they are valid at `nowSeconds`; undefined if they are not,
   * or do not have the usual form: `verify` says why. Does not check the signature.
   */
  userOf(claims: Buffer, length: number, nowSeconds: number): string | undefined {
    const scanned = scanClaims(claims, length, this.#audience);
    if (scanned === undefined) return undefined;
    const { sub, exp, aud, nbf } = scanned;
    if (typeof exp !== 'number' || exp <= nowSeconds) return undefined;
    if (nbf !== undefined && (typeof nbf !== 'number' || nbf > nowSeconds)) return undefined;
    // scanClaims returns only printable ASCII, so the length is also that in bytes.
    const isUser = typeof sub === 'string' && sub !== '' && sub.length <= MAX_USER_ID_BYTES;
    return isUser && aud === this.#audience ? sub : undefined;
  }

  /** Verifies a ticket at `nowSeconds` (Unix time). Constant time in the signature; never throws. */
  verify(ticket: string, nowSeconds: number): Ticket {
    if (ticket.length > MAX_TICKET_CHARS) {
      return wrong('ticket', `${ticket.length} characters`, `at most ${MAX_TICKET_CHARS} characters`);
    }
    const firstDot = ticket.indexOf('.');
    const lastDot = ticket.lastIndexOf('.');
    if (firstDot <= 0 || lastDot <= firstDot + 1) {
      return wrongSecret('ticket', ticket, 'a JWT: three base64url parts joined by dots');
    }
    if (this.#goodHeader === '' || !ticket.startsWith(this.#goodHeader)) {
      const fault = faultOfHeader(ticket.slice(0, firstDot));
      if (fault !== undefined) return fault;
      this.#goodHeader = ticket.slice(0, firstDot + 1);
    }
    if (!this.#hmac.matches(ticket, lastDot)) {
      return wrongSecret(
        'ticket.signature',
        ticket.slice(lastDot + 1),
        "an HS256 signature with this service's secret",
      );
    }
    return this.#faultOrUser(ticket.slice(firstDot + 1, lastDot), nowSeconds);
  }

  #faultOrUser(payload: string, nowSeconds: number): Ticket {
    const claims = this.#parsePayload(payload);
    if (claims === undefined) return wrongSecret('ticket.payload', payload, 'a JSON object in base64url');
    const { sub, exp, aud, nbf } = claims;
    if (typeof exp !== 'number' || !Number.isFinite(exp))
      return wrong('ticket.exp', exp, 'a time in Unix seconds');
    if (exp <= nowSeconds) return wrong('ticket.exp', exp, `a time after now (${Math.floor(nowSeconds)})`);
    if (nbf !== undefined && (typeof nbf !== 'number' || nbf > nowSeconds)) {
      return wrong('ticket.nbf', nbf, `a time at or before now (${Math.floor(nowSeconds)})`);
    }
    if (aud !== this.#audience && !(Array.isArray(aud) && aud.includes(this.#audience))) {
      return wrong('ticket.aud', aud, this.#audience);
    }
    if (typeof sub !== 'string' || sub === '') return wrong('ticket.sub', sub, 'a user id');
    if (isUserId(sub)) return { state: 'valid', userId: sub };
    if (Buffer.byteLength(sub) > MAX_USER_ID_BYTES) {
      return wrong('ticket.sub', sub, `a user id of at most ${MAX_USER_ID_BYTES} bytes in UTF-8`);
    }
    return wrong('ticket.sub', sub, 'a user id without control characters, in well-formed Unicode');
  }

  /** Decodes leniently, which is safe: the encoded text itself was signed. */
  #parsePayload(base64url: string): Claims | undefined {
    const bytes = decoded.write(base64url, 0, 'base64url');
    return scanClaims(decoded, bytes, this.#audience) ?? parseDecoded(bytes);
  }
}

function faultOfHeader(header: string): Ticket | undefined {
  const parsed = parseObject(header);
  if (parsed === undefined) return wrongSecret('ticket.header', header, 'a JSON object in base64url');
  if (parsed.alg !== 'HS256') return wrong('ticket.alg', parsed.alg, 'HS256');
  if (parsed.crit !== undefined) return wrong('ticket.crit', parsed.crit, 'no critical extensions');
  return undefined;
}

function isObject(value: unknown): value is Claims & { readonly alg?: unknown; readonly crit?: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reused for every ticket; base64url encodes three bytes as four characters, so this is large enough. */
const decoded = Buffer.alloc(MAX_TICKET_CHARS);

function parseObject(base64url: string) {
  return parseDecoded(decoded.write(base64url, 0, 'base64url'));
}

function parseDecoded(bytes: number) {
  try {
    const value: unknown = JSON.parse(decoded.toString('utf8', 0, bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
