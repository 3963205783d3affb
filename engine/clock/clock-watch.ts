/**
 * Watches the clocks for one engine: reads PostgreSQL's at an interval and Redis' with every read of the registry, and reports
 * whether they agree (clock-agreement.ts) and what each shows.
 *
 * Everything irrevocable that depends on the shared clock asks here first: settlement cycles before they move the watermark and
 * settle, the lease reaper before it tells gateways anything, and the operator's API for the time.
 *
 * Together with PostgreSQL's clock it reads the operator's latest statement on the clocks (trust-clock.ts), so every engine
 * follows it, including one that was started later. A statement ends when its difference no longer exists: the engine that
 * notices writes the end into the ledger, where the others read it.
 */
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import { type ClockTrust, endTrust, readClock } from '../../sql/statements/progress/clock.ts';
import { isoOfUs } from '../contract/api/instants.ts';
import { type ClockFinding, type Registry, readRegistry, tellClock } from '../contract/redis/lease/lease.ts';
import { readTimeUs } from '../contract/redis/lease/time.ts';
import type { RedisClient } from '../contract/redis/redis.ts';
import { ClockAgreement, type ClockLook } from './clock-agreement.ts';

export interface ClockWatchOptions {
  readonly pool: Pool;
  readonly redis: RedisClient;
  /** The key of the registry of leases. */
  readonly leases: string;
  /** CLOCK_STOP_MS: clocks that are further apart contradict each other. */
  readonly stopMs: number;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** The clocks contradict each other: nothing irrevocable may be done by the time. */
export class ClocksApart extends Error {
  override readonly name = 'ClocksApart';
}

export class ClockWatch {
  readonly #options: ClockWatchOptions;
  readonly #agreement: ClockAgreement;
  /** Since when the clocks contradict each other, by the engine's own clock. */
  #heldAtUs: number | undefined;
  #trust: ClockTrust | undefined;
  /** The last finding that Redis' clock was right, by a reading of the registry. */
  #found: ClockFinding | undefined;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#agreement = new ClockAgreement(options.stopMs * 1_000);
  }

  /** CLOCK_STOP_MS. */
  get stopMs(): number {
    return this.#options.stopMs;
  }

  /** The operator's latest statement, as last read; it may have ended. */
  get trust(): ClockTrust | undefined {
    return this.#trust;
  }

  /** How long decisions have been on hold, by the engine's own clock, ms; undefined while the clocks agree. */
  get heldForMs(): number | undefined {
    return this.#heldAtUs === undefined ? undefined : (ownUs() - this.#heldAtUs) / 1_000;
  }

  /** Reads PostgreSQL's clock; call it a few times a second. Rejects if PostgreSQL is away. */
  async sample(): Promise<void> {
    const askedUs = ownUs();
    const { nowUs: saidUs, trust } = await readClock(this.#options.pool);
    this.#agreement.samplePostgres({ askedUs, answeredUs: ownUs(), saidUs });
    if (trust !== undefined) this.#take(trust);
    this.look();
    await this.#endTrust();
  }

  /** A late answer describes an earlier state. */
  #take(trust: ClockTrust): void {
    const before = this.#trust;
    if (before !== undefined && before.trustId > trust.trustId) return;
    const isNew = before?.trustId !== trust.trustId;
    if (!isNew && before?.endedAt !== null) return;
    this.#trust = trust;
    const { aheadOf, aheadMs, acceptedMs } = trust;
    if (trust.endedAt !== null) this.#agreement.distrust();
    // A statement on the engine's own clock keeps what was accepted before.
    else if (isNew && (aheadOf === 'postgres' || before === undefined)) {
      this.#agreement.trust(acceptedMs * 1_000, ownUs());
      this.#options.log.warn({ ...trust }, "an operator declared Redis' clock correct; using it");
    }
    if (isNew && aheadOf === 'engine') this.#agreement.trustBoth(aheadMs * 1_000, ownUs());
  }

