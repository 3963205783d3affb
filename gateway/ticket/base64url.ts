/**
 * Base64url without padding (RFC 4648, section 5), from bytes to bytes, for tickets that are held as bytes: Node's decoder
 * needs a string, and silently accepts characters outside the alphabet. Tests compare it with Buffer's.
 */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** Marks a byte outside the alphabet: more than six bits. */
const NONE = 0x40;

const VALUES = new Uint8Array(256).fill(NONE);
for (let value = 0; value < ALPHABET.length; value++) VALUES[ALPHABET.charCodeAt(value)] = value;

/**
 * Decodes the `length` characters at `from` into `target`, starting at `to`; there must be room. Returns the number of
 * bytes, or -1 if the characters are not base64url. Ignores left-over bits: see leftOverBits.
 */
export function decodeBase64url(
  source: Uint8Array,
  from: number,
  length: number,
  target: Uint8Array,
  to: number,
): number {
  const rest = length & 3;
  if (rest === 1) return -1;
  let at = from;
  let out = to;
  let seen = 0;
  for (const groupsEnd = from + length - rest; at < groupsEnd; at += 4) {
    const a = valueAt(source, at);
    const b = valueAt(source, at + 1);
    const c = valueAt(source, at + 2);
    const d = valueAt(source, at + 3);
    seen |= a | b | c | d;
    target[out] = (a << 2) | (b >> 4);
    target[out + 1] = (b << 4) | (c >> 2);
    target[out + 2] = (c << 6) | d;
    out += 3;
  }
  if (rest !== 0) {
    const a = valueAt(source, at);
    const b = valueAt(source, at + 1);
    const c = rest === 3 ? valueAt(source, at + 2) : 0;
    seen |= a | b | c;
    target[out++] = (a << 2) | (b >> 4);
    if (rest === 3) target[out++] = (b << 4) | (c >> 2);
  }
  return seen >= NONE ? -1 : out - to;
}

/** The bits of the last character that belong to no byte: zero in the output of an encoder. */
export function leftOverBits(source: Uint8Array, from: number, length: number): number {
  const rest = length & 3;
  if (rest === 0) return 0;
  return valueAt(source, from + length - 1) & (rest === 2 ? 0b1111 : 0b11);
}

function valueAt(source: Uint8Array, at: number): number {
  return VALUES[source[at] ?? 0] ?? NONE;
}
