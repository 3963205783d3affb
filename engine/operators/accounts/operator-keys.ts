/**
 * What is derived from OPERATOR_SECRET (HKDF, RFC 5869): a key that seals TOTP secrets, one that hashes recovery codes, one that signs
 * device cookies, and the secret of logins at an identity provider that are under way. With a copy of the database alone nobody makes a code
 * of an authenticator, or finds a recovery code by trying them all.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Characters of base64url, of 6 bits each. */
const VERSION_CHARACTERS = 22;

export class OperatorKeys {
  readonly #sealing: Buffer;
  readonly #hashing: Buffer;
  /** Signs device cookies. */
  readonly devices: KeyObject;
  /** See engine/contract/identity/authorization-state.ts. */
  readonly authorizations: Buffer;

  constructor(secret: string) {
    this.#sealing = derive(secret, 'fairline operators: totp secrets');
    this.#hashing = derive(secret, 'fairline operators: recovery codes');
    this.devices = createSecretKey(derive(secret, 'fairline operators: device cookies'));
    this.authorizations = derive(secret, 'fairline operators: authorizations');
  }

  /** `purpose`: what the sealed bytes are for. They open for nothing else, so they cannot be moved to another account. */
  seal(plain: Uint8Array, purpose: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#sealing, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(purpose));
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** Undefined if the bytes were changed, are for something else, or were sealed with another OPERATOR_SECRET. */
  open(sealed: Uint8Array, purpose: string): Buffer | undefined {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv(ALGORITHM, this.#sealing, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(purpose)).setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      return undefined;
    }
  }

  /** The hash under which a recovery code of this account is stored. */
  hashCode(operatorId: number, code: string): Buffer {
    return createHmac('sha256', this.#hashing).update(`${operatorId} ${code}`).digest();
  }

  /** Distinguishes the credentials of an account from its former ones. Without the key it reveals nothing about the hash. */
  credentialVersion(passwordHash: string): string {
    const version = createHmac('sha256', this.devices).update(`credentials ${passwordHash}`);
    return version.digest('base64url').slice(0, VERSION_CHARACTERS);
  }
}

function derive(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', purpose, KEY_BYTES));
}
