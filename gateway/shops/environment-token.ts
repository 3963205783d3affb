/** SHOP_TOKEN: one secret of the environment that may do everything. It needs no ledger. */
import { timingSafeEqual } from 'node:crypto';

/** The maximum length of SHOP_TOKEN. */
const MAX_TOKEN_BYTES = 512;

/** Compares tokens with the right one; the duration shows neither where they differ nor the length of the right one. */
export class EnvironmentToken {
  /** The token, padded with zeros and followed by its length. */
  readonly #right = Buffer.alloc(MAX_TOKEN_BYTES + 2);
  readonly #given = Buffer.alloc(MAX_TOKEN_BYTES + 2);
  readonly isSet: boolean;

  /** '' for none. */
  constructor(token: string) {
    this.isSet = token !== '';
    put(token, this.#right);
  }

  matches(token: string): boolean {
    if (!this.isSet || token.length > MAX_TOKEN_BYTES) return false;
    put(token, this.#given);
    return timingSafeEqual(this.#given, this.#right);
  }
}

function put(token: string, into: Buffer): void {
  into.fill(0);
  into.write(token, 'latin1');
  into.writeUInt16LE(token.length, MAX_TOKEN_BYTES);
}
