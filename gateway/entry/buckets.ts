/**
 * Token buckets by key, in bounded memory: the generic cell rate algorithm (ITU-T I.371, annex A), which keeps one number a
 * key, the time at which its bucket would be full again. Where there are more keys than are kept, the one that was
 * asked about longest ago is forgotten, and begins anew with a full bucket.
 */
export class Buckets {
  readonly #everyMs: number;
  readonly #toleranceMs: number;
  readonly #most: number;
  /** In the order in which they were asked about last. */
  readonly #fullAtMs = new Map<string, number>();
  /** Begun once: a new one would go over all the places that keys had before they were asked about again. */
  readonly #oldest = this.#fullAtMs.keys();

  /** `perSecond`: how fast a bucket fills; `burst`: how much it holds; `most`: how many are kept. */
  constructor(terms: { readonly perSecond: number; readonly burst: number; readonly most: number }) {
    this.#everyMs = 1_000 / terms.perSecond;
    this.#toleranceMs = (terms.burst - 1) * this.#everyMs;
    this.#most = terms.most;
  }

  get size(): number {
    return this.#fullAtMs.size;
  }

  /** Takes one out of the bucket, and answers 0; or, where there is none left, in how many milliseconds there will be. */
  take(key: string, nowMs: number): number {
    const fullAtMs = Math.max(this.#fullAtMs.get(key) ?? 0, nowMs);
    const waitMs = fullAtMs - nowMs - this.#toleranceMs;
    this.#fullAtMs.delete(key);
    this.#fullAtMs.set(key, waitMs > 0 ? fullAtMs : fullAtMs + this.#everyMs);
    if (this.#fullAtMs.size > this.#most) this.#forgetOldest();
    return Math.max(0, waitMs);
  }

  #forgetOldest(): void {
    const oldest = this.#oldest.next();
    if (oldest.done !== true) this.#fullAtMs.delete(oldest.value);
  }
}
