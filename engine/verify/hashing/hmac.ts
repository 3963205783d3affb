/** HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869), over the platform's SHA-256. */
import type { Primitives } from '../primitives.ts';
import { concat } from '../text/bytes.ts';

const BLOCK_BYTES = 64;

export type Sha256 = Pick<Primitives, 'sha256'>;

/** The block that HMAC hashes first, for the inner or the outer hash. */
export function keyBlock(key: Uint8Array, side: 'inner' | 'outer', { sha256 }: Sha256): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? sha256(key) : key);
  const pad = side === 'inner' ? 0x36 : 0x5c;
  return block.map(byte => byte ^ pad);
}

export function hmac(key: Uint8Array, message: Uint8Array, hash: Sha256): Uint8Array {
  const inner = hash.sha256(concat(keyBlock(key, 'inner', hash), message));
  return hash.sha256(concat(keyBlock(key, 'outer', hash), inner));
}

/** Extract and expand (sections 2.2 and 2.3), 32 bytes: one round of the expansion. */
export function hkdf32(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, hash: Sha256): Uint8Array {
  return hmac(hmac(salt, secret, hash), concat(info, Uint8Array.of(1)), hash);
}
