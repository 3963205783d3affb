/**
 * Whether the clocks agree: Redis', by which everything is stamped and due, PostgreSQL's, and the engine's own.
 *
 * Redis' time is the shared clock, and a clock can be set. A step forward by a minute would close, freeze and draw a minute
 * early, which nothing takes back. So Redis' time counts only as far as two others vouch for it: PostgreSQL's clock now, and
 * the engine's monotonic clock, which goes on from when all agreed. `vouchedUs` is the latest instant that may be now; all
 * that an engine does by the time, it does by an instant at or below it.
 *
 * A reading is known to half its round trip (F. Cristian, Probabilistic clock synchronization, Distributed Computing 3, 1989),
 * and the less exactly the older it is. Of the last readings of a clock the surest counts. Two clocks contradict each other
 * when their intervals (K. Marzullo, S. Owicki, Maintaining the time in a distributed system, 1983) lie further apart than the
 * limit: a slow answer widens its interval, so it never makes a contradiction; and as an instant is vouched for by the lower
 * ends of the intervals, it never makes a certainty either.
 *
 * States, as `look` answers them:
 * - unheard  Redis or PostgreSQL has not been heard yet. Nothing is vouched for.
 * - agreed   All three agree, to within the limit. A clock of the two servers that moved against the engine's own by more is
 *            believed when the other one, which did not move, agrees with it.
 * - apart    Redis' clock and PostgreSQL's contradict each other. It ends when they agree, or when the operator says that
 *            Redis is right (`trust`): then this difference is none.
 * - alone    The two have moved together against the engine's own clock. This process may have stood still (a suspended
 *            machine): up to STOOD_STILL_US that is believed, when both have said the same for CONFIRM_US. Beyond, somebody may
 *            have set the one clock of both: that ends when both are set back, or by `trustBoth`.
 * While it is neither `agreed` nor `unheard`, `vouchedUs` stays where it was.
 */

export interface ClockReading {
  /** By the engine's monotonic clock, microseconds: when the question went out and when the answer was here. */
  readonly askedUs: number;
  readonly heardUs: number;
  /** What the clock said, microseconds since the epoch. */
  readonly saidUs: number;
}

export interface ClockLook {
  readonly state: 'unheard' | 'agreed' | 'apart' | 'alone';
  /** The latest instant that is vouched for as now, microseconds since the epoch; 0 where none is. */
  readonly vouchedUs: number;
  /** What each clock says now, as nearly as it is known; undefined where it was not heard. */
  readonly redisUs: number | undefined;
  readonly postgresUs: number | undefined;
  /** The engine's own: what Redis would say now, had it gone on from when all agreed. */
  readonly ownUs: number | undefined;
}

/** 100 ppm, as for gateways (gateway/clock.ts): crystals are made to within 20 to 50 ppm, and there are two of them. */
const DRIFT_PER_US = 100e-6;
/** Several seconds of passes: one fast answer carries over a time in which all are slow. */
const READINGS_KEPT = 64;
/** Longer: an engine that stood still decides nothing for that long more. Shorter: two slow answers could pass for both clocks. */
const CONFIRM_US = 1_000_000;
/** Migrations and snapshots of a machine take up to seconds. Longer: the one clock of both servers can be set by as much. */
const STOOD_STILL_US = 10_000_000;

/** By how much a clock is ahead of the engine's own: `atUs`, give or take `boundUs`. */
interface Offset {
  readonly atUs: number;
  readonly boundUs: number;
}

function offsetOf({ askedUs, heardUs, saidUs }: ClockReading, nowUs: number): Offset {
  return {
    atUs: saidUs - (askedUs + heardUs) / 2,
    boundUs: (heardUs - askedUs) / 2 + Math.max(0, nowUs - heardUs) * DRIFT_PER_US,
  };
}

/** How far two offsets are apart at the least. */
function gapUs(one: Offset, other: Offset): number {
  return Math.max(0, Math.abs(one.atUs - other.atUs) - one.boundUs - other.boundUs);
}

function aheadBy(offset: Offset, us: number): Offset {
  return { ...offset, atUs: offset.atUs + us };
}

/** One clock, as it is followed by the engine's own. */
class FollowedClock {
  readonly #limitUs: number;
  /** Readings that go together. */
  #kept: ClockReading[] = [];
  /** Since the clock contradicts those: what it says instead. */
  #moved: ClockReading[] = [];
  /** Since when it has said that. */
  #movedAtUs = 0;

