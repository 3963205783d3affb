/**
 * The public keys of the shop's identity provider: a JWK Set (RFC 7517) at an address or in a file. It is read again when it is five minutes
 * old, and when a token names a key that is not in it. While it cannot be read the former keys go on, for a day: an outage of the provider
 * does not stop logins with tokens that it has issued.
 */
import { readFile } from 'node:fs/promises';
import { createLocalJWKSet, errors, type FlattenedJWSInput, type JWTHeaderParameters } from 'jose';
import type { Logger } from 'pino';
import { messageOf } from '../../../engine/contract/process/message-of.ts';

/** Longer: a key that the provider has withdrawn is believed for longer. */
const FRESH_MS = 5 * 60_000;
/** No token lives longer (MOST_TOKEN_AGE_S), so older keys are good for none. */
const MOST_AGE_MS = 24 * 3_600_000;
/** Shorter: tokens with made-up keys make more requests to the provider. Longer: its new keys are known later. */
const RETRY_MS = 30_000;
/** Logins wait for it. */
const TIMEOUT_MS = 3_000;
const MOST_BYTES = 262_144;

type KeyOf = ReturnType<typeof createLocalJWKSet>;

/** There are no keys, or only those of more than a day ago. */
export class KeysUnavailable extends Error {}

export interface IssuerKeysParts {
  /** Reads the JWK Set, as JSON; rejects if it cannot. */
  readonly read: () => Promise<unknown>;
  readonly log: Logger;
  /** Monotonic. */
  readonly nowMs?: () => number;
}

export class IssuerKeys {
  readonly #read: () => Promise<unknown>;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  #keyOf: KeyOf | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor({ read, log, nowMs = () => performance.now() }: IssuerKeysParts) {
    this.#read = read;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** Reads them before the first token comes, so that an outage then does not matter. Never rejects. */
  async start(): Promise<void> {
    await this.#refresh();
  }

  /** The key of a token, for jose. Rejects with KeysUnavailable, or with jose's errors if there is no such key. */
  async keyFor(header: JWTHeaderParameters, token: FlattenedJWSInput): ReturnType<KeyOf> {
    if (this.#nowMs() - this.#readAtMs > FRESH_MS) {
      const refreshed = this.#refresh();
      // Known keys are good meanwhile: nobody waits for a provider that is slow.
      if (!this.#hasKeys()) await refreshed;
    }
    const keyOf = this.#present();
    try {
      return await keyOf(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw this.#keyFault(error);
      await this.#refresh();
      const present = this.#present();
      if (present === keyOf) throw error;
      return await present(header, token).catch((again: unknown) => {
        throw this.#keyFault(again);
      });
    }
  }

  /** What else than an error of jose is thrown is about the key itself, which cannot be used. */
  #keyFault(error: unknown): unknown {
    if (error instanceof errors.JOSEError || error instanceof KeysUnavailable) return error;
    this.#log.warn({ reason: messageOf(error) }, "a key of the shop's accounts cannot be used");
    return new KeysUnavailable();
  }

  #present(): KeyOf {
    if (this.#keyOf === undefined || !this.#hasKeys()) throw new KeysUnavailable();
    return this.#keyOf;
  }

  #hasKeys(): boolean {
    return this.#nowMs() - this.#readAtMs <= MOST_AGE_MS;
  }

  /** Reads them, unless it was tried a moment ago; those who ask meanwhile share it. Never rejects. */
  async #refresh(): Promise<void> {
    if (this.#reading === undefined && this.#nowMs() - this.#triedAtMs >= RETRY_MS) {
      this.#triedAtMs = this.#nowMs();
      this.#reading = this.#readNow().finally(() => {
        this.#reading = undefined;
      });
    }
    await this.#reading;
  }

  async #readNow(): Promise<void> {
    try {
      const set = Object(await this.#read());
      // Throws if it is no JWK Set.
      const keyOf = createLocalJWKSet(set);
      if (set.keys.length === 0) throw new Error('the set has no key');
      this.#keyOf = keyOf;
      this.#readAtMs = this.#nowMs();
    } catch (error) {
      this.#log.warn(
        { reason: messageOf(error) },
        "the keys of the shop's accounts could not be read; retrying",
      );
    }
  }
}

/** Reads JSON at an address (http or https), or in a file. */
export function readerOf(place: string): () => Promise<unknown> {
  if (!/^https?:/.test(place)) return async () => JSON.parse(await readFile(place, 'utf8'));
  return async () => {
    // A redirect could lead to an address without TLS.
    const response = await fetch(place, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`${place} answers ${response.status}`);
    return JSON.parse(await limitedText(response));
  };
}

async function limitedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES) throw new Error(`${response.url} answers more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
