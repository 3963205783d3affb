/**
 * Whether the clocks agree: Redis', by which everything is stamped and due, PostgreSQL's, and the engine's own.
 *
 * Redis' time is the shared clock, and a clock can be set. A step forward by a minute would close, freeze and draw a minute
 * early, irrevocably. So Redis' time counts only as far as two other clocks confirm it: PostgreSQL's clock now, and the
 * engine's monotonic clock, which continues from when all agreed. `confirmedUs` is the latest instant that may be now;
 * everything that an engine does by time uses an instant at or below it.
 *
 * A reading is known to within half its round trip (F. Cristian, Probabilistic clock synchronization, Distributed Computing
 * 3, 1989), and its error grows with age. Among the last readings of a clock the one with the smallest error counts. Two
 * clocks contradict each other when their intervals (K. Marzullo, S. Owicki, Maintaining the time in a distributed system,
 * 1983) are further apart than the limit. A slow response widens its interval, so it never causes a contradiction; and since
 * the lower ends of the intervals confirm an instant, it never causes false certainty either.
 *
 * States, as returned by `look`:
 * - unknown  Redis or PostgreSQL was not read yet. Nothing is confirmed.
 * - agreed   All three agree, to within the limit. A clock of the two servers that moved against the engine's own by more is
 *            accepted when the other one, which did not move, agrees with it.
 * - apart    Redis' clock and PostgreSQL's contradict each other. This ends when they agree, or when the operator declares
 *            Redis correct (`trust`): then this difference counts as none.
 * - alone    The two have moved together against the engine's own clock. This process may have stood still (a suspended
 *            machine): up to STOOD_STILL_US that is accepted once both have agreed for CONFIRM_US. Beyond that, somebody may
 *            have set a clock that both share: this ends when both are set back, or by `trustBoth`.
 * In the states `apart` and `alone`, `confirmedUs` does not change.
 */

export interface ClockReading {
  /** By the engine's monotonic clock, microseconds: when the request was sent and when the response was received. */
  readonly askedUs: number;
  readonly answeredUs: number;
  /** The clock's time, microseconds since the epoch. */
  readonly saidUs: number;
}

export interface ClockLook {
  readonly state: 'unknown' | 'agreed' | 'apart' | 'alone';
  /** The latest instant confirmed as now, microseconds since the epoch; 0 if there is none. */
  readonly confirmedUs: number;
  /** The best estimate of each clock's time now; undefined if it was not read. */
  readonly redisUs: number | undefined;
  readonly postgresUs: number | undefined;
  /** The engine's own clock: the time that Redis would show had it advanced normally since all agreed. */
  readonly ownUs: number | undefined;
}

/**
 * 100 ppm, as for gateways (gateway/clock/clock.ts): crystals are made to within 20 to 50 ppm, and there are two of them.
 */
const DRIFT_PER_US = 100e-6;
/** Several seconds of settlement cycles: one fast response bridges a time in which all are slow. */
const READINGS_KEPT = 64;
/**
 * Longer: an engine that was suspended decides nothing for that much longer. Shorter: two slow answers could pass for both
 * clocks.
 */
const CONFIRM_US = 1_000_000;
/** Migrations and snapshots of a machine take up to seconds. Longer: the one clock of both servers can be set by as much. */
const STOOD_STILL_US = 10_000_000;

/** How far a clock is ahead of the engine's own: `atUs`, plus or minus `boundUs`. */
interface Offset {
  readonly atUs: number;
  readonly boundUs: number;
}

function offsetOf({ askedUs, answeredUs, saidUs }: ClockReading, nowUs: number): Offset {
  return {
    atUs: saidUs - (askedUs + answeredUs) / 2,
    boundUs: (answeredUs - askedUs) / 2 + Math.max(0, nowUs - answeredUs) * DRIFT_PER_US,
  };
}

/** The smallest possible distance of two offsets. */
function gapUs(one: Offset, other: Offset): number {
  return Math.max(0, Math.abs(one.atUs - other.atUs) - one.boundUs - other.boundUs);
}