  constructor(limitUs: number) {
    this.#limitUs = limitUs;
  }

  hear(reading: ClockReading): void {
    const nowUs = reading.heardUs;
    const offset = offsetOf(reading, nowUs);
    const gapTo = (readings: readonly ClockReading[]): number => {
      const surest = surestOf(readings, nowUs);
      return surest === undefined ? 0 : gapUs(offset, surest);
    };
    const isAsKept = gapTo(this.#kept) <= this.#limitUs;
    if (this.#moved.length === 0) {
      if (isAsKept) this.#kept = added(this.#kept, reading, gapTo(this.#kept) > 0);
      else this.#move(reading);
      return;
    }
    const isAsMoved = gapTo(this.#moved) <= this.#limitUs;
    // Both: so slow an answer that it says nothing.
    if (isAsKept && isAsMoved) return;
    if (isAsKept) {
      this.#kept = added(this.#kept, reading, gapTo(this.#kept) > 0);
      this.#moved = [];
    } else if (isAsMoved) this.#moved = added(this.#moved, reading, gapTo(this.#moved) > 0);
    else this.#move(reading);
  }

  #move(reading: ClockReading): void {
    this.#moved = [reading];
    this.#movedAtUs = reading.heardUs;
  }

  get isMoved(): boolean {
    return this.#moved.length > 0;
  }

  /** What it says now. */
  current(nowUs: number): Offset | undefined {
    return surestOf(this.isMoved ? this.#moved : this.#kept, nowUs);
  }

  /** What it said before it moved, if it has. */
  before(nowUs: number): Offset | undefined {
    return surestOf(this.#kept, nowUs);
  }

  /** For how long it has said the same since it moved. */
  movedForUs(nowUs: number): number {
    return nowUs - this.#movedAtUs;
  }

  /** What it says now is right. */
  believe(): void {
    if (!this.isMoved) return;
    this.#kept = this.#moved;
    this.#moved = [];
  }
}

/** `anew`: the readings before contradict it, if by less than the limit: the clock is being slewed. */
function added(readings: readonly ClockReading[], reading: ClockReading, anew: boolean): ClockReading[] {
  return anew ? [reading] : [...readings.slice(1 - READINGS_KEPT), reading];
}

function surestOf(readings: readonly ClockReading[], nowUs: number): Offset | undefined {
  let surest: Offset | undefined;
  for (const reading of readings) {
    const offset = offsetOf(reading, nowUs);
    if (surest === undefined || offset.boundUs < surest.boundUs) surest = offset;
  }
  return surest;
}

export class ClockAgreement {
  readonly #limitUs: number;
  readonly #redis: FollowedClock;
  readonly #postgres: FollowedClock;
  #vouchedUs = 0;
  /** By how much Redis may be ahead of PostgreSQL besides 0: an operator has said that Redis is right. */
  #trustedAheadUs: number | undefined;
  /** Since when that is contradicted, and when each clock was heard last, by the engine's own. */
  #strayedAtUs: number | undefined;
  #redisHeardUs = 0;
  #postgresHeardUs = 0;

  constructor(limitUs: number) {
    this.#limitUs = limitUs;
    this.#redis = new FollowedClock(limitUs);
    this.#postgres = new FollowedClock(limitUs);
  }

  hearRedis(reading: ClockReading): void {
    this.#redis.hear(reading);
    this.#redisHeardUs = reading.heardUs;
    this.#holdTrust(reading.heardUs);
  }

  hearPostgres(reading: ClockReading): void {
    this.#postgres.hear(reading);
    this.#postgresHeardUs = reading.heardUs;
    this.#holdTrust(reading.heardUs);
  }

  /** The operator says that Redis is right while it is so far ahead of PostgreSQL: believed where it is, now. */
  trust(aheadUs: number, nowUs: number): void {
    this.#trustedAheadUs = aheadUs;
    this.#strayedAtUs = undefined;
    const [redis, postgres] = [this.#redis.current(nowUs), this.#postgres.current(nowUs)];
    if (redis === undefined || postgres === undefined || this.#apartUs(redis, postgres) > this.#limitUs)
      return;
    this.#redis.believe();
    this.#postgres.believe();
  }

  /** The operator says that Redis and PostgreSQL are right, so far ahead of engines: believed where they are, now. */
  trustBoth(aheadUs: number, nowUs: number): void {
    const { state, redisUs, ownUs } = this.look(nowUs);
    if (state !== 'alone' || redisUs === undefined || ownUs === undefined) return;
    if (Math.abs(redisUs - ownUs - aheadUs) > this.#limitUs) return;
    this.#redis.believe();
    this.#postgres.believe();
  }

  /** What the operator has said counts no more. */
  distrust(): void {
    this.#trustedAheadUs = undefined;
    this.#strayedAtUs = undefined;
  }

  /**
   * What has become of the difference that `trust` accepted: it stands, or for CONFIRM_US of hearing both clocks there was
   * another one, or none. One that moved for less may be this process, which stood still between two readings.
   */
  trusted(nowUs: number): 'nothing' | 'stands' | 'agreed' | 'moved' {
    if (this.#trustedAheadUs === undefined) return 'nothing';
    const heardUs = Math.min(this.#redisHeardUs, this.#postgresHeardUs);
    const [redis, postgres] = [this.#redis.current(nowUs), this.#postgres.current(nowUs)];
    if (this.#strayedAtUs === undefined || redis === undefined || postgres === undefined) return 'stands';
    if (heardUs - this.#strayedAtUs < CONFIRM_US) return 'stands';
    return gapUs(redis, postgres) > this.#limitUs ? 'moved' : 'agreed';
  }

  #holdTrust(nowUs: number): void {
    const [redis, postgres] = [this.#redis.current(nowUs), this.#postgres.current(nowUs)];
    if (this.#trustedAheadUs === undefined || redis === undefined || postgres === undefined) return;
    const isOther = gapUs(redis, aheadBy(postgres, this.#trustedAheadUs)) > this.#limitUs;
    this.#strayedAtUs = isOther ? (this.#strayedAtUs ?? nowUs) : undefined;
  }

  /** What can be said at that instant of the engine's own clock. */
  look(nowUs: number): ClockLook {
    const [redis, postgres] = [this.#redis.current(nowUs), this.#postgres.current(nowUs)];
    const own = this.#redis.before(nowUs);
    const said = {
      redisUs: redis && Math.round(redis.atUs + nowUs),
      postgresUs: postgres && Math.round(postgres.atUs + nowUs),
      ownUs: own && Math.round(own.atUs + nowUs),
    };
    if (redis === undefined || postgres === undefined) return { state: 'unheard', vouchedUs: 0, ...said };
    if (this.#apartUs(redis, postgres) > this.#limitUs) {
      return { state: 'apart', vouchedUs: this.#vouchedUs, ...said };
    }
    if (!this.#isBelieved(nowUs)) return { state: 'alone', vouchedUs: this.#vouchedUs, ...said };
    this.#redis.believe();
    this.#postgres.believe();
    // Ahead of PostgreSQL by what the operator has accepted, where that is the difference that they have.
    const acceptedUs = gapUs(redis, postgres) > this.#limitUs ? (this.#trustedAheadUs ?? 0) : 0;
    const leastUs = Math.min(redis.atUs - redis.boundUs, postgres.atUs - postgres.boundUs + acceptedUs);
    this.#vouchedUs = Math.max(0, Math.floor(leastUs + nowUs + this.#limitUs));
    return { state: 'agreed', vouchedUs: this.#vouchedUs, ...said };
  }

  #apartUs(redis: Offset, postgres: Offset): number {
    const apartUs = gapUs(redis, postgres);
    if (this.#trustedAheadUs === undefined) return apartUs;
    return Math.min(apartUs, gapUs(redis, aheadBy(postgres, this.#trustedAheadUs)));
  }

  /** Of clocks that agree with each other: whether their moves against the engine's own are believed. */
  #isBelieved(nowUs: number): boolean {
    if (!this.#redis.isMoved || !this.#postgres.isMoved) return true;
    const [before, after] = [this.#redis.before(nowUs), this.#redis.current(nowUs)];
    const stepUs = before === undefined || after === undefined ? 0 : gapUs(before, after);
    const saidForUs = Math.min(this.#redis.movedForUs(nowUs), this.#postgres.movedForUs(nowUs));
    return stepUs <= STOOD_STILL_US && saidForUs >= CONFIRM_US;
  }
}
