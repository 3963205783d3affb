/**
 * Token buckets by key, in bounded memory: the generic cell rate algorithm (ITU-T I.371, annex A), which keeps one number
 * per key, the time at which its bucket is full again. When there are too many keys, the least recently used one is
 * forgotten, and starts over with a full bucket.
 */
import { forgettingOldest } from './oldest.ts';

export class Buckets {
  readonly #everyMs: number;
  readonly #toleranceMs: number;
  readonly #most: number;
  /** In order of last use. */
  readonly #fullAtMs = new Map<string, number>();
  readonly #forgetOldest = forgettingOldest(this.#fullAtMs);

  /** `perSecond`: the refill rate of a bucket; `burst`: its capacity; `most`: how many buckets are kept. */
  constructor(terms: { readonly perSecond: number; readonly burst: number; readonly most: number }) {
    this.#everyMs = 1_000 / terms.perSecond;
    this.#toleranceMs = (terms.burst - 1) * this.#everyMs;
    this.#most = terms.most;
  }

  get size(): number {
    return this.#fullAtMs.size;
  }

  /** Takes a token and returns 0; if there is none, returns the milliseconds until there is one. */
  take(key: string, nowMs: number): number {
    const fullAtMs = Math.max(this.#fullAtMs.get(key) ?? 0, nowMs);
    const waitMs = fullAtMs - nowMs - this.#toleranceMs;
    this.#fullAtMs.delete(key);
    this.#fullAtMs.set(key, waitMs > 0 ? fullAtMs : fullAtMs + this.#everyMs);
    if (this.#fullAtMs.size > this.#most) this.#forgetOldest();
    return Math.max(0, waitMs);
  }

  /**
   * Gives a token back that `take` took: what it was for turned out not to count. With `nowMs`, a bucket that is full again is not kept:
   * what counts for nothing then takes no place of what does.
   */
  giveBack(key: string, nowMs = Number.NEGATIVE_INFINITY): void {
    const fullAtMs = this.#fullAtMs.get(key);
    if (fullAtMs === undefined) return;
    if (fullAtMs - this.#everyMs <= nowMs) this.#fullAtMs.delete(key);
    else this.#fullAtMs.set(key, fullAtMs - this.#everyMs);
  }
}
