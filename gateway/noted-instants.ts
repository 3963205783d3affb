/**
 * Instants for requests whose arrival a proxy has noted: in the past, and yet given to nobody else.
 *
 * Instants of arrival are even (SharedClock.next), those given here are odd, so the two never meet and no list of the
 * former is needed. Of its own this keeps those that may still be asked for again, which are the ones after the promise:
 * a union-find over taken places (R. Tarjan, Efficiency of a good but not linear set union algorithm, JACM 22, 1975),
 * as a proxy that tells whole milliseconds asks for the same place again and again.
 */

/** Below this many it is not worth looking for those that the promise has passed. */
const SWEEP_AT_LEAST = 4_096;

export class NotedInstants {
  /** A taken instant -> a later one; all from the first up to before the second are taken. */
  readonly #next = new Map<number, number>();
  #sweepAt = SWEEP_AT_LEAST;
  #promisedUs = 0;

  /** How many instants are kept. */
  get size(): number {
    return this.#next.size;
  }

  /**
   * The first odd instant after `promisedUs`, at or after `fromUs` and before `beforeUs` that was not given yet;
   * undefined when there is none. A promise that was named once holds for all who ask later.
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

  /** All who were passed on the way lead to behind `free` from now on, which is about to be taken. */
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
