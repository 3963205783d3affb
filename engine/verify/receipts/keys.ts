/**
 * The keys of slices and books, as `GET /v1/keys` and the header of a book list them, and whether a key is valid for
 * something signed at an instant.
 */
import { type Findings, Unreadable } from '../findings.ts';
import type { Limits } from '../limits.ts';
import type { Primitives } from '../primitives.ts';
import { areEqual, fromBase64Url, fromHex, toHex } from '../text/bytes.ts';
import { type Json, Members, parseObject } from '../text/json.ts';
import { isoOf } from './leaf.ts';

export const KEY_ID_BYTES = 8;
const KEY_BYTES = 32;

export type KeyUse = 'slices' | 'books';

export interface PublicKey {
  /** Lower-case hex: the first 8 bytes of H(raw public key). */
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly fromUs: number;
  readonly untilUs: number | null;
  readonly revokedUs: number | null;
  readonly use: KeyUse;
}

/** By `ringKeyOf`, because one key may serve both uses. */
export type KeyRing = ReadonlyMap<string, PublicKey>;

function ringKeyOf({ use, id }: Pick<PublicKey, 'use' | 'id'>): string {
  return `${use} ${id}`;
}

/** Reads a list of keys. Throws Unreadable; `what` names its place. */
export function readKeys(
  list: readonly Json[],
  what: string,
  primitives: Pick<Primitives, 'sha256'>,
): KeyRing {
  const ring = new Map<string, PublicKey>();
  for (const [index, value] of list.entries()) {
    const key = readKey(value, `key ${index} of ${what}`, primitives);
    if (ring.has(ringKeyOf(key))) throw new Unreadable('malformed', `${what} list key ${key.id} twice`);
    ring.set(ringKeyOf(key), key);
  }
  return ring;
}

/** Reads a response of `GET /v1/keys`. Throws Unreadable. */
export function readKeysDocument(
  bytes: Uint8Array,
  limits: Limits,
  primitives: Pick<Primitives, 'sha256'>,
): KeyRing {
  if (bytes.length > limits.keysBytes) {
    throw new Unreadable(
      'too-large',
      `the keys have ${bytes.length} bytes; the limit is ${limits.keysBytes}`,
    );
  }
  const members = new Members(parseObject(bytes, 'the list of keys', limits.depth), 'the list of keys');
  return readKeys(keysMember(members, limits), 'the given keys', primitives);
}

export function keysMember(members: Members, limits: Pick<Limits, 'keys'>): readonly Json[] {
  return members.array('keys', limits.keys);
}

function readKey(value: Json, what: string, { sha256 }: Pick<Primitives, 'sha256'>): PublicKey {
  const members = new Members(value, what);
  const bytes = members.read('public', text => fromBase64Url(text, KEY_BYTES), '32 bytes in base64url');
  const id = members.read('id', text => fromHex(text, KEY_ID_BYTES), '8 bytes in lower-case hex');
  const orNull = (name: string): number | null =>
    members.json(name) === null
      ? null
      : members.read(name, microsecondsOf, 'an ISO 8601 instant in UTC, or null');
  const key = {
    id: toHex(id),
    bytes,
    fromUs: members.read('from', microsecondsOf, 'an ISO 8601 instant in UTC'),
    untilUs: orNull('until'),
    revokedUs: orNull('revoked'),
    use: members.oneOf('use', ['slices', 'books']),
  };
  members.end();
  if (!areEqual(sha256(bytes).subarray(0, KEY_ID_BYTES), id)) {
    throw new Unreadable('malformed', `the id ${key.id} of ${what} does not match its public key`);
  }
  return key;
}

/** `2026-01-31T12:00:00.123456Z`, with up to six digits of a second. */
function microsecondsOf(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text);
  const ms = match === null ? Number.NaN : Date.parse(`${match[1]}Z`);
  if (Number.isNaN(ms)) return undefined;
  return ms * 1000 + Number((match?.[2] ?? '').padEnd(6, '0'));
}

function otherThan(use: KeyUse): KeyUse {
  return use === 'slices' ? 'books' : 'slices';
}

/** The keys that count: those given by the caller, if any, else those in the book. */
export class Signers {
  readonly #ring: KeyRing;
  readonly #isPinned: boolean;
  readonly #findings: Findings;
  readonly #revokedLater = new Set<string>();

  constructor(pinned: KeyRing | undefined, own: KeyRing, findings: Findings) {
    this.#ring = pinned ?? own;
    this.#isPinned = pinned !== undefined;
    this.#findings = findings;
    if (pinned === undefined) return;
    for (const key of own.values()) {
      const given =
        pinned.get(ringKeyOf(key)) ?? pinned.get(ringKeyOf({ id: key.id, use: otherThan(key.use) }));
      // Either list may be the later one, and end or revoke a key that the other still has; but a key is revoked once.
      const isRevokedTwice =
        given !== undefined &&
        given.revokedUs !== null &&
        key.revokedUs !== null &&
        given.revokedUs !== key.revokedUs;
      if (given !== undefined && (given.fromUs !== key.fromUs || given.use !== key.use || isRevokedTwice)) {
        findings.add('key-conflict', `the given keys and the book describe key ${key.id} differently`);
      }
    }
  }

  /**
   * The key with that id; adds a finding if it is not valid for something signed at this instant. A gateway uses the key of
   * the last instant in a slice. `isAfter`: it was signed at an unknown later time.
   */
  keyFor(id: string, use: KeyUse, atUs: number, what: string, isAfter = false): PublicKey | undefined {
    const key =
      this.#ring.get(ringKeyOf({ id, use })) ?? this.#ring.get(ringKeyOf({ id, use: otherThan(use) }));
    const among = this.#isPinned ? 'the given keys' : 'the keys of the book';
    if (key === undefined) {
      this.#findings.add('unknown-key', `${what} is signed with key ${id}, which is not in ${among}`);
      return undefined;
    }
    if (key.use !== use) {
      this.#findings.add('key-not-valid', `${what} is signed with key ${id}, which is for ${key.use}`);
    } else if ((!isAfter && atUs < key.fromUs) || (key.untilUs !== null && atUs >= key.untilUs)) {
      const until = key.untilUs === null ? 'on' : `until ${isoOf(key.untilUs)}`;
      this.#findings.add(
        'key-not-valid',
        `${what} is of ${isoOf(atUs)}, but its key ${id} is valid from ${isoOf(key.fromUs)} ${until}`,
      );
    }
    if (key.revokedUs !== null && atUs >= key.revokedUs) {
      this.#findings.add('key-revoked', `${what} is signed with key ${id}, revoked ${isoOf(key.revokedUs)}`);
    } else if (key.revokedUs !== null) this.#revokedLater.add(`${id} (${isoOf(key.revokedUs)})`);
    return key;
  }

  /** Keys that were used and revoked later. */
  get revokedLater(): readonly string[] {
    return [...this.#revokedLater];
  }
}
