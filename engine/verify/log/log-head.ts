/**
 * A signed head of the operator log: an engine has signed, with the key for books, which row was the last one at some time. Its
 * signature is over `fairline operator log head 1` || seq u64 || at u64 (milliseconds since the epoch) || hash 32.
 */
import type { Findings } from '../findings.ts';
import type { Primitives } from '../primitives.ts';
import { KEY_ID_BYTES, type Signers } from '../receipts/keys.ts';
import { concat, fromBase64Url, fromHex, toHex, u64, utf8 } from '../text/bytes.ts';
import { type Json, Members } from '../text/json.ts';
import { readHash, readMs, readSeq } from './log-row.ts';

const LABEL = utf8('fairline operator log head 1');
const SIGNATURE_BYTES = 64;

export interface LogHead {
  /** The last row that it covers, and its hash. */
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly atMs: number;
  readonly keyId: string;
  readonly signature: Uint8Array;
  /** For messages: `the head of the operator log that the book names`. */
  readonly what: string;
}

/** Throws Unreadable. */
export function readLogHead(value: Json, what: string): LogHead {
  const members = new Members(value, what);
  const head = {
    seq: readSeq(members),
    hash: readHash(members),
    atMs: readMs(members),
    keyId: toHex(members.read('key', text => fromHex(text, KEY_ID_BYTES), '8 bytes in lower-case hex')),
    signature: members.read(
      'signature',
      text => fromBase64Url(text, SIGNATURE_BYTES),
      `${SIGNATURE_BYTES} bytes in base64url`,
    ),
    what,
  };
  members.end();
  return head;
}

/**
 * Begins to verify the signature of a head; undefined, and a finding, if its key is unknown. Node verifies on other threads, so
 * several may be under way.
 */
export function verifyLogHead(
  { seq, hash, atMs, keyId, signature, what }: LogHead,
  signers: Signers,
  { verifyEd25519 }: Pick<Primitives, 'verifyEd25519'>,
): Promise<boolean> | undefined {
  const key = signers.keyFor(keyId, 'books', atMs * 1000, what);
  return key && verifyEd25519(key.bytes, concat(LABEL, u64(seq), u64(atMs), hash), signature);
}

/** Adds a finding if no known key has signed the head, and returns whether one has. */
export async function checkLogHead(
  head: LogHead,
  signers: Signers,
  findings: Findings,
  primitives: Pick<Primitives, 'verifyEd25519'>,
): Promise<boolean> {
  return isSigned(head, await verifyLogHead(head, signers, primitives), findings);
}

/** Takes the answer of `verifyLogHead`, and adds a finding if the signature is invalid. */
export function isSigned(
  { seq, keyId, what }: LogHead,
  answer: boolean | undefined,
  findings: Findings,
): boolean {
  if (answer === false) {
    findings.add('log-signature', `the signature of ${what}, over act ${seq}, by key ${keyId} is invalid`);
  }
  return answer === true;
}
