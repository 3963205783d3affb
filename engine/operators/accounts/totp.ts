/**
 * Codes of an authenticator: TOTP (RFC 6238) by otpauth, with the parameters that every authenticator knows: SHA-1, six digits, 30 s.
 */
import { randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';

export const STEP_MS = 30_000;
/** The length of SHA-1's output, as RFC 4226 recommends (section 4). */
const SECRET_BYTES = 20;
/** A code of the step before or after is accepted: clocks of telephones differ, and people type slowly (RFC 6238, section 5.2). */
const DRIFT_STEPS = 1;
const ISSUER = 'fairline';
const CODE = /^\d{6}$/;

export function makeTotpSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** For an authenticator: the secret in base32 to type, and the URI to follow or to show as a QR code. */
export function shownTotp(
  secret: Uint8Array,
  name: string,
): { readonly secret: string; readonly uri: string } {
  const totp = totpOf(secret, name);
  return { secret: totp.secret.base32, uri: totp.toString() };
}

/** The step of this code; undefined if it is none of the present step, the one before or the one after. */
export function stepOfCode(secret: Uint8Array, code: string, nowMs: number): number | undefined {
  if (!CODE.test(code)) return undefined;
  const drift = totpOf(secret).validate({ token: code, timestamp: nowMs, window: DRIFT_STEPS });
  return drift === null ? undefined : Math.floor(nowMs / STEP_MS) + drift;
}

function totpOf(secret: Uint8Array, label = ''): TOTP {
  const bytes = Uint8Array.from(secret);
  return new TOTP({ issuer: ISSUER, label, secret: new Secret({ buffer: bytes.buffer }) });
}
