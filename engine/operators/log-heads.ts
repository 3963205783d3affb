/**
 * Signs the head of the operator log with the key for books. A kept signed head, or a book that names one, shows that a
 * row up to it was changed later; the ledger alone could be written anew, with all hashes.
 */
import { sign } from 'node:crypto';
import type { Logger } from 'pino';
import { type Pool, transaction } from '../../sql/database.ts';
import { insertLogHead, takeHeadToSign } from '../../sql/statements/operators/operator-log.ts';
import type { KeyRing } from '../contract/keys/key-ring.ts';

/** Rows that nothing has signed are as good as the ledger alone, for this long at most. */
const SIGN_EVERY_MS = 60_000;
const LABEL = Buffer.from('fairline operator log head 1');

export interface LogHeadOptions {
  readonly pool: Pool;
  readonly keys: Pick<KeyRing, 'keyAt'>;
  readonly log: Pick<Logger, 'info'>;
  /** Shorter for tests. */
  readonly everyMs?: number;
}

/**
 * Signs the head if an operator has acted since the last one, and it is a minute old. One engine signs at a time; without a key
 * the head waits for one.
 */
export async function signLogHead({
  pool,
  keys,
  log,
  everyMs = SIGN_EVERY_MS,
}: LogHeadOptions): Promise<void> {
  const nowMs = Date.now();
  const key = keys.keyAt('books', nowMs);
  if (key === undefined) return;
  const signed = await transaction(pool, async client => {
    const head = await takeHeadToSign(client, everyMs);
    if (head === undefined) return undefined;
    const at = new Date(nowMs);
    const signature = sign(null, messageOf(head, nowMs), key.privateKey);
    await insertLogHead(client, { ...head, at, keyId: key.id, signature });
    return head.seq;
  });
  if (signed !== undefined) log.info({ seq: signed }, 'the head of the operator log was signed');
}

/** ../verify/README.md describes it. */
function messageOf({ seq, hash }: { readonly seq: number; readonly hash: Buffer }, atMs: number): Buffer {
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(BigInt(seq), 0);
  numbers.writeBigUInt64BE(BigInt(atMs), 8);
  return Buffer.concat([LABEL, numbers, hash]);
}
