/** The seed of a draw: one value that depends on everything that must not be chosen after the randomness is known. */
import { hkdfSync } from 'node:crypto';

export const SEED_BYTES = 32;
const HASH_BYTES = 32;
const INFO = 'fairline seed 1';

export interface SeedInput {
  /** 32 bytes: the revealed secret, or the randomness of the drand round. */
  readonly randomness: Uint8Array;
  /** 32 bytes; see rules.ts. */
  readonly rulesHash: Uint8Array;
  /** 32 bytes; see pool.ts. */
  readonly poolRoot: Uint8Array;
  readonly poolCount: number;
}

/**
 * HKDF-SHA-256 (RFC 5869) with the randomness as input keying material, the hash of the rules as salt, and
 * "fairline seed 1" || pool root || pool count u64 (big-endian) as info. 32 bytes. Throws RangeError for an input of
 * another length.
 */
export function drawSeed({ randomness, rulesHash, poolRoot, poolCount }: SeedInput): Buffer {
  for (const [name, bytes] of Object.entries({ randomness, rulesHash, poolRoot })) {
    if (bytes.length !== HASH_BYTES) {
      throw new RangeError(`${name} has ${bytes.length} bytes, not ${HASH_BYTES}`);
    }
  }
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(poolCount));
  const info = Buffer.concat([Buffer.from(INFO), poolRoot, count]);
  return Buffer.from(hkdfSync('sha256', randomness, rulesHash, info, SEED_BYTES));
}
