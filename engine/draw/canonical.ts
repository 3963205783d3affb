/**
 * Canonical JSON: one text for one value, so that its hash means the same to everybody. RFC 8785 (JCS), restricted to strings,
 * booleans, null, safe integers, and lists and objects of these: members sorted by the UTF-16 code units of their names
 * (section 3.2.3), no white space, strings as ECMAScript writes them (3.2.2.2). Fractions are left out, because no value here
 * has any.
 */

export type CanonicalValue =
  | string
  | number
  | boolean
  | null
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue };

/**
 * Throws the result of `refused` (a RangeError) for a number that is no safe integer, and for half of a surrogate pair, which
 * UTF-8 cannot encode.
 */
export function canonicalJson(value: CanonicalValue, refused = outOfRange): string {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value))
      throw refused(`the number ${value}, which is not an integer from -(2^53 - 1) to 2^53 - 1`);
    return String(value);
  }
  if (typeof value === 'string') {
    if (!value.isWellFormed())
      throw refused(`the text ${JSON.stringify(value.slice(0, 60))}, which has half a surrogate pair`);
    return JSON.stringify(value);
  }
  if (value === null || typeof value === 'boolean') return String(value);
  const textOf = (member: CanonicalValue): string => canonicalJson(member, refused);
  if (isList(value)) return `[${value.map(textOf).join(',')}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${textOf(name)}:${textOf(member)}`).join(',')}}`;
}

function outOfRange(what: string): Error {
  return new RangeError(`canonical JSON cannot contain ${what}`);
}

/** To the compiler, Array.isArray does not distinguish a readonly list from an object. */
function isList(value: CanonicalValue): value is readonly CanonicalValue[] {
  return Array.isArray(value);
}
