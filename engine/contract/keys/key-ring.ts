/**
 * The keys of a process that signs: those in SIGNING_KEYS_DIR, read again every few seconds, and the one in SIGNING_KEY. If a
 * read fails, it is logged, and the known keys stay.
 */
import type { Logger } from 'pino';
import { ConfigError } from '../process/config.ts';
import { KeyFileError, readKeys } from './key-files.ts';
import {
  inOrder,
  type KeyUse,
  keyAt,
  keyUses,
  MOST_LISTED_KEYS,
  type PublicKey,
  publicKeys,
  type SigningKey,
  signingKey,
} from './signing-keys.ts';

/** A key from `npm run keys -- rotate` takes effect later than this, so that every process lists it first. */
export const LOOK_AGAIN_MS = 2_000;

export interface KeySources {
  /** SIGNING_KEYS_DIR; '' for none. */
  readonly SIGNING_KEYS_DIR: string;
  /** SIGNING_KEY, for every use, valid from the beginning; '' for none. */
  readonly SIGNING_KEY: string;
}

export class KeyRing {
  readonly #sources: KeySources;
  readonly #log: Logger;
  readonly #most: number;
  #keys: readonly SigningKey[] = [];
  #byUse = new Map<KeyUse, readonly SigningKey[]>();
  #timer: NodeJS.Timeout | undefined;

  /** Throws ConfigError if the keys cannot be read, or if `most` is fewer than a list of them would have. */
  constructor(sources: KeySources, log: Logger, most = MOST_LISTED_KEYS) {
    this.#sources = sources;
    this.#log = log;
    this.#most = most;
    try {
      this.#read();
    } catch (error) {
      if (!(error instanceof KeyFileError)) throw error;
      throw new ConfigError([`SIGNING_KEYS_DIR: ${error.message}`]);
    }
  }

  /** Throws ConfigError unless there is a key to sign with now. */
  require(use: KeyUse, nowMs: number): void {
    if (this.keyAt(use, nowMs) !== undefined) return;
    throw new ConfigError([
      `neither SIGNING_KEYS_DIR nor SIGNING_KEY has a currently valid key for ${use}; run \`npm run keys -- rotate ${use}\` to create one in the directory, or set SIGNING_KEY to the base64 of \`openssl genpkey -algorithm ed25519 -outform DER\``,
    ]);
  }

  /** The key to sign with, or undefined if there is none: before the first, or after a revocation. */
  keyAt(use: KeyUse, nowMs: number): SigningKey | undefined {
    return keyAt(this.#byUse.get(use) ?? [], nowMs);
  }

  /** The keys of one use whose signatures are still valid: those that are not revoked. */
  validKeys(use: KeyUse, nowMs: number): readonly SigningKey[] {
    return (this.#byUse.get(use) ?? []).filter(
      ({ revokedMs }) => revokedMs === undefined || revokedMs > nowMs,
    );
  }

  publicKeys(): readonly PublicKey[] {
    return publicKeys(this.#keys);
  }

  /** Reads the directory at an interval, until `stop`. */
  start(): void {
    if (this.#sources.SIGNING_KEYS_DIR === '') return;
    this.#timer = setInterval(() => this.#lookAgain(), LOOK_AGAIN_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #lookAgain(): void {
    try {
      this.#read();
    } catch (error) {
      this.#log.error({ err: error }, 'cannot read the signing keys; keeping the known ones');
    }
  }

  #read(): void {
    const { SIGNING_KEYS_DIR: directory, SIGNING_KEY: given } = this.#sources;
    const kept = directory === '' ? [] : readKeys(directory);
    const always = { fromMs: 0, revokedMs: undefined };
    const fromEnvironment = given === '' ? [] : keyUses.map(use => signingKey(given, { use, ...always }));
    const keys = [...fromEnvironment, ...kept];
    const listed = publicKeys(keys).length;
    if (listed > this.#most)
      throw new KeyFileError(
        `${directory} and SIGNING_KEY have ${listed} keys for slices and books; expected at most ${this.#most}, as a verifier reads no more: remove the files of keys that have signed nothing`,
      );
    this.#keys = keys;
    this.#byUse = new Map(keyUses.map(use => [use, inOrder(this.#keys, use)]));
  }
}
