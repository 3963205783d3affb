/** Codes of grants, which winners show at the shop. Nobody can guess one, or learn anything from another. */
import { randomBytes } from 'node:crypto';

/** 80 bits: with a thousand million codes given out, a guess is right once in 10^15. */
const CODE_BYTES = 10;
/** Crockford's base 32 (crockford.com/base32.html): no I, L, O or U, so a code survives being read aloud. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const BITS = 5;
const GROUP = 4;

/** A new code, 16 characters in four groups: `7ZK4-0QXM-B2TD-9VHA`. */
export function makeCode(bytes: Uint8Array = randomBytes(CODE_BYTES)): string {
  let code = '';
  let held = 0;
  let bits = 0;
  let count = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= BITS) {
      bits -= BITS;
      if (count > 0 && count % GROUP === 0) code += '-';
      code += ALPHABET[(held >> bits) & 31];
      count += 1;
    }
    held &= (1 << bits) - 1;
  }
  return code;
}
