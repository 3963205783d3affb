/**
 * Codes of an authenticator: TOTP (RFC 6238) by otpauth, with the parameters that every authenticator knows: SHA-1, six digits, 30 s.
 */
import { randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import encodeQR from 'qr';

export const STEP_MS = 30_000;
/** The length of SHA-1's output, as RFC 4226 recommends (section 4). */
const SECRET_BYTES = 20;
/** A code of the step before or after is accepted: clocks of telephones differ, and people type slowly (RFC 6238, section 5.2). */
const DRIFT_STEPS = 1;
const ISSUER = 'fairline';
/** Modules around a QR code that stay white; with fewer, cameras may not find it (ISO/IEC 18004, quiet zone). */
const QUIET_MODULES = 4;
const CODE = /^\d{6}$/;

export function makeTotpSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** For an authenticator: the secret in base32 to type, the URI to follow, and the URI as a QR code, an SVG image. */
export function shownTotp(
  secret: Uint8Array,
  name: string,
): { readonly secret: string; readonly uri: string; readonly qr: string } {
  const totp = totpOf(secret, name);
  const uri = totp.toString();
  return { secret: totp.secret.base32, uri, qr: encodeQR(uri, 'svg', { border: QUIET_MODULES }) };
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
