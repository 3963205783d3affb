/**
 * What the verifier needs from where it runs. `node.ts` and `browser.ts` bring it; everything else is the same source
 * in both, and knows neither.
 */
export interface Primitives {
  /** SHA-256 (FIPS 180-4) of one message, 32 bytes. */
  sha256(message: Uint8Array): Uint8Array;
  /** SHA-256 of a message that comes in pieces. */
  sha256Stream(): { update(piece: Uint8Array): void; digest(): Uint8Array };
  /**
   * Ed25519 (RFC 8032) over `message`: whether the 64 bytes of `signature` were made with the key whose 32 raw bytes
   * `publicKey` are. Answers false, and does not reject, when key or signature are no points.
   */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /** Undoes gzip (RFC 1952). Rejects when it is none, damaged or cut off. */
  gunzip(compressed: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /**
   * Calls what hashes beside this thread, over memory that both see; undefined, or not there, where nothing does. It stays
   * for the next book.
   */
  startHelper?(): Helper | undefined;
}

export interface Helper {
  /** Resolves when the job (hashing/hash-jobs.ts) is done; rejects when it was not, and then none will be. */
  run(job: object): Promise<void>;
  /** Lets the helper's answers come in. */
  turn(): Promise<void>;
}
