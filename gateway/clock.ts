/**
 * The clock that all gateways share: Redis TIME, followed by the process's own monotonic clock.
 *
 * A sample asks Redis for its time. The answer was made somewhere between asking and hearing, so the offset of the two
 * clocks is known to half the round trip, whatever the network did (F. Cristian, Probabilistic clock synchronization,
 * Distributed Computing 3, 1989). From then on it is less sure by as much as two clocks may drift apart. Of
 * the last samples the one that is surest now counts: mostly the fastest round trip, and a slow one only when the fast
 * ones have aged (the clock filter of NTP with its dispersion, RFC 5905 section 10). Samples of one clock agree within
 * their bounds (K. Marzullo, S. Owicki, Maintaining the time in a distributed system, 1983): when a new one contradicts
 * the surest, one of the clocks has been set or stood still. By up to CLOCK_STOP_MS the new one is believed, and what was
 * sampled before is forgotten. Beyond, nobody knows here which of the two it was: the shown time goes on as before, its bound
 * tells of the difference, so nothing is stamped (clock-limits.ts), until samples are as they were or an engine, which has
 * other clocks to compare, has found Redis' clock right since (`believe`).
 *
 * The shown time is moved towards the estimate by slewing, never by a step, and never backward.
 *
 * Nothing that must hold depends on the clock being right: an instant is given once, and never at or before a promise;
 * order across gateways comes from the watermark. A wrong clock is unfair by as much as it is wrong, which is why the
 * bound is published, and a gateway that cannot say how late it is takes no entries (clock-limits.ts).
 *
 * Instants of arrival are even. The odd ones are for requests whose arrival a proxy has noted (request-start.ts), so
 * that those can be stamped between others that were given earlier without a list of all that were.
 */

import type { ClockWord } from '../engine/contract/lease/lease.ts';

export interface ClockSample {
  /** Local monotonic times, microseconds: when the question went out and when the answer was here. */
  readonly askedUs: number;
  readonly heardUs: number;
  /** What Redis said, microseconds since the epoch. */
  readonly redisUs: number;
}

/**
 * At four a second, 16 seconds: one fast answer carries over a burst in which all are slow, at the price of 1.6 ms of
 * drift. Over a slow moment of a second or two, the 8 samples of NTP would be gone.
 */
const SAMPLES_KEPT = 64;
/**
 * 100 ppm: crystals are made to within 20 to 50 ppm of their name, and there are two of them. NTP reckons with 15 (PHI),
 * but for clocks that it keeps to their rate itself; a process cannot. A clock that is worse contradicts its samples.
 */
const DRIFT_PER_US = 100e-6;
/** 1%: a wrong offset of 10 ms is gone after a second, and two stamps keep their distance within a hundredth. */
const SLEW_PER_US = 0.01;
/** One that is wrong by more is slewed faster, by what would take a second: at 50 ms it is 5%, ... */
const SLEW_GAP_US = 1_000_000;
/** ... and half at the most, so that time does not stand still. */
const SLEW_MOST_PER_US = 0.5;

/** The process's monotonic clock, microseconds. It goes on while the process is stopped. */
export function monotonicUs(): number {
  return performance.now() * 1000;
}

/** Microseconds by which an offset may be wrong: from the network at first, from drift as time goes by. */
function boundOf({ askedUs, heardUs }: ClockSample, localUs: number): number {
  return (heardUs - askedUs) / 2 + Math.max(0, localUs - heardUs) * DRIFT_PER_US;
}

function offsetOf({ askedUs, heardUs, redisUs }: ClockSample): number {
  return redisUs - (askedUs + heardUs) / 2;
}

/** By how much two samples are further apart than both may be wrong. */
function gapUs(one: ClockSample, other: ClockSample, localUs: number): number {
  return Math.abs(offsetOf(one) - offsetOf(other)) - boundOf(one, localUs) - boundOf(other, localUs);
}

/** By how much two samples are apart at the most. */
function spreadUs(one: ClockSample, other: ClockSample, localUs: number): number {
  return Math.abs(offsetOf(one) - offsetOf(other)) + boundOf(one, localUs) + boundOf(other, localUs);
}

/** Samples that contradict the surest by more than CLOCK_STOP_MS, all alike. */
interface Contradiction {
  readonly first: ClockSample;
  readonly last: ClockSample;
  /** How often engines had read that clock when they were first heard since: what they have found by then may be of before. */
  readonly readings?: number;
}

export class SharedClock {
  readonly #monotonicUs: () => number;
  /** CLOCK_STOP_MS in microseconds. */
  readonly #stopUs: number;
  #samples: ClockSample[] = [];
  #surest: ClockSample | undefined;
  #contradiction: Contradiction | undefined;
  #offsetUs: number | undefined;
  #targetUs = 0;
  #slewedAtUs = 0;
  #lastUs = 0;

  constructor(monotonic: () => number = monotonicUs, stopUs = Number.POSITIVE_INFINITY) {
    this.#monotonicUs = monotonic;
    this.#stopUs = stopUs;
  }

