/**
 * What the verifier needs from its platform. `node.ts` and `browser.ts` provide it; everything else is the same source in
 * both, and depends on neither.
 */
export interface Primitives {
  /** SHA-256 (FIPS 180-4) of one message, 32 bytes. */
  sha256(message: Uint8Array): Uint8Array;
  /** SHA-256 of a message that comes in pieces. */
  sha256Stream(): { update(piece: Uint8Array): void; digest(): Uint8Array };
  /**
   * Ed25519 (RFC 8032) over `message`: whether the 64 bytes of `signature` were made with the key whose 32 raw bytes are
   * `publicKey`. Returns false, and does not reject, if key or signature is not a point.
   */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /** Decompresses gzip (RFC 1952). Rejects if the input is not gzip, damaged or truncated. */
  gunzip(compressed: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /**
   * Starts a helper that hashes in parallel with this thread, over memory shared by both; absent, or undefined, if there is
   * none. It stays for the next book.
   */
  startHelper?(): Helper | undefined;
}

export interface Helper {
  /** Resolves when the job (hashing/hash-jobs.ts) is done; rejects if it was not, and then no further job will be. */
  run(job: object): Promise<void>;
  /** Lets the helper's answers arrive. */
  turn(): Promise<void>;
}
