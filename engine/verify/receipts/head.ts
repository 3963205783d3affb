/**
 * The signed head of a slice: 192 bytes, big-endian.
 *
 * | at  | bytes | field |
 * |-----|-------|-------|
 * | 0   | 16    | "fairline slice 1" |
 * | 16  | 2     | gateway |
 * | 18  | 2     | 0 |
 * | 20  | 4     | count of items |
 * | 24  | 8     | incarnation of the gateway |
 * | 32  | 8     | slice number within the incarnation |
 * | 40  | 8     | first instant: the least of its items' (us since the epoch) |
 * | 48  | 8     | last instant: the greatest |
 * | 56  | 32    | root of the Merkle tree over its items |
 * | 88  | 32    | previous: H(head, signature) of the incarnation's previous signed slice; zero for its first |
 * | 120 | 8     | key id: the first 8 bytes of H(public key) |
 * | 128 | 64    | Ed25519 signature over the 120 bytes before the key id |
 */
import { Unreadable } from '../findings.ts';
import type { Primitives } from '../primitives.ts';
import { areEqual, concat, fromBase64Url, readU64, toHex, utf8 } from '../text/bytes.ts';

export const HEAD_BYTES = 120;
export const SIGNED_HEAD_BYTES = 192;
export const GATEWAYS = 1024;
const LABEL = utf8('fairline slice 1');

export interface SignedHead {
  readonly gateway: number;
  readonly count: number;
  readonly incarnation: number;
  readonly sliceNumber: number;
  readonly firstUs: number;
  readonly lastUs: number;
  readonly root: Uint8Array;
  readonly previous: Uint8Array;
  /** Lower-case hex. */
  readonly keyId: string;
  /** All 192 bytes. */
  readonly bytes: Uint8Array;
  /** The 120 bytes that are signed. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Reads a head of a book or receipt. Throws Unreadable; `what` names its place. */
export function readHead(text: string, what: string): SignedHead {
  const bytes = fromBase64Url(text, SIGNED_HEAD_BYTES);
  if (bytes === undefined) throw unreadable(what, `is not ${SIGNED_HEAD_BYTES} bytes in base64url`);
  return decodeHead(bytes, what);
}

/** Decodes the 192 bytes. Throws Unreadable; `what` names their place. */
export function decodeHead(bytes: Uint8Array, what: string): SignedHead {
  if (!areEqual(bytes.subarray(0, 16), LABEL))
    throw unreadable(what, 'does not start with "fairline slice 1"');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const whole = (at: number, name: string): number => {
    const value = readU64(view, at);
    if (value === undefined) throw unreadable(what, `has ${name} beyond 2^53`);
    return value;
  };
  const head = {
    gateway: view.getUint16(16),
    count: view.getUint32(20),
    incarnation: whole(24, 'an incarnation'),
    sliceNumber: whole(32, 'a slice number'),
    firstUs: whole(40, 'a first instant'),
    lastUs: whole(48, 'a last instant'),
    root: bytes.subarray(56, 88),
    previous: bytes.subarray(88, 120),
    keyId: toHex(bytes.subarray(120, 128)),
    bytes,
    signed: bytes.subarray(0, HEAD_BYTES),
    signature: bytes.subarray(128, SIGNED_HEAD_BYTES),
  };
  if (head.gateway >= GATEWAYS)
    throw unreadable(what, `is of gateway ${head.gateway}; the highest is ${GATEWAYS - 1}`);
  if (view.getUint16(18) !== 0) throw unreadable(what, 'has nonzero bytes in its two zero bytes');
  if (head.count === 0) throw unreadable(what, 'has no items, but empty slices are never signed');
  if (head.firstUs > head.lastUs) throw unreadable(what, 'has a first instant after its last');
  return head;
}

function unreadable(what: string, fault: string): Unreadable {
  return new Unreadable('malformed', `the signed head of ${what} ${fault}`);
}

/** The `previous` of the incarnation's next head. */
export function linkOf(head: SignedHead, { sha256 }: Pick<Primitives, 'sha256'>): Uint8Array {
  return sha256(concat(head.signed, head.signature));
}

/** For messages. */
export function nameOf({ gateway, incarnation, sliceNumber }: SignedHead): string {
  return `slice ${sliceNumber} of gateway ${gateway} (incarnation ${incarnation})`;
}
