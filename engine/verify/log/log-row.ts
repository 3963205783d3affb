/**
 * A row of the operator log, and its hash. Rows form a chain: each hash covers the row and the hash of the row before.
 *
 *     hash    = H(`fairline operator log 1` || previous 32 || seq u64 || at u64 || H(payload))
 *     payload = operator || token || role || action || target || reason || details
 *
 * `previous` is zeros for the row with seq 1; `at` is in milliseconds since the epoch. Each member of the payload is its length
 * in bytes, u32, and its UTF-8: a token its number in digits, `details` its canonical JSON. Null has the length 2^32 - 1 and no
 * bytes.
 */
import { HASH_BYTES } from '../hashing/lanes.ts';
import type { Primitives } from '../primitives.ts';
import { fromBase64Url, utf8 } from '../text/bytes.ts';
import { canonical, isJsonObject, type Json, type JsonObject, Members } from '../text/json.ts';

/** Of the message of a row's hash. */
export const ROW_LABEL = utf8('fairline operator log 1');
export const NULL_LENGTH = 0xffff_ffff;
const MOST_CHARACTERS = 65_536;
/** Postgres' greatest integer. */
export const GREATEST_TOKEN = 2 ** 31 - 1;

export interface LogRow {
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** The members of the payload, in its order. */
  readonly payload: readonly (string | null)[];
  /** Of the payload, too. */
  readonly action: string;
  readonly target: string;
  readonly details: JsonObject;
  /** As the row states it. */
  readonly hash: Uint8Array;
}

/** Reads a row. Throws Unreadable; `what` names its place. */
export function readLogRow(value: Json, what: string): LogRow {
  const members = new Members(value, what);
  const text = (key: string): string => {
    const given = members.text(key, MOST_CHARACTERS);
    return given.isWellFormed() ? given : members.fail(key, given, 'text without halves of surrogate pairs');
  };
  const orNull = <T>(key: string, read: (key: string) => T): T | null =>
    members.json(key) === null ? null : read(key);
  const token = orNull('token', key => String(members.whole(key, 1, GREATEST_TOKEN)));
  const details = members.json('details') ?? null;
  if (!isJsonObject(details)) return members.fail('details', details, 'an object');
  const [operator, role, action, target] = [text('operator'), text('role'), text('action'), text('target')];
  const row = {
    seq: readSeq(members),
    atMs: readMs(members),
    payload: [
      ...[operator, token, role, action, target],
      orNull('reason', text),
      canonical(details, `details in ${what}`),
    ],
    ...{ action, target, details },
    hash: readHash(members),
  };
  members.end();
  return row;
}

export function readSeq(members: Members): number {
  return members.whole('seq', 1, Number.MAX_SAFE_INTEGER);
}

export function readHash(members: Members): Uint8Array {
  return members.read('hash', text => fromBase64Url(text, HASH_BYTES), `${HASH_BYTES} bytes in base64url`);
}

/** `at`, an instant with one spelling; milliseconds since the epoch. */
export function readMs(members: Members): number {
  return members.read(
    'at',
    text => {
      const ms = Date.parse(text);
      return ms >= 0 && new Date(ms).toISOString() === text ? ms : undefined;
    },
    'an instant like 2030-01-31T18:00:00.000Z',
  );
}

/** The hashes of rows, over one piece of memory for all. */
export class RowHasher {
  readonly #primitives: Pick<Primitives, 'sha256'>;
  readonly #encoder = new TextEncoder();
  #bytes = new Uint8Array(4096);
  readonly #chained = new Uint8Array(ROW_LABEL.length + HASH_BYTES + 16 + HASH_BYTES);

  constructor(primitives: Pick<Primitives, 'sha256'>) {
    this.#primitives = primitives;
    this.#chained.set(ROW_LABEL);
  }

  /** The hash that a row has behind the row with the hash `previous`. */
  hash(previous: Uint8Array, { seq, atMs, payload }: LogRow): Uint8Array {
    const chained = this.#chained;
    const view = new DataView(chained.buffer);
    let at = ROW_LABEL.length;
    chained.set(previous, at);
    at += HASH_BYTES;
    view.setBigUint64(at, BigInt(seq));
    view.setBigUint64(at + 8, BigInt(atMs));
    chained.set(this.#payloadHash(payload), at + 16);
    return this.#primitives.sha256(chained);
  }

  #payloadHash(payload: LogRow['payload']): Uint8Array {
    // A code unit takes at most three bytes.
    const most = payload.reduce((sum, text) => sum + 4 + 3 * (text?.length ?? 0), 0);
    if (most > this.#bytes.length) this.#bytes = new Uint8Array(2 * most);
    const bytes = this.#bytes;
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const text of payload) {
      const length = text === null ? 0 : this.#encoder.encodeInto(text, bytes.subarray(at + 4)).written;
      view.setUint32(at, text === null ? NULL_LENGTH : length);
      at += 4 + length;
    }
    return this.#primitives.sha256(bytes.subarray(0, at));
  }
}

/** The `previous` of the first row. */
export const NO_ROW: Uint8Array = new Uint8Array(HASH_BYTES);
