/** Codes that stand in for a lost authenticator: 80 random bits each in base32, which people write down. */
import { randomBytes } from 'node:crypto';

export const RECOVERY_CODES = 10;
const CODE_BYTES = 10;
/** Without I, L, O and U, which are misread (Crockford's base32). */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE = /^[0-9A-HJKMNP-TV-Z]{16}$/;

/** As they are shown: `XXXX-XXXX-XXXX-XXXX`. */
export function makeRecoveryCodes(): readonly string[] {
  return Array.from({ length: RECOVERY_CODES }, () => {
    let bits = BigInt(`0x${randomBytes(CODE_BYTES).toString('hex')}`);
    let code = '';
    for (let digit = 0; digit < 16; digit++) {
      code += ALPHABET[Number(bits & 31n)];
      bits >>= 5n;
    }
    return code.replace(/.{4}(?=.)/g, '$&-');
  });
}

/** One spelling of what somebody typed; undefined if it cannot be a recovery code. */
export function readRecoveryCode(text: string): string | undefined {
  const code = text.toUpperCase().replaceAll(/[\s-]/g, '');
  const read = code.replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  return CODE.test(read) ? read : undefined;
}
