/**
 * HMAC-SHA-256 (RFC 2104) of many short messages under one key. The hash states after the padded key are the same for every
 * message, so they are computed once. Tests compare it with `createHmac`.
 */
import {
  type Midstate,
  MOST_MESSAGE_BYTES,
  SHA256_BYTES,
  Sha256,
} from '../../engine/contract/hashing/sha256.ts';

const BLOCK_BYTES = 64;
/** 32 bytes in base64url without padding: ten groups of three bytes, and two bytes that make three characters. */
export const SIGNATURE_CHARS = 43;

/** Base64url, RFC 4648 section 5. */
const CHARACTER_CODES = Buffer.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  'latin1',
);

export class Hmac {
  /** Where a message is written before it is signed. */
  readonly message: Buffer;
  readonly #inner = new Sha256();
  readonly #outer = new Sha256();
  readonly #afterInnerKey: Midstate;
  readonly #afterOuterKey: Midstate;
  /** The last signature, followed by a zero byte. */
  readonly #digest = new Uint8Array(SHA256_BYTES + 1);
  readonly #signature = Buffer.alloc(SHA256_BYTES);

  constructor(secret: string) {
    this.message = this.#inner.message;
    const given = Buffer.from(secret, 'utf8');
    const key = Buffer.alloc(BLOCK_BYTES);
    if (given.length > BLOCK_BYTES) {
      this.message.set(given);
      this.#inner.hash(given.length);
      this.#inner.writeDigest(key, 0);
    } else given.copy(key);
    this.#afterInnerKey = this.#inner.midstate(key.map(byte => byte ^ 0x36));
    this.#afterOuterKey = this.#outer.midstate(key.map(byte => byte ^ 0x5c));
  }

  /** Signs the first `length` bytes of `message`; the signature is eight words, valid until the next. */
  sign(length: number): Int32Array {
    this.#inner.hash(length, this.#afterInnerKey);
    this.#inner.writeDigest(this.#outer.message, 0);
    this.#outer.hash(SHA256_BYTES, this.#afterOuterKey);
    return this.#outer.words;
  }

  /** The signature of a text of ASCII characters, valid until the next. Throws RangeError if the text is another or too long. */
  signText(text: string): Buffer {
    if (this.message.write(text, 'utf8') !== text.length)
      throw new RangeError('the text is not ASCII, or too long');
    this.sign(text.length);
    this.#outer.writeDigest(this.#signature, 0);
    return this.#signature;
  }

  /**
   * Whether `signed` is a message, a dot at `dotAt`, and the message's signature in base64url; constant time in the
   * signature. The message is signed as UTF-8, so that different texts never have the same bytes.
   */
  matches(signed: string, dotAt: number): boolean {
    if (signed.length - dotAt - 1 !== SIGNATURE_CHARS || dotAt > MOST_MESSAGE_BYTES) return false;
    // One call into C++ costs a fifth of a loop over the characters. Non-ASCII text does not fit, and so never matches.
    if (this.message.write(signed, 0, dotAt, 'utf8') !== dotAt) return false;
    this.sign(dotAt);
    this.#outer.writeDigest(this.#digest, 0);
    return this.#isSignature(signed, dotAt + 1);
  }

  /** Whether the characters from `at` on are the digest; the duration does not show where they differ. */
  #isSignature(text: string, at: number): boolean {
    const digest = this.#digest;
    let difference = 0;
    // Three bytes make four characters; a zero byte follows the 32 bytes, and the 44th character is omitted.
    for (let byte = 0, char = at; byte < SHA256_BYTES; byte += 3, char += 4) {
      const bits = ((digest[byte] ?? 0) << 16) | ((digest[byte + 1] ?? 0) << 8) | (digest[byte + 2] ?? 0);
      difference |= (CHARACTER_CODES[bits >>> 18] ?? 0) ^ text.charCodeAt(char);
      difference |= (CHARACTER_CODES[(bits >>> 12) & 63] ?? 0) ^ text.charCodeAt(char + 1);
      difference |= (CHARACTER_CODES[(bits >>> 6) & 63] ?? 0) ^ text.charCodeAt(char + 2);
      if (byte < 30) difference |= (CHARACTER_CODES[bits & 63] ?? 0) ^ text.charCodeAt(char + 3);
    }
    return difference === 0;
  }
}
