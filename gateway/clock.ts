/**
 * The clock that all gateways share: Redis TIME, followed by the process's own monotonic clock.
 *
 * Each sample asks Redis for its time; the answer was made somewhere between asking and hearing, so the offset is known
 * to half the round trip. Of the last samples the one with the fastest round trip counts (the clock filter of NTP, RFC
 * 5905 section 10). The shown time is moved towards the estimate by slewing, never by a step, and never backward.
 *
 * Nothing that must hold depends on the clock being right: order within a gateway comes from `next` being strictly
 * increasing, order across gateways from the watermark. A wrong clock is unfair by as much as it is wrong.
 */

export interface ClockSample {
  /** Local monotonic times, microseconds: when the question went out and when the answer was here. */
  readonly askedUs: number;
  readonly heardUs: number;
  /** What Redis said, microseconds since the epoch. */
  readonly redisUs: number;
}

const SAMPLES_KEPT = 8;
/** 1%: a wrong offset of 10 ms is gone after a second, and two stamps keep their distance within a hundredth. */
const SLEW_PER_US = 0.01;

/** The process's monotonic clock, microseconds. It goes on while the process is stopped. */
export function monotonicUs(): number {
  return performance.now() * 1000;
}

export class SharedClock {
  readonly #monotonicUs: () => number;
  readonly #samples: ClockSample[] = [];
  #offsetUs: number | undefined;
  #targetUs = 0;
  #slewedAtUs = 0;
  #lastUs = 0;
  #errorUs = Number.POSITIVE_INFINITY;

  constructor(monotonic: () => number = monotonicUs) {
    this.#monotonicUs = monotonic;
  }

  /** False until the first sample: there is no time before. */
  get synchronised(): boolean {
    return this.#offsetUs !== undefined;
  }

  /** How far off the estimate may be, microseconds: half the fastest round trip, and what is still to be slewed. */
  get errorBoundUs(): number {
    return this.#errorUs + Math.abs(this.#targetUs - (this.#offsetUs ?? 0));
  }

  sample(sample: ClockSample): void {
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES_KEPT) this.#samples.shift();
    let fastest = sample;
    for (const other of this.#samples) {
      if (other.heardUs - other.askedUs < fastest.heardUs - fastest.askedUs) fastest = other;
    }
    this.#errorUs = (fastest.heardUs - fastest.askedUs) / 2;
    this.#targetUs = fastest.redisUs - (fastest.askedUs + fastest.heardUs) / 2;
    if (this.#offsetUs === undefined) {
      this.#offsetUs = this.#targetUs;
      this.#slewedAtUs = this.#monotonicUs();
    }
  }

  /** The shared time now, microseconds since the epoch; it may repeat, and never falls. */
  now(): number {
    const local = this.#monotonicUs();
    let offset = this.#offsetUs;
    if (offset === undefined) throw new Error('the shared clock has no sample yet');
    const behind = this.#targetUs - offset;
    if (behind !== 0) {
      const most = (local - this.#slewedAtUs) * SLEW_PER_US;
      offset += Math.max(-most, Math.min(most, behind));
      this.#offsetUs = offset;
    }
    this.#slewedAtUs = local;
    return Math.max(this.#lastUs, Math.floor(local + offset));
  }

  /** An instant that nobody else of this process has: strictly greater than every one before, and every promise. */
  next(): number {
    this.#lastUs = Math.max(this.now(), this.#lastUs + 1);
    return this.#lastUs;
  }

  /** Promises that `next` will give only instants after the returned one. */
  promise(): number {
    this.#lastUs = this.now();
    return this.#lastUs;
  }

  /** Promises not to give an instant at or before `us` (a registration, or another incarnation's last promise). */
  promiseBeyond(us: number): void {
    this.#lastUs = Math.max(this.#lastUs, us);
  }
}