  /** False until the first sample: there is no time before. */
  get synchronised(): boolean {
    return this.#offsetUs !== undefined;
  }

  /**
   * How far off the shown time may be now, microseconds; Infinity before the first sample. Half the round trip of the
   * surest sample, the drift since then, what is still to be slewed, and by how much a promise holds the time ahead; where
   * samples contradict it, at least as far as they do.
   */
  get errorBoundUs(): number {
    const surest = this.#surest;
    const offset = this.#offsetUs;
    if (surest === undefined || offset === undefined) return Number.POSITIVE_INFINITY;
    const local = this.#monotonicUs();
    const ahead = Math.max(0, this.#lastUs - (local + offset));
    const boundUs = boundOf(surest, local) + Math.abs(this.#targetUs - offset) + ahead;
    const against = this.#contradiction?.last;
    if (against === undefined) return boundUs;
    return Math.max(boundUs, Math.abs(offsetOf(against) - offset) + boundOf(against, local));
  }

  /** Samples contradict it: nothing is stamped until they do not any more, or it is known who is wrong (`believe`). */
  get isContradicted(): boolean {
    return this.#contradiction !== undefined;
  }

  sample(sample: ClockSample): void {
    const local = this.#monotonicUs();
    const againstUs = this.#surest === undefined ? 0 : gapUs(sample, this.#surest, local);
    const contradiction = this.#contradiction;
    const isLikeIt = contradiction !== undefined && gapUs(sample, contradiction.last, local) <= this.#stopUs;
    if (againstUs > this.#stopUs) {
      this.#contradiction = isLikeIt ? { ...contradiction, last: sample } : { first: sample, last: sample };
      return;
    }
    // So slow an answer that it goes with both says nothing. A clock that is slewed back surely goes with the surest again.
    if (isLikeIt && this.#surest !== undefined && spreadUs(sample, this.#surest, local) > this.#stopUs)
      return;
    this.#contradiction = undefined;
    this.#take(sample, againstUs > 0);
  }

  /**
   * An engine has found Redis' clock right since samples have contradicted this one: then this one is wrong, and goes where
   * they point. That may be a step: nothing was stamped meanwhile, and no instant is given twice.
   *
   * What was found right has to be what the samples tell. A clock that was set ahead and is right again may show a later time
   * than they did, so the time that came with the finding is the next sample. And what was found of a clock before it was set
   * back may be told late, and is of an instant that this clock comes to again: no time says what was before, so the readings
   * of engines are counted, and only what a later one has found counts. Answers whether it was believed.
   */
  believe({ verdict, readings }: ClockWord, sample: ClockSample): boolean {
    if (!this.isContradicted) return false;
    this.sample(sample);
    const contradiction = this.#contradiction;
    if (contradiction?.last !== sample) return false;
    const { first, last, readings: since } = contradiction;
    // Fewer: that was another registry.
    if (since === undefined || readings < since) {
      this.#contradiction = { ...contradiction, readings };
      return false;
    }
    if (verdict === undefined || verdict === 'held' || verdict.reading <= since) return false;
    if (verdict.agreedUs < first.redisUs || verdict.agreedUs > sample.redisUs) return false;
    this.#contradiction = undefined;
    this.#offsetUs = undefined;
    this.#take(last, true);
    return true;
  }

  /** `anew`: what was sampled before is forgotten. */
  #take(sample: ClockSample, anew: boolean): void {
    const local = this.#monotonicUs();
    if (anew) this.#samples = [];
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES_KEPT) this.#samples.shift();
    let surest = sample;
    for (const other of this.#samples) {
      if (boundOf(other, local) < boundOf(surest, local)) surest = other;
    }
    this.#surest = surest;
    this.#targetUs = offsetOf(surest);
    if (this.#offsetUs === undefined) {
      this.#offsetUs = this.#targetUs;
      this.#slewedAtUs = local;
    }
  }

  /** The shared time now, microseconds since the epoch; it may repeat, and never falls. */
  now(): number {
    const local = this.#monotonicUs();
    let offset = this.#offsetUs;
    if (offset === undefined) throw new Error('the shared clock has no sample yet');
    const behind = this.#targetUs - offset;
    if (behind !== 0) {
      const rate = Math.min(SLEW_MOST_PER_US, Math.max(SLEW_PER_US, Math.abs(behind) / SLEW_GAP_US));
      const most = (local - this.#slewedAtUs) * rate;
      offset += Math.max(-most, Math.min(most, behind));
      this.#offsetUs = offset;
    }
    this.#slewedAtUs = local;
    return Math.max(this.#lastUs, Math.floor(local + offset));
  }

  /** An even instant that nobody else of this process has: strictly greater than every one before, and every promise. */
  next(): number {
    const instant = Math.max(this.now(), this.#lastUs + 1);
    this.#lastUs = instant + (instant & 1);
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
