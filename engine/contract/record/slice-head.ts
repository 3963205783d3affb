/**
 * The head of a slice, which a gateway signs: one Ed25519 signature (RFC 8032) over 120 bytes, big-endian.
 *
 * | at | type | field |
 * |----|------|-------|
 * | 0  | 16   | "fairline slice 1" |
 * | 16 | u16  | gateway number |
 * | 18 | u16  | 0 |
 * | 20 | u32  | number of items |
 * | 24 | u64  | incarnation of the gateway |
 * | 32 | u64  | slice number |
 * | 40 | u64  | least instant of the items, us since the epoch |
 * | 48 | u64  | greatest instant of the items |
 * | 56 | 32   | root of the tree (hashing/merkle.ts) over the items' leaves (leaf.ts), in their order in the record |
 * | 88 | 32   | previous: H(head || signature) of the incarnation's signed slice before; zeros in its first |
 *
 * A signed head is these bytes, the first 8 bytes of H(public key), and the signature: 192 bytes. `previous` links the
 * signed slices of an incarnation to a chain: a gateway that shows different people different slices has to sign two
 * successors of one slice, and the two together prove it. The slice numbers in the chain have gaps, because records
 * without items have numbers too and nothing to sign.
 */
import { createHash, type KeyObject, sign } from 'node:crypto';
import { GATEWAY_COUNT } from './stamp.ts';

export const SLICE_HEAD_BYTES = 120;
export const KEY_ID_BYTES = 8;
export const SIGNATURE_BYTES = 64;
export const SIGNED_HEAD_BYTES = SLICE_HEAD_BYTES + KEY_ID_BYTES + SIGNATURE_BYTES;

const LABEL = Buffer.from('fairline slice 1', 'latin1');
const HASH_BYTES = 32;

/** `previous` of an incarnation's first signed slice. */
export const NO_PREVIOUS = Buffer.alloc(HASH_BYTES);

export interface SliceHead {
  readonly gateway: number;
  readonly count: number;
  readonly incarnation: number;
  readonly sliceNumber: number;
  readonly firstUs: number;
  readonly lastUs: number;
  readonly root: Uint8Array;
  readonly previous: Uint8Array;
}

/** The bytes are not a signed head; `message` says why. */
export class WrongSliceHead extends Error {}

export function encodeSliceHead(head: SliceHead): Buffer {
  const bytes = Buffer.alloc(SLICE_HEAD_BYTES);
  bytes.set(LABEL);
  bytes.writeUInt16BE(head.gateway, 16);
  bytes.writeUInt32BE(head.count, 20);
  const { incarnation, sliceNumber, firstUs, lastUs } = head;
  for (const [index, value] of [incarnation, sliceNumber, firstUs, lastUs].entries()) {
    bytes.writeBigUInt64BE(BigInt(value), 24 + 8 * index);
  }
  bytes.set(head.root, 56);
  bytes.set(head.previous, 88);
  return bytes;
}

/** Signs a head and returns it signed, 192 bytes. `keyId` is the first 8 bytes of H(the raw public key of `key`). */
export function signSliceHead(head: SliceHead, keyId: Uint8Array, key: KeyObject): Buffer {
  const bytes = encodeSliceHead(head);
  return Buffer.concat([bytes, keyId, sign(null, bytes, key)], SIGNED_HEAD_BYTES);
}

/** The value of `previous` in the incarnation's next signed slice. */
export function chainHash(signedHead: Uint8Array): Buffer {
  return createHash('sha256')
    .update(signedHead.subarray(0, SLICE_HEAD_BYTES))
    .update(signedHead.subarray(SLICE_HEAD_BYTES + KEY_ID_BYTES))
    .digest();
}

/** Reads a signed head without checking its signature. Throws WrongSliceHead. */
export function decodeSignedHead(
  bytes: Buffer,
): SliceHead & { readonly keyId: Buffer; readonly signature: Buffer } {
  if (bytes.length !== SIGNED_HEAD_BYTES) {
    throw new WrongSliceHead(`a signed head has ${SIGNED_HEAD_BYTES} bytes, not ${bytes.length}`);
  }
  if (!bytes.subarray(0, LABEL.length).equals(LABEL)) {
    const shown = JSON.stringify(bytes.toString('latin1', 0, LABEL.length));
    throw new WrongSliceHead(`it starts with ${shown}; expected ${JSON.stringify(LABEL.toString('latin1'))}`);
  }
  const gateway = bytes.readUInt16BE(16);
  if (gateway >= GATEWAY_COUNT || bytes.readUInt16BE(18) !== 0) {
    throw new WrongSliceHead(
      `the gateway is ${bytes.readUInt32BE(16)}; at most ${GATEWAY_COUNT - 1}, and zeros behind it`,
    );
  }
  return {
    gateway,
    count: bytes.readUInt32BE(20),
    incarnation: wholeAt(bytes, 24, 'the incarnation'),
    sliceNumber: wholeAt(bytes, 32, 'the slice number'),
    firstUs: wholeAt(bytes, 40, 'the first instant'),
    lastUs: wholeAt(bytes, 48, 'the last instant'),
    root: bytes.subarray(56, 88),
    previous: bytes.subarray(88, SLICE_HEAD_BYTES),
    keyId: bytes.subarray(SLICE_HEAD_BYTES, SLICE_HEAD_BYTES + KEY_ID_BYTES),
    signature: bytes.subarray(SLICE_HEAD_BYTES + KEY_ID_BYTES),
  };
}

function wholeAt(bytes: Buffer, at: number, what: string): number {
  const value = Number(bytes.readBigUInt64BE(at));
  if (!Number.isSafeInteger(value)) throw new WrongSliceHead(`${what} is ${value}; at most 2^53 - 1`);
  return value;
}
