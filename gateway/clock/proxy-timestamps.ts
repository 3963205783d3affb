/**
 * Allocates instants for requests whose arrival a proxy has noted: in the past, yet unique.
 *
 * Instants of arrival are even (SharedClock.next) and those allocated here are odd, so the two never collide and no list of
 * the former is needed. Only instants after the promise can be requested again, so only they are kept: in a union-find over
 * taken instants (R. Tarjan, Efficiency of a good but not linear set union algorithm, JACM 22, 1975), because a proxy that
 * reports whole milliseconds requests the same instant again and again.
 */

/** Below this many, removing those that the promise has passed is not worth the work. */
const SWEEP_AT_LEAST = 4_096;

export class ProxyTimestamps {
  /** Maps a taken instant to a later one; all instants from the first up to before the second are taken. */
  readonly #next = new Map<number, number>();
  #sweepAt = SWEEP_AT_LEAST;
  #promisedUs = 0;

  /** The number of kept instants. */
  get size(): number {
    return this.#next.size;
  }

  /**
   * The first unused odd instant after `promisedUs`, at or after `fromUs` and before `beforeUs`; undefined if there is none.
   * A promise, once passed, applies to all later calls.
   */
  take(fromUs: number, beforeUs: number, promisedUs: number): number | undefined {
    this.#promisedUs = Math.max(this.#promisedUs, promisedUs);
    const least = Math.max(fromUs, this.#promisedUs + 1);
    const first = least + (1 - (least & 1));
    const free = this.#freeFrom(first);
    if (free >= beforeUs) return undefined;
    if (this.#next.size >= this.#sweepAt) this.#sweep();
    this.#shorten(first, free);
    this.#next.set(free, free + 2);
    return free;
  }

  #freeFrom(first: number): number {
    let at = first;
    for (let next = this.#next.get(at); next !== undefined; next = this.#next.get(at)) at = next;
    return at;
  }

  /** Path compression: all visited instants now lead to after `free`, which is about to be taken. */
  #shorten(first: number, free: number): void {
    for (let at = first; at < free; ) {
      const next = this.#next.get(at) ?? free;
      this.#next.set(at, free + 2);
      at = next;
    }
  }

  #sweep(): void {
    for (const taken of this.#next.keys()) if (taken <= this.#promisedUs) this.#next.delete(taken);
    this.#sweepAt = Math.max(SWEEP_AT_LEAST, 2 * this.#next.size);
  }
}
