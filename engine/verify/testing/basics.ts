/**
 * A second implementation of the formats, written for the tests from their description: slow, and sharing no code with the
 * verifier, so that a mistake would have to be made twice.
 */
import { createHmac, createPrivateKey, createPublicKey, hash, type KeyObject, sign } from 'node:crypto';

export function sha256(...parts: readonly (Uint8Array | string)[]): Buffer {
  const [only] = parts;
  const whole =
    parts.length === 1 && only !== undefined ? only : Buffer.concat(parts.map(part => Buffer.from(part)));
  return hash('sha256', whole, 'buffer');
}

export function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`;
}

export function leafHashOf(data: Uint8Array): Buffer {
  return sha256(Uint8Array.of(0), data);
}

/** RFC 6962, section 2.1, literally, over leaf hashes. */
export function treeRoot(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves;
  if (first === undefined) return sha256();
  if (leaves.length === 1) return first;
  const k = splitOf(leaves.length);
  return sha256(Uint8Array.of(1), treeRoot(leaves.slice(0, k)), treeRoot(leaves.slice(k)));
}

/** RFC 6962, section 2.1.1: the path of leaf `index`, leaf to root. */
export function treePath(index: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const k = splitOf(leaves.length);
  return index < k
    ? [...treePath(index, leaves.slice(0, k)), treeRoot(leaves.slice(k))]
    : [...treePath(index - k, leaves.slice(k)), treeRoot(leaves.slice(0, k))];
}

function splitOf(count: number): number {
  let k = 1;
  while (2 * k < count) k *= 2;
  return k;
}

export interface Signer {
  readonly id: Buffer;
  readonly raw: Buffer;
  readonly key: KeyObject;
}

/** A key pair that is the same in every run. */
export function signerOf(name: string): Signer {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), sha256('key', name)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { id: sha256(raw).subarray(0, 8), raw, key };
}

export function signed(signer: Signer, message: Uint8Array): Buffer {
  return sign(null, message, signer.key);
}

export interface HeadFields {
  readonly gateway: number;
  readonly incarnation: number;
  readonly sliceNumber: number;
  readonly firstUs: number;
  readonly lastUs: number;
  readonly count: number;
  readonly root: Buffer;
  readonly previous: Buffer;
}

/** The 192 bytes of a signed head. */
export function signedHeadOf(fields: HeadFields, signer: Signer): Buffer {
  const gateway = Buffer.alloc(4);
  gateway.writeUInt16BE(fields.gateway);
  const head = Buffer.concat([
    Buffer.from('fairline slice 1'),
    gateway,
    u32(fields.count),
    u64(fields.incarnation),
    u64(fields.sliceNumber),
    u64(fields.firstUs),
    u64(fields.lastUs),
    fields.root,
    fields.previous,
  ]);
  return Buffer.concat([head, signer.id, signed(signer, head)]);
}

export function linkTo(head: Buffer): Buffer {
  return sha256(head.subarray(0, 120), head.subarray(128));
}