  async #endTrust(): Promise<void> {
    const found = this.#agreement.trustState(ownUs());
    if (this.#trust === undefined || found === 'nothing' || found === 'stands') return;
    const { trustId } = this.#trust;
    // Written first: otherwise it would count again for an engine that starts later.
    const isFirst = await endTrust(this.#options.pool, trustId, found);
    this.#agreement.distrust();
    if (!isFirst) return;
    this.#options.log.warn({ trustId, ended: found }, "the operator's clock statement has ended");
  }

  /**
   * Reads the registry up to the confirmed instant, and Redis' clock with it. As the lease reaper, it then reports to gateways
   * what this reading found out about the clock: a gateway that joined since the previous reading relies on it
   * (gateway/shared/membership.ts).
   */
  async readRegistry(as: 'reaper' | 'reader' = 'reader'): Promise<Registry> {
    const { redis, leases } = this.#options;
    const askedUs = ownUs();
    const { confirmedUs } = this.look();
    const registry = await readRegistry(redis, leases, { confirmedUs });
    const { timeUs, readings: reading } = registry;
    const { isSure, confirmedUs: latestUs } = this.#sampledRedis(askedUs, timeUs);
    if (isSure) this.#found = { agreedUs: Math.min(timeUs, latestUs), reading };
    if (as === 'reaper') {
      const { state } = this.look();
      const verdict = state === 'agreed' ? this.#found : state === 'unknown' ? undefined : 'held';
      if (verdict !== undefined) await tellClock(redis, leases, verdict);
    }
    return registry;
  }

  /** Redis' time, microseconds since the epoch. Rejects if Redis is away, and with ClocksApart if that time may be wrong. */
  async nowUs(): Promise<number> {
    if (this.look().state === 'unknown') await this.sample();
    const timeUs = await this.sampleRedis();
    if (!this.isAgreed) throw new ClocksApart(this.describe());
    return timeUs;
  }

  /**
   * What Redis' clock shows now, right or wrong, by its last readings and the time since; microseconds since the epoch. Asks
   * nobody; 0 before the first reading.
   */
  get sharedUs(): number {
    return this.look().redisUs ?? 0;
  }

  /** What Redis' clock shows, right or wrong, microseconds since the epoch. Rejects if Redis is away. */
  async sampleRedis(): Promise<number> {
    const askedUs = ownUs();
    const timeUs = await readTimeUs(this.#options.redis, this.#options.leases);
    this.#sampledRedis(askedUs, timeUs);
    return timeUs;
  }

  get isAgreed(): boolean {
    return this.look().state === 'agreed';
  }

  look(): ClockLook {
    const look = this.#agreement.look(ownUs());
    const isHeld = look.state === 'apart' || look.state === 'alone';
    if (isHeld !== (this.#heldAtUs !== undefined)) {
      this.#heldAtUs = isHeld ? ownUs() : undefined;
      if (isHeld) this.#options.log.error({ ...shown(look) }, this.#describe(look));
      else this.#options.log.info({ ...shown(look) }, 'the clocks agree again; resuming');
    }
    return look;
  }

  /** For humans: 'ok', or what each clock shows. */
  describe(): string {
    return this.#describe(this.look());
  }

  #describe(look: ClockLook): string {
    const { stopMs } = this.#options;
    const { redis, postgres, own } = shown(look);
    const says = `Redis says ${redis}, PostgreSQL ${postgres}, this engine ${own}`;
    switch (look.state) {
      case 'agreed':
        return 'ok';
      case 'unknown':
        return 'the clocks of Redis and PostgreSQL have not both been read yet';
      case 'apart':
        return `decisions are on hold: the clocks of Redis and PostgreSQL differ by more than CLOCK_STOP_MS (${stopMs}): ${says}`;
      case 'alone':
        return `decisions are on hold: the clocks of Redis and PostgreSQL moved together by more than CLOCK_STOP_MS (${stopMs}): ${says}`;
    }
  }

  /**
   * `isSure`: this very answer shows that the clock is right. An answer so slow that it fits both a clock that was set and one
   * that was not proves nothing.
   */
  #sampledRedis(askedUs: number, timeUs: number): { readonly isSure: boolean; readonly confirmedUs: number } {
    const answeredUs = ownUs();
    this.#agreement.sampleRedis({ askedUs, answeredUs, saidUs: timeUs });
    const { state, confirmedUs } = this.look();
    return { isSure: state === 'agreed' && answeredUs - askedUs <= this.stopMs * 1_000, confirmedUs };
  }
}

function ownUs(): number {
  return performance.now() * 1_000;
}

function shown({ redisUs, postgresUs, ownUs: own }: ClockLook) {
  const show = (us: number | undefined): string => (us === undefined ? 'nothing' : isoOfUs(us));
  return { redis: show(redisUs), postgres: show(postgresUs), own: show(own) };
}
