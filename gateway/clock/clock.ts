/**
 * The clock that all gateways share: Redis TIME, followed by the process's own monotonic clock.
 *
 * A sample asks Redis for its time. Redis answers at some moment between request and response, so the offset of the two
 * clocks is known to within half the round trip, whatever the network did (F. Cristian, Probabilistic clock
 * synchronization, Distributed Computing 3, 1989). From then on its error grows by the drift between the two clocks. The
 * sample with the smallest error now counts: mostly the fastest round trip, and a slow one only when the fast ones have
 * aged (the clock filter of NTP with its dispersion, RFC 5905 section 10). Samples of one clock agree within their bounds
 * (K. Marzullo, S. Owicki, Maintaining the time in a distributed system, 1983): when a new sample contradicts the best
 * one, one of the clocks was set or stood still. If they differ by up to CLOCK_STOP_MS, this class accepts the new sample
 * and drops the old ones. Beyond that it cannot tell which clock it was: the shown time continues as before, and its bound
 * includes the difference, so nothing is stamped (clock-limits.ts). That lasts until samples agree again, or until an
 * engine, which has other clocks to compare, has since found Redis' clock correct (`acceptFinding`).
 *
 * The shown time moves towards the estimate by slewing, never by a step, and never backward.
 *
 * No invariant depends on a correct clock: an instant is given once, and never at or before a promise; order across
 * gateways comes from the watermark. A wrong clock is unfair by as much as it is wrong. So the bound is published, and a
 * gateway whose bound is too large accepts no entries (clock-limits.ts).
 *
 * Instants of arrival are even. The odd ones are for requests whose arrival a proxy has noted (request-start.ts), so that
 * these can be stamped between earlier instants without a list of all used ones.
 */

import type { ClockReport } from '../../engine/contract/redis/lease/lease.ts';

export interface ClockSample {
  /** Local monotonic times, microseconds: when the request was sent and when the response was received. */
  readonly askedUs: number;
  readonly answeredUs: number;
  /** Redis' time, microseconds since the epoch. */
  readonly redisUs: number;
}

/**
 * At four per second, 16 seconds: one fast response bridges a burst in which all are slow, at the price of 1.6 ms of
 * drift. The 8 samples of NTP would be gone after a slow moment of a second or two.
 */
const SAMPLES_KEPT = 64;
/**
 * 100 ppm: crystals are within 20 to 50 ppm of their nominal rate, and there are two of them. NTP assumes 15 (PHI), but
 * for clocks whose rate it disciplines itself; a process cannot. A worse clock contradicts its samples.
 */
const DRIFT_PER_US = 100e-6;
/** 1%: an offset error of 10 ms is gone after a second, and the distance of two stamps is wrong by at most 1%. */
const SLEW_PER_US = 0.01;
/** A larger error is slewed faster, so that it takes a second: 5% at 50 ms, ... */
const SLEW_GAP_US = 1_000_000;
/** ... and at most 50%, so that time does not stand still. */
const SLEW_MOST_PER_US = 0.5;

/** The process's monotonic clock, microseconds. It continues while the process is stopped. */
export function monotonicUs(): number {
  return performance.now() * 1000;
}

/** How far an offset may be wrong, microseconds: first from the network, then also from drift. */
function boundOf({ askedUs, answeredUs }: ClockSample, localUs: number): number {
  return (answeredUs - askedUs) / 2 + Math.max(0, localUs - answeredUs) * DRIFT_PER_US;
}

function offsetOf({ askedUs, answeredUs, redisUs }: ClockSample): number {
  return redisUs - (askedUs + answeredUs) / 2;
}

/** By how much the distance of two samples exceeds their error bounds. */
function gapUs(one: ClockSample, other: ClockSample, localUs: number): number {
  return Math.abs(offsetOf(one) - offsetOf(other)) - boundOf(one, localUs) - boundOf(other, localUs);
}

/** The greatest possible distance of two samples. */
function spreadUs(one: ClockSample, other: ClockSample, localUs: number): number {
  return Math.abs(offsetOf(one) - offsetOf(other)) + boundOf(one, localUs) + boundOf(other, localUs);
}

/** Samples that contradict the best one by more than CLOCK_STOP_MS and agree with each other. */
interface Contradiction {
  readonly first: ClockSample;
  readonly last: ClockSample;
  /** The engines' count of clock readings when first read after the contradiction: earlier findings are not about it. */
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
   * The error bound of the shown time now, microseconds; Infinity before the first sample. It sums half the round trip of
   * the best sample, the drift since then, what is left to slew, and how far a promise holds the time ahead. If samples
   * contradict the shown time, it is at least as large as the contradiction.
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

  /**
   * Samples contradict the clock: nothing is stamped until they agree or an engine finds Redis' clock right (`acceptFinding`).
   */
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
    // A response so slow that it agrees with both proves nothing. A clock that was slewed back agrees with the best sample
    // again.
    if (isLikeIt && this.#surest !== undefined && spreadUs(sample, this.#surest, local) > this.#stopUs)
      return;
    this.#contradiction = undefined;
    this.#take(sample, againstUs > 0);
  }

  /**
   * An engine has found Redis' clock correct since samples began to contradict this clock: then this clock is wrong and
   * follows the samples. That may be a step: nothing was stamped meanwhile, and no instant is given twice.
   *
   * The finding must be about the clock that the samples show. A clock that was set ahead and corrected may now show a later
   * time than the samples did, so the time that comes with the finding becomes the next sample. And a finding about a clock
   * before it was set back may arrive late, with an instant that the clock reaches again. Times cannot tell the two apart, so
   * the readings of the engines are counted, and only a later reading counts. Returns whether the finding was accepted.
   */
  acceptFinding({ verdict, readings }: ClockReport, sample: ClockSample): boolean {
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

  /** `anew` drops the earlier samples. */
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

  /** The shared time now, microseconds since the epoch; it may repeat but never decreases. */
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

  /** An even instant, unique in this process: strictly greater than every earlier instant and every promise. */
  next(): number {
    const instant = Math.max(this.now(), this.#lastUs + 1);
    this.#lastUs = instant + (instant & 1);
    return this.#lastUs;
  }

  /** Promises that `next` will return only instants after the returned one. */
  promise(): number {
    this.#lastUs = this.now();
    return this.#lastUs;
  }

  /** Promises never to return an instant at or before `us` (a registration, or another incarnation's last promise). */
  promiseBeyond(us: number): void {
    this.#lastUs = Math.max(this.#lastUs, us);
  }
}

/**
 * The shared time, or the machine's before the first sample; microseconds since the epoch. For what is shown and for the
 * lifetimes of tickets and tokens. Nothing is stamped by it.
 */
export function shownUs(clock: Pick<SharedClock, 'synchronised' | 'now'>): number {
  return clock.synchronised ? clock.now() : Date.now() * 1_000;
}
