/**
 * The JSON of books, receipts and proofs: strings, booleans, null and safe integers, with limited nesting. Canonical JSON is
 * RFC 8785 (JCS) of those: keys sorted by UTF-16 code units, no white space.
 */
import { shown, Unreadable } from '../findings.ts';

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads one JSON object. `what` names the document or line in the message of Unreadable. */
export function parseObject(bytes: Uint8Array, what: string, depth: number): JsonObject {
  checkDepth(bytes, what, depth);
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    throw new Unreadable('malformed', `${what} is not JSON in UTF-8`);
  }
  if (!isJsonObject(value)) throw new Unreadable('malformed', `${what} is not a JSON object`);
  return value;
}

/** Like `parseObject`; the bytes must also be canonical. */
export function parseCanonical(bytes: Uint8Array, what: string, depth: number): JsonObject {
  const value = parseObject(bytes, what, depth);
  if (canonical(value, what) !== decoder.decode(bytes)) {
    throw new Unreadable('not-canonical', `${what} is not written as canonical JSON (RFC 8785)`);
  }
  return value;
}

/** JSON parsers may recurse, and the stack is limited. Brackets within strings do not count. */
function checkDepth(bytes: Uint8Array, what: string, most: number): void {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isInString) {
      if (byte === 0x5c) at += 1;
      else if (byte === 0x22) isInString = false;
    } else if (byte === 0x22) isInString = true;
    else if (byte === 0x7b || byte === 0x5b) depth += 1;
    else if (byte === 0x7d || byte === 0x5d) depth -= 1;
    if (depth > most) throw new Unreadable('too-large', `${what} is nested deeper than ${most}`);
  }
}

/** The canonical JSON of a value; throws Unreadable if it has none here. JavaScript's string order is the required one. */
export function canonical(value: Json, what: string): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) return String(value);
    throw new Unreadable('malformed', `${what} has the number ${value}; expected a safe integer`);
  }
  if (typeof value === 'string') {
    if (value.isWellFormed()) return JSON.stringify(value);
    throw new Unreadable('malformed', `${what} has half a surrogate pair in a string`);
  }
  if (isArray(value)) return `[${value.map(member => canonical(member, what)).join(',')}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${canonical(key, what)}:${canonical(member, what)}`).join(',')}}`;
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads the members of an object one by one; each must be present, valid, and expected. */
export class Members {
  readonly #object: JsonObject;
  readonly #what: string;
  readonly #asked = new Set<string>();

  constructor(value: Json | undefined, what: string) {
    if (!isJsonObject(value)) throw new Unreadable('malformed', `${what} is ${shown(value)}, not an object`);
    this.#object = value;
    this.#what = what;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#object, key);
  }

  json(key: string): Json | undefined {
    this.#asked.add(key);
    return this.has(key) ? this.#object[key] : undefined;
  }

  object(key: string): Members {
    return new Members(this.json(key), `${key} in ${this.#what}`);
  }

  array(key: string, most: number): readonly Json[] {
    const value = this.json(key);
    if (value === undefined || !isArray(value)) this.fail(key, value, 'a list');
    if (value.length > most) {
      throw new Unreadable(
        'too-large',
        `${key} in ${this.#what} has ${value.length} members; expected at most ${most}`,
      );
    }
    return value;
  }

  /** A list of objects. */
  objects(key: string, most: number): readonly Members[] {
    return this.array(key, most).map(
      (value, index) => new Members(value, `${key} ${index} in ${this.#what}`),
    );
  }

  whole(key: string, least: number, greatest: number): number {
    const value = this.json(key);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= greatest)
      return value;
    return this.fail(key, value, `a whole number from ${least} to ${greatest}`);
  }

  text(key: string, most: number): string {
    const value = this.json(key);
    if (typeof value === 'string' && value.length <= most) return value;
    return this.fail(key, value, `a text of at most ${most} characters`);
  }

  oneOf<T extends string>(key: string, values: readonly T[]): T {
    const value = this.json(key);
    const found = values.find(one => one === value);
    return found ?? this.fail(key, value, values.join(' or '));
  }

  /** A text that `read` can convert. */
  read<T>(key: string, read: (text: string) => T | undefined, right: string): T {
    const value = this.json(key);
    const made = typeof value === 'string' ? read(value) : undefined;
    return made ?? this.fail(key, value, right);
  }

  /** Throws if there is an unexpected member: an unknown rule cannot be checked. */
  end(): void {
    const unknown = Object.keys(this.#object).find(key => !this.#asked.has(key));
    if (unknown !== undefined) {
      throw new Unreadable('malformed', `${this.#what} has the unknown member ${shown(unknown)}`);
    }
  }

  fail(key: string, value: Json | undefined, right: string): never {
    throw new Unreadable('malformed', `${key} in ${this.#what} is ${shown(value)}; expected ${right}`);
  }
}
