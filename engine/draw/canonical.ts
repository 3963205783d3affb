/**
 * Canonical JSON: one text for one value, so that a hash of it means the same to everybody. RFC 8785 (JCS), restricted
 * to strings, booleans, null, safe integers, and lists and objects of these: members sorted by the UTF-16 code units of
 * their names (section 3.2.3), no white space, strings as ECMAScript writes them (3.2.2.2). Fractions are left out, for
 * nothing that is decided here has any.
 */

export type CanonicalValue =
  | string
  | number
  | boolean
  | null
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue };

/** Throws RangeError for a number that is no safe integer, and for half of a surrogate pair, which UTF-8 cannot carry. */
export function canonicalJson(value: CanonicalValue): string {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) {
      throw new RangeError(`${value} is not an integer from -(2^53 - 1) to 2^53 - 1`);
    }
    return JSON.stringify(value);
  }
  if (typeof value === 'string') return textOf(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${textOf(name)}:${canonicalJson(member)}`).join(',')}}`;
}

function textOf(text: string): string {
  if (!text.isWellFormed())
    throw new RangeError(`${JSON.stringify(text.slice(0, 60))} contains half a surrogate pair`);
  return JSON.stringify(text);
}

/** Array.isArray does not tell a readonly list from an object to the compiler. */
function isList(value: CanonicalValue): value is readonly CanonicalValue[] {
  return Array.isArray(value);
}
