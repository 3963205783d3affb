/** Repeated work: at an interval, never twice at once, and sooner on request. */
import type { Logger } from 'pino';

export interface LoopOptions {
  /** One turn. Resolves with the time to wait for the next one if nobody requests it sooner. */
  readonly work: () => Promise<number>;
  /** The minimum time between the starts of two turns, however many are requested. */
  readonly minGapMs: number;
  /** Called when a turn fails; `failures` counts consecutive failures, from 1. */
  readonly onError: (error: unknown, failures: number) => void;
  /** Called on the first success after failures. */
  readonly onRecovered: () => void;
}

const FIRST_BACKOFF_MS = 50;
/** A server that comes back is noticed within this time. */
const MAX_BACKOFF_MS = 2_000;

export class Loop {
  readonly #options: LoopOptions;
  #isClosed = false;
  #isAsked = false;
  #wake: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Requests a turn that begins from now on; many requests make one turn. */
  request(): void {
    this.#isAsked = true;
    this.#wake?.();
  }

  /** Starts no further turn, and resolves when the current one has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isClosed; ) {
      const beganMs = performance.now();
      let waitMs: number;
      this.#isAsked = false;
      try {
        waitMs = await this.#options.work();
        if (failures > 0) this.#options.onRecovered();
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#options.onError(error, failures);
        waitMs = Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), MAX_BACKOFF_MS);
      }
      // Zero, not less, after a long turn: its length would be waited again.
      const gapMs = failures > 0 ? waitMs : Math.max(0, beganMs + this.#options.minGapMs - performance.now());
      await this.#wait(gapMs, () => this.#isClosed);
      await this.#wait(waitMs - gapMs, () => this.#isClosed || this.#isAsked);
    }
  }

  async #wait(ms: number, isOver: () => boolean): Promise<void> {
    const untilMs = performance.now() + ms;
    while (!isOver()) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) return;
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
  }
}

/** A loop that logs its first failure in a row, and its recovery. */
export function makeLoop(what: string, log: Logger, minGapMs: number, work: () => Promise<number>): Loop {
  return new Loop({
    work,
    minGapMs,
    onError: (err, failures) =>
      log[failures === 1 ? 'warn' : 'debug']({ err, failures }, `${what}: failed, retrying`),
    onRecovered: () => log.info(`${what}: recovered`),
  });
}
