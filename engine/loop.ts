/** Work that is done over and over: never twice at once, at an interval, and sooner when it is asked for. */

export interface LoopOptions {
  /** One turn. Answers how long to wait for the next, if nobody asks for it. */
  readonly work: () => Promise<number>;
  /** Turns begin at least this far apart, however often they are asked for. */
  readonly minGapMs: number;
  /** Told of a turn that failed; `failures` counts those in a row, from 1. */
  readonly onError: (error: unknown, failures: number) => void;
  /** Told of the first turn that succeeds after failures. */
  readonly onRecovered: () => void;
}

const FIRST_BACKOFF_MS = 50;
/** A part that comes back is noticed within this. */
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

  /** Asks for a turn that begins from now on; many requests make one turn. */
  request(): void {
    this.#isAsked = true;
    this.#wake?.();
  }

  /** Begins no further turn, and resolves when the one under way is over. */
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
      const gapMs = failures > 0 ? waitMs : beganMs + this.#options.minGapMs - performance.now();
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
