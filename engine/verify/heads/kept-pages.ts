/**
 * Kept heads, one page per line: a response of `GET /v1/heads`, with or without other members besides `heads`;
 * or a record of a monitor, which counter-signs each page and chains its records (see ../../monitor/README.md):
 *
 * `{"after":"<position>","at_us":…,"heads":["<192>",…],"key":"<32>","monitor":1,"number":…,"previous":"<32>","signature":"<64>",
 * "source":"https://…","through_us":…}`, canonical JSON. The signature, by `key`, is over `fairline monitor 1` || the
 * canonical JSON of all other members. `previous` is H(the previous line, without its end), zeros in the record with the
 * number 1.
 */
import { Unreadable } from '../findings.ts';
import type { Limits } from '../limits.ts';
import type { Primitives } from '../primitives.ts';
import { readHead, type SignedHead } from '../receipts/head.ts';
import { concat, fromBase64Url, toBase64Url, utf8 } from '../text/bytes.ts';
import { canonical, type JsonObject, Members, parseCanonical, parseObject } from '../text/json.ts';
import { compareHeadPositions, type HeadPosition, readHeadPosition } from './head-positions.ts';

/** A page of the service has 500. */
const MOST_A_PAGE = 100_000;
const MOST_TEXT = 256;
const MOST_SOURCE = 2_048;
const LABEL = utf8('fairline monitor 1');
const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** The `previous` of a monitor's first record, in base64url. */
export const NO_RECORD: string = toBase64Url(new Uint8Array(HASH_BYTES));

export interface KeptHead {
  readonly text: string;
  readonly head: SignedHead;
  /** Where it comes from, for messages. */
  readonly what: string;
}

export interface KeptPage {
  /** Of its line, from 1. */
  readonly number: number;
  readonly heads: readonly KeptHead[];
  /** For a page that a monitor recorded. */
  readonly record: MonitorRecord | undefined;
}

export interface MonitorRecord {
  /** In base64url. */
  readonly key: string;
  readonly number: number;
  /** When the monitor saw it, by its own clock. */
  readonly atUs: number;
  /** The position behind which the page begins. */
  readonly after: HeadPosition;
  /** The service said that this page was the last, and that no slice with an instant up to here can be added any more. */
  readonly throughUs: number | undefined;
  readonly previous: Uint8Array;
  /** The `previous` of the next record. */
  readonly hash: Uint8Array;
  readonly line: Uint8Array;
}

/** A page, for messages: the record of a monitor with that key, or a line of kept heads. */
export function whatOfPage(number: number, key: string | undefined): string {
  return key === undefined
    ? `page ${number} of the kept heads`
    : `record ${number} of monitor ${key.slice(0, 8)}`;
}

/** The head `index`, from 0, of a page, for messages. */
export function whatOfHead(index: number, page: string): string {
  return `head ${index + 1} on ${page}`;
}

/**
 * Reads a line of kept heads. On a page that no monitor signed, only the heads count: its keeper may have added anything.
 * Throws Unreadable.
 */
export function readKeptPage(
  line: Uint8Array,
  number: number,
  { depth }: Pick<Limits, 'depth'>,
  primitives: Pick<Primitives, 'sha256'>,
): KeptPage {
  const what = whatOfPage(number, undefined);
  const object = parseObject(line, what, depth);
  const members = new Members(object, what);
  if (!members.has('monitor')) {
    const heads = readHeads(members, what);
    return { number, heads, record: undefined };
  }
  const record = readRecord(parseCanonical(line, what, depth), line, what, primitives);
  const recorded = whatOfPage(record.number, record.key);
  const heads = readHeads(members, recorded);
  const [first] = heads;
  if (first !== undefined && compareHeadPositions(record.after, first.head) >= 0)
    throw new Unreadable('malformed', `${first.what} does not follow the start of its page`);
  return { number, heads, record };
}

function readHeads(members: Members, what: string): readonly KeptHead[] {
  const kept = members.array('heads', MOST_A_PAGE).map((text, index) => {
    const name = whatOfHead(index, what);
    if (typeof text !== 'string' || text.length > MOST_TEXT)
      throw new Unreadable('malformed', `${name} is not a signed head`);
    return { text, head: readHead(text, name), what: name };
  });
  kept.forEach(({ head, what: name }, index) => {
    const before = kept[index - 1];
    if (before !== undefined && compareHeadPositions(before.head, head) > 0)
      throw new Unreadable('malformed', `${name} is out of order`);
  });
  return kept;
}

function readRecord(
  object: JsonObject,
  line: Uint8Array,
  what: string,
  { sha256 }: Pick<Primitives, 'sha256'>,
): MonitorRecord {
  const members = new Members(object, what);
  const whole = (key: string): number => members.whole(key, 0, Number.MAX_SAFE_INTEGER);
  const bytesOf = (key: string, length: number): Uint8Array =>
    members.read(key, text => fromBase64Url(text, length), `${length} bytes in base64url`);
  members.whole('monitor', 1, 1);
  members.array('heads', MOST_A_PAGE);
  members.text('source', MOST_SOURCE);
  bytesOf('signature', SIGNATURE_BYTES);
  const record = {
    key: toBase64Url(bytesOf('key', HASH_BYTES)),
    number: members.whole('number', 1, Number.MAX_SAFE_INTEGER),
    atUs: whole('at_us'),
    after: members.read('after', readHeadPosition, 'the position of a head'),
    throughUs: members.has('through_us') ? whole('through_us') : undefined,
    previous: bytesOf('previous', HASH_BYTES),
    hash: sha256(line),
    line,
  };
  members.end();
  return record;
}

/** Whether the monitor has signed the record, and thereby all records that it continues. */
export async function isSignedRecord(
  { line, key }: MonitorRecord,
  limits: Pick<Limits, 'depth'>,
  primitives: Pick<Primitives, 'verifyEd25519'>,
): Promise<boolean> {
  const what = 'a record of a monitor';
  const { signature, ...rest } = parseObject(line, what, limits.depth);
  const [publicKey, signed] = [fromBase64Url(key), fromBase64Url(String(signature))];
  if (publicKey === undefined || signed === undefined) return false;
  return await primitives.verifyEd25519(publicKey, recordMessage(rest, what), signed);
}

/** The message that a monitor signs: all members of the record except `signature`. */
export function recordMessage(members: JsonObject, what = 'the record'): Uint8Array {
  return concat(LABEL, utf8(canonical(members, what)));
}
