/**
 * Estimates the wait in a room from the rate of admissions while there was a line, as published on the board (how many, and
 * over how much time), over the last WINDOW_US of that time.
 *
 * The wait for n admissions, when each second brings m of them with a variance of v, has the mean n / m and the variance
 * n v / m^3 (the central limit theorem for renewal counts, Feller II, XI.6): p50 is the mean, p90 is 1.2816 standard
 * deviations above it. Until there is enough data, the room's configured rate counts as if measured for PRIOR_US. When an
 * operator changes the rate, earlier measurements are scaled with it: the estimate changes at once, and only for that reason.
 */
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { Eta } from '../http/contract/fields.ts';
import type { Board, BoardListener } from '../shared/board.ts';

/** Shorter: the shown estimate jitters. Longer: it reacts too late to a shop that has become slower. */
const WINDOW_US = 30_000_000;
const PRIOR_US = 5_000_000;
const SAMPLE_US = 1_000_000;
const NINETY_PERCENT = 1.2816;
const SECOND_US = 1_000_000;

/** Admissions per second of waiting, and their variance from second to second. */
interface Measured {
  readonly mean: number;
  readonly variance: number;
}

interface Sample {
  readonly busyUs: number;
  readonly granted: number;
}

/** The rate of one room. Pure: it knows only what it is given. */
export class AdmissionRate {
  #perSecond: number;
  #samples: Sample[] = [];
  /** Cached from the current samples: thousands of watchers may ask between two of them. */
  #measured: Measured | undefined;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /**
   * Totals: the number of admissions, and the time during which users waited. Totals that fall are of another ledger, as after
   * PostgreSQL was restored to an earlier state: what was measured before says nothing about it.
   */
  note(perSecond: number, sample: Sample): void {
    const before = this.#samples.at(-1);
    if (before !== undefined && (sample.busyUs < before.busyUs || sample.granted < before.granted)) {
      this.#samples = [];
      this.#measured = undefined;
    }
    if (perSecond !== this.#perSecond) this.#rescale(perSecond, sample);
    const last = this.#samples.at(-1);
    if (last !== undefined && sample.busyUs - last.busyUs < SAMPLE_US) return;
    this.#samples.push(sample);
    this.#measured = undefined;
    const fromUs = sample.busyUs - WINDOW_US;
    while ((this.#samples[1]?.busyUs ?? Number.POSITIVE_INFINITY) <= fromUs) this.#samples.shift();
  }

  /** The wait in seconds until `count` more are admitted. */
  wait(count: number): { readonly p50: number; readonly p90: number } {
    this.#measured ??= this.#measure();
    const { mean, variance } = this.#measured;
    const seconds = count / mean;
    const deviation = Math.sqrt((count * variance) / mean ** 3);
    // Round p90 up to whole seconds: with an even rate, the two differ only by rounding.
    return { p50: Math.round(seconds), p90: Math.ceil(seconds + NINETY_PERCENT * deviation) };
  }

  #measure(): Measured {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    const spanUs = first === undefined || last === undefined ? 0 : last.busyUs - first.busyUs;
    const count = first === undefined || last === undefined ? 0 : last.granted - first.granted;
    const priorUs = Math.max(0, PRIOR_US - spanUs);
    const seconds = (spanUs + priorUs) / SECOND_US;
    // Count at least a tenth of an admission: a full shop admits nobody, and the wait is long but not endless.
    const mean = Math.max((count + (priorUs / SECOND_US) * this.#perSecond) / seconds, 1 / (10 * seconds));
    let squares = 0;
    for (const [index, sample] of this.#samples.entries()) {
      const before = this.#samples[index - 1];
      if (before === undefined) continue;
      const stepSeconds = (sample.busyUs - before.busyUs) / SECOND_US;
      squares += (sample.granted - before.granted - mean * stepSeconds) ** 2;
    }
    return { mean, variance: spanUs === 0 ? mean : squares / (spanUs / SECOND_US) };
  }

  /** Scales the measurements to the new rate. */
  #rescale(perSecond: number, { busyUs, granted }: Sample): void {
    const scale = perSecond / this.#perSecond;
    this.#perSecond = perSecond;
    this.#measured = undefined;
    this.#samples = this.#samples.map(sample => ({
      busyUs: sample.busyUs,
      granted: granted - (granted - sample.granted) * scale,
    }));
    // The new rate applies from here on: the time between the last sample and now belongs to the old one.
    if (this.#samples.length > 0) this.#samples.push({ busyUs, granted });
  }
}

/** The estimates of all rooms on the board. */
export class Etas implements BoardListener {
  #rates = new Map<number, AdmissionRate>();
  /** The rates of the board before, until the campaigns of this one are known. */
  #before: ReadonlyMap<number, AdmissionRate> = new Map();

  constructor(board: Pick<Board, 'listen'>) {
    board.listen(this);
  }

  changed(campaigns: readonly BoardCampaign[]): void {
    for (const { campaignId, room, granted, finished } of campaigns) {
      if (room === undefined) continue;
      const known = this.#rates.get(campaignId) ?? this.#before.get(campaignId);
      const rate = known ?? new AdmissionRate(room.perSecond);
      rate.note(room.perSecond, { busyUs: room.busyUs, granted });
      if (finished) this.#rates.delete(campaignId);
      else this.#rates.set(campaignId, rate);
    }
    this.#before = new Map();
  }

  /**
   * The rates of campaigns that are on the new board as well go on: mostly Redis was lost and the ledger is the same. If the
   * ledger was restored, their totals have fallen.
   */
  replaced(): void {
    this.#before = this.#rates;
    this.#rates = new Map();
  }

  /** The wait of a user with `ahead` users before them; null while nobody is admitted or the rate is unknown. */
  of({ campaignId, room }: BoardCampaign, ahead: number): Eta {
    const rate = this.#rates.get(campaignId);
    if (room === undefined || room.paused || rate === undefined) return null;
    return rate.wait(ahead + 1);
  }
}
