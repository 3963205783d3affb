/**
 * How wrong the shared clock may be before a gateway says so, and before it takes no entries: stamps of a gateway that
 * cannot say how late it is would be unfair to those of all others. Judged by the clock's own bound, which is asked for
 * whenever somebody wants to know; nothing has to run for it to be noticed that Redis has stopped answering.
 */
import type { SharedClock } from './clock.ts';

/**
 * ok; warn: beyond CLOCK_WARN_MS, entries are taken; stop: beyond CLOCK_STOP_MS, without any time, or while engines doubt
 * Redis' clock, none are.
 */
export type ClockLevel = 'ok' | 'warn' | 'stop';

export class ClockLimits {
  readonly #clock: SharedClock;
  readonly #warnUs: number;
  readonly #stopUs: number;

  readonly #isHeld: () => boolean;

  /** `isHeld`: whether an engine has found that Redis' clock contradicts others. */
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

  /** Whether entries may be stamped. On the way of every entry: one reading of the monotonic clock. */
  get mayStamp(): boolean {
    return this.#clock.errorBoundUs <= this.#stopUs && !this.#isHeld();
  }

  /** The clock's bound, milliseconds; null before there is any time. */
  get errorBoundMs(): number | null {
    return this.#clock.synchronised ? Math.round(this.#clock.errorBoundUs) / 1_000 : null;
  }

  /** For people: what is wrong, with the limit that it is held against; 'ok' when nothing is. */
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
