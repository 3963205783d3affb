/**
 * The limits of the shared clock's error: beyond the first a gateway warns, beyond the second it accepts no entries, because
 * stamps from an inaccurate clock would be unfair to everybody else's. The clock's own bound decides, computed on demand, so
 * nothing needs to run to notice that Redis has stopped answering.
 */
import type { SharedClock } from './clock.ts';

/**
 * ok; warn: beyond CLOCK_WARN_MS, entries are still accepted; stop: beyond CLOCK_STOP_MS, before the first sample, or while
 * engines doubt Redis' clock, no entries are accepted.
 */
export type ClockLevel = 'ok' | 'warn' | 'stop';

export class ClockLimits {
  readonly #clock: SharedClock;
  readonly #warnUs: number;
  readonly #stopUs: number;

  readonly #isHeld: () => boolean;

  /** `isHeld`: whether an engine has found that Redis' clock contradicts other clocks. */
  constructor(
    clock: SharedClock,
    { warnMs, stopMs }: { readonly warnMs: number; readonly stopMs: number },
    isHeld: () => boolean = () => false,
  ) {
    this.#clock = clock;
    this.#isHeld = isHeld;
    this.#warnUs = warnMs * 1_000;
    this.#stopUs = stopMs * 1_000;
  }

  get level(): ClockLevel {
    const boundUs = this.#isHeld() ? Number.POSITIVE_INFINITY : this.#clock.errorBoundUs;
    if (boundUs <= this.#warnUs) return 'ok';
    return boundUs <= this.#stopUs ? 'warn' : 'stop';
  }

  /** Whether entries may be stamped. Called for every entry: costs one reading of the monotonic clock. */
  get mayStamp(): boolean {
    return this.#clock.errorBoundUs <= this.#stopUs && !this.#isHeld();
  }

  /** The clock's error bound, milliseconds; null before the first sample. */
  get errorBoundMs(): number | null {
    return this.#clock.synchronised ? Math.round(this.#clock.errorBoundUs) / 1_000 : null;
  }

  /** For humans: what is wrong, with the exceeded limit; 'ok' if nothing is. */
  describe(): string {
    const { level, errorBoundMs } = this;
    if (level === 'ok') return 'ok';
    if (this.#isHeld()) return "on hold: the engines report that Redis' clock contradicts other clocks";
    if (errorBoundMs === null) return 'not synchronised';
    const [name, limitUs] =
      level === 'warn' ? ['CLOCK_WARN_MS', this.#warnUs] : ['CLOCK_STOP_MS', this.#stopUs];
    return `off by up to ${errorBoundMs} ms; ${name} is ${limitUs / 1_000}`;
  }
}
