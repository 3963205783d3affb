/**
 * The tokens of shops that this gateway was shown, as the ledger last described them. A token in use is asked about once a
 * second, all of them in one statement, so that its requests wait for nothing; a token that was never shown costs no query.
 *
 * - Revoked: refused at most TRUSTED_MS after the revocation was committed, by every gateway that reaches the ledger. What was
 *   asked longer ago, as after a pause of the process, is asked again before it counts.
 * - Expired: refused from then on, by the monotonic clock, counted from the ledger's.
 * - While the ledger is away, a token that it has confirmed stays valid for OUTAGE_MS: visitors with a proof of their visit are
 *   let through without the ledger, and a shop must not lock them out because of it. Nobody can revoke a token in that time,
 *   except where only this gateway is cut off. Other tokens get 503.
 */
import { LedgerUnavailable } from '../cold/ledger.ts';
import type { ShopCaller } from './caller.ts';

/** What the ledger knows of a token; see sql/statements/operators/shop-tokens.ts. */
export interface FoundToken {
  readonly tokenId: number;
  readonly shop: string | null;
  readonly secretHash: Buffer;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  readonly leftMs: number;
}

/** How often tokens in use are asked about. Longer: a revocation is noticed later. Shorter: the ledger answers more often. */
const ASK_MS = 1_000;
/** Longer than ASK_MS by the time of a slow answer; longer still: a revocation is in effect later than documented. */
export const TRUSTED_MS = 2_000;
/** A gateway that is cut off from the ledger alone accepts a revoked token for so long. */
export const OUTAGE_MS = 3_600_000;
/** A token that was not shown for so long is forgotten; its next request waits for the ledger. */
const FORGOTTEN_MS = 600_000;
/** The ledger writes the last use of a token once a minute. */
const USE_NOTED_MS = 60_000;
/** Requests that wait for the ledger to describe their token; more would mean that somebody is guessing. */
const MOST_WAITING = 1_000;

/** Too many requests wait. */
export class TokensOverloaded extends Error {}

/** The end of a sentence about the token. */
export interface RefusedToken {
  readonly refused: string;
}

export interface NamedTokensOptions {
  /** Those of the hashes that belong to a token. Rejects with LedgerUnavailable. */
  readonly find: (hashes: readonly Buffer[]) => Promise<readonly FoundToken[]>;
  readonly noteUses: (tokenIds: readonly number[]) => Promise<void>;
  /** Monotonic, milliseconds. */
  readonly nowMs?: () => number;
}

interface Known {
  readonly token: FoundToken;
  /** Before the ledger was asked. */
  readonly askedMs: number;
  readonly untilMs: number;
  shownMs: number;
  /** When its use was last told to the ledger. */
  notedMs: number;
}

interface Waiting {
  readonly hash: Buffer;
  readonly resolve: (known: Known | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class NamedTokens {
  readonly #options: NamedTokensOptions;
  readonly #nowMs: () => number;
  /** By hash, in hex. */
  readonly #known = new Map<string, Known>();
  #waiting: Waiting[] = [];
  #isAsking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NamedTokensOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Who has the token with this hash, or why it is refused; undefined if the ledger has to be asked. */
  held(hash: Buffer): ShopCaller | RefusedToken | undefined {
    const nowMs = this.#nowMs();
    const known = this.#known.get(hash.toString('hex'));
    return known !== undefined && nowMs - known.askedMs <= TRUSTED_MS ? this.#judge(known, nowMs) : undefined;
  }

  /** The same, from the ledger. Rejects with LedgerUnavailable, or with TokensOverloaded. */
  async find(hash: Buffer): Promise<ShopCaller | RefusedToken> {
    try {
      const known = await this.#ask(hash);
      return known === undefined ? { refused: 'is wrong' } : this.#judge(known, this.#nowMs());
    } catch (error) {
      const nowMs = this.#nowMs();
      const known = this.#known.get(hash.toString('hex'));
      const isInTime = known !== undefined && nowMs - known.askedMs <= OUTAGE_MS;
      if (error instanceof LedgerUnavailable && isInTime) return this.#judge(known, nowMs);
      throw error;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#known.clear();
  }

  #judge(known: Known, nowMs: number): ShopCaller | RefusedToken {
    const { shop, revokedAt, expiresAt } = known.token;
    known.shownMs = nowMs;
    if (revokedAt !== null) return { refused: `was revoked at ${revokedAt.toISOString()}` };
    if (nowMs >= known.untilMs) return { refused: `expired at ${expiresAt.toISOString()}` };
    return { shop };
  }

  #ask(hash: Buffer): Promise<Known | undefined> {
    if (this.#waiting.length >= MOST_WAITING) return Promise.reject(new TokensOverloaded());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ hash, resolve, reject });
      if (!this.#isAsking) void this.#answerAll();
    });
  }

  /** One statement at a time: guessed tokens take one connection of the ledger at most. */
  async #answerAll(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#learn(batch.map(({ hash }) => hash));
        for (const { hash, resolve } of batch) resolve(this.#known.get(hash.toString('hex')));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isAsking = false;
  }

  async #learn(hashes: readonly Buffer[]): Promise<void> {
    const askedMs = this.#nowMs();
    const asked = new Map(hashes.map(hash => [hash.toString('hex'), hash]));
    const tokens = await this.#options.find([...asked.values()]);
    for (const token of tokens) {
      const name = token.secretHash.toString('hex');
      asked.delete(name);
      const known = this.#known.get(name);
      // Of two answers the one that was asked for later counts.
      if (known !== undefined && known.askedMs > askedMs) continue;
      const { shownMs = askedMs, notedMs = Number.NEGATIVE_INFINITY } = known ?? {};
      this.#known.set(name, { token, askedMs, untilMs: askedMs + token.leftMs, shownMs, notedMs });
    }
    for (const name of asked.keys()) this.#known.delete(name);
    if (this.#known.size > 0) this.#timer ??= setTimeout(() => void this.#refresh(), ASK_MS);
  }

  async #refresh(): Promise<void> {
    const nowMs = this.#nowMs();
    for (const [name, { shownMs }] of this.#known)
      if (nowMs - shownMs > FORGOTTEN_MS) this.#known.delete(name);
    try {
      if (this.#known.size > 0) {
        await this.#learn([...this.#known.values()].map(({ token }) => token.secretHash));
        await this.#noteUses();
      }
    } catch (error) {
      // Tokens stay as they were; #judge says for how long.
      if (!(error instanceof LedgerUnavailable)) throw error;
    } finally {
      const isOpen = this.#timer !== undefined;
      this.#timer =
        isOpen && this.#known.size > 0 ? setTimeout(() => void this.#refresh(), ASK_MS) : undefined;
    }
  }

  async #noteUses(): Promise<void> {
    const nowMs = this.#nowMs();
    const used = [...this.#known.values()].filter(
      ({ token, shownMs, notedMs, untilMs }) =>
        token.revokedAt === null && shownMs < untilMs && shownMs > notedMs && nowMs - notedMs >= USE_NOTED_MS,
    );
    if (used.length === 0) return;
    for (const each of used) each.notedMs = nowMs;
    await this.#options.noteUses(used.map(({ token }) => token.tokenId));
  }
}
