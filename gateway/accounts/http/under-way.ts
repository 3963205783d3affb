/** The acts under way, for which a stop waits: their answers, and statements that belong together, are not cut off. */
import { setTimeout as sleep } from 'node:timers/promises';

export class ActsUnderWay {
  readonly #acts = new Set<Promise<void>>();
  #isStopping = false;

  /** Then new requests are refused. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Runs an act, which does not reject. */
  run(act: () => Promise<void>): void {
    const running = act().finally(() => this.#acts.delete(running));
    this.#acts.add(running);
  }

  /** Resolves when all are done, or after `limitMs`. */
  async stop(limitMs: number): Promise<void> {
    this.#isStopping = true;
    const limit = new AbortController();
    const all = Promise.all(this.#acts).finally(() => limit.abort());
    await Promise.race([all, sleep(limitMs, undefined, { signal: limit.signal }).catch(() => undefined)]);
  }
}