function aheadBy(offset: Offset, us: number): Offset {
  return { ...offset, atUs: offset.atUs + us };
}

/** One clock, tracked by the engine's own clock. */
class FollowedClock {
  readonly #limitUs: number;
  /** Readings that agree with each other. */
  #kept: ClockReading[] = [];
  /** The readings since the clock began to contradict those. */
  #moved: ClockReading[] = [];
  /** Since when it contradicts them. */
  #movedAtUs = 0;

  constructor(limitUs: number) {
    this.#limitUs = limitUs;
  }

  sample(reading: ClockReading): void {
    const nowUs = reading.answeredUs;
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
    // It agrees with both: the response is too slow to mean anything.
    if (isAsKept && isAsMoved) return;
    if (isAsKept) {
      this.#kept = added(this.#kept, reading, gapTo(this.#kept) > 0);
      this.#moved = [];
    } else if (isAsMoved) this.#moved = added(this.#moved, reading, gapTo(this.#moved) > 0);
    else this.#move(reading);
  }

  #move(reading: ClockReading): void {
    this.#moved = [reading];
    this.#movedAtUs = reading.answeredUs;
  }

  get isMoved(): boolean {
    return this.#moved.length > 0;
  }

  /** The current offset. */
  current(nowUs: number): Offset | undefined {
    return surestOf(this.isMoved ? this.#moved : this.#kept, nowUs);
  }

  /** The offset before it moved, if it has. */
  before(nowUs: number): Offset | undefined {
    return surestOf(this.#kept, nowUs);
  }

  /** How long the offset has been stable since it moved. */
  movedForUs(nowUs: number): number {
    return nowUs - this.#movedAtUs;
  }

  /** Accepts the current offset. */
  accept(): void {
    if (!this.isMoved) return;
    this.#kept = this.#moved;
    this.#moved = [];
  }
}

/** `anew`: earlier readings contradict it, but by less than the limit: the clock is being slewed. */
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
  #confirmedUs = 0;
  /** The accepted lead of Redis over PostgreSQL besides 0: an operator declared Redis correct. */
  #acceptedAheadUs: number | undefined;
  /** Since when readings contradict it, by the engine's own clock. */
  #strayedAtUs: number | undefined;
  #redisSampledUs = 0;
  #postgresSampledUs = 0;

  constructor(limitUs: number) {
    this.#limitUs = limitUs;
    this.#redis = new FollowedClock(limitUs);
    this.#postgres = new FollowedClock(limitUs);
  }

  sampleRedis(reading: ClockReading): void {
    this.#redis.sample(reading);
    this.#redisSampledUs = reading.answeredUs;
    this.#holdTrust(reading.answeredUs);
  }

  samplePostgres(reading: ClockReading): void {
    this.#postgres.sample(reading);
    this.#postgresSampledUs = reading.answeredUs;
    this.#holdTrust(reading.answeredUs);
  }

  /** The operator declares Redis correct while it is this far ahead of PostgreSQL; accepted only if it is so now. */
  trust(aheadUs: number, nowUs: number): void {
    this.#acceptedAheadUs = aheadUs;
    this.#strayedAtUs = undefined;
    const [redis, postgres] = [this.#redis.current(nowUs), this.#postgres.current(nowUs)];
    if (redis === undefined || postgres === undefined || this.#apartUs(redis, postgres) > this.#limitUs)
      return;
    this.#redis.accept();
    this.#postgres.accept();
  }

  /** The operator declares Redis and PostgreSQL correct, this far ahead of engines; accepted only if it is so now. */
  trustBoth(aheadUs: number, nowUs: number): void {
    const { state, redisUs, ownUs } = this.look(nowUs);
    if (state !== 'alone' || redisUs === undefined || ownUs === undefined) return;
    if (Math.abs(redisUs - ownUs - aheadUs) > this.#limitUs) return;
    this.#redis.accept();
    this.#postgres.accept();
  }

  /** Ends the operator's declaration. */
  distrust(): void {
    this.#acceptedAheadUs = undefined;
    this.#strayedAtUs = undefined;
  }

  /**
   * The state of the difference that `trust` accepted: it stands, or readings of both clocks have shown another one, or
   * none, for CONFIRM_US. A shorter change may come from this process, which was suspended between two readings.
   */
  trustState(nowUs: number): 'nothing' | 'stands' | 'agreed' | 'moved' {
    if (this.#acceptedAheadUs === undefined) return 'nothing';
    const answeredUs = Math.min(this.#redisSampledUs, this.#postgresSampledUs);
    const [redis, postgres] = [this.#redis.current(nowUs), this.#postgres.current(nowUs)];
    if (this.#strayedAtUs === undefined || redis === undefined || postgres === undefined) return 'stands';
    if (answeredUs - this.#strayedAtUs < CONFIRM_US) return 'stands';
    return gapUs(redis, postgres) > this.#limitUs ? 'moved' : 'agreed';
  }

  #holdTrust(nowUs: number): void {
    const [redis, postgres] = [this.#redis.current(nowUs), this.#postgres.current(nowUs)];
    if (this.#acceptedAheadUs === undefined || redis === undefined || postgres === undefined) return;
    const isOther = gapUs(redis, aheadBy(postgres, this.#acceptedAheadUs)) > this.#limitUs;
    this.#strayedAtUs = isOther ? (this.#strayedAtUs ?? nowUs) : undefined;
  }

  /** The agreement at that instant of the engine's own clock. */
  look(nowUs: number): ClockLook {
    const [redis, postgres] = [this.#redis.current(nowUs), this.#postgres.current(nowUs)];
    const own = this.#redis.before(nowUs);
    const said = {
      redisUs: redis && Math.round(redis.atUs + nowUs),
      postgresUs: postgres && Math.round(postgres.atUs + nowUs),
      ownUs: own && Math.round(own.atUs + nowUs),
    };
    if (redis === undefined || postgres === undefined) return { state: 'unknown', confirmedUs: 0, ...said };
    if (this.#apartUs(redis, postgres) > this.#limitUs) {
      return { state: 'apart', confirmedUs: this.#confirmedUs, ...said };
    }
    if (!this.#isMoveAccepted(nowUs)) return { state: 'alone', confirmedUs: this.#confirmedUs, ...said };
    this.#redis.accept();
    this.#postgres.accept();
    // Ahead of PostgreSQL by the accepted difference, if that is the current one.
    const acceptedUs = gapUs(redis, postgres) > this.#limitUs ? (this.#acceptedAheadUs ?? 0) : 0;
    const leastUs = Math.min(redis.atUs - redis.boundUs, postgres.atUs - postgres.boundUs + acceptedUs);
    this.#confirmedUs = Math.max(0, Math.floor(leastUs + nowUs + this.#limitUs));
    return { state: 'agreed', confirmedUs: this.#confirmedUs, ...said };
  }

  #apartUs(redis: Offset, postgres: Offset): number {
    const apartUs = gapUs(redis, postgres);
    if (this.#acceptedAheadUs === undefined) return apartUs;
    return Math.min(apartUs, gapUs(redis, aheadBy(postgres, this.#acceptedAheadUs)));
  }

  /** For clocks that agree with each other: whether their moves against the engine's own clock are accepted. */
  #isMoveAccepted(nowUs: number): boolean {
    if (!this.#redis.isMoved || !this.#postgres.isMoved) return true;
    const [before, after] = [this.#redis.before(nowUs), this.#redis.current(nowUs)];
    const stepUs = before === undefined || after === undefined ? 0 : gapUs(before, after);
    const saidForUs = Math.min(this.#redis.movedForUs(nowUs), this.#postgres.movedForUs(nowUs));
    return stepUs <= STOOD_STILL_US && saidForUs >= CONFIRM_US;
  }
}
