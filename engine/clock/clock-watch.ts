/**
 * Watches the clocks for one engine: hears PostgreSQL's at an interval and Redis' with every read of the registry, and says
 * whether they agree (clock-agreement.ts), with what each of them shows.
 *
 * Whatever is done by the shared clock and cannot be taken back asks here first: passes before they move the watermark and
 * settle, the keeper of the registry for what it tells gateways, and the operator's API for the time.
 *
 * With PostgreSQL's clock it reads what an operator has said of the clocks last (trust-clock.ts), so every engine goes by it,
 * also one that was started since. A trust ends when its difference no longer stands: the engine that finds it writes that
 * into the ledger, and the others read it there.
 */
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import { type ClockTrust, endTrust, readClock } from '../../sql/statements/progress/clock.ts';
import { type ClockFinding, type Registry, readRegistry, tellClock } from '../contract/redis/lease/lease.ts';
import { readTimeUs } from '../contract/redis/lease/time.ts';
import type { RedisClient } from '../contract/redis/redis.ts';
import { ClockAgreement, type ClockLook } from './clock-agreement.ts';

export interface ClockWatchOptions {
  readonly pool: Pool;
  readonly redis: RedisClient;
  /** The key of the registry of leases. */
  readonly leases: string;
  /** CLOCK_STOP_MS: what is further apart is a contradiction. */
  readonly stopMs: number;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** The clocks contradict each other: nothing that cannot be taken back is done by the time. */
export class ClocksApart extends Error {
  override readonly name = 'ClocksApart';
}

export class ClockWatch {
  readonly #options: ClockWatchOptions;
  readonly #agreement: ClockAgreement;
  /** Since when the clocks contradict each other, by the engine's own. */
  #heldAtUs: number | undefined;
  #trust: ClockTrust | undefined;
  /** How Redis' clock was last found right by a reading of the registry. */
  #found: ClockFinding | undefined;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#agreement = new ClockAgreement(options.stopMs * 1_000);
  }

  /** CLOCK_STOP_MS. */
  get stopMs(): number {
    return this.#options.stopMs;
  }

  /** What an operator has said last, as it was read last; it may have ended. */
  get trust(): ClockTrust | undefined {
    return this.#trust;
  }

  /** For how long nothing is decided, by the engine's own clock, ms; undefined while the clocks agree. */
  get heldForMs(): number | undefined {
    return this.#heldAtUs === undefined ? undefined : (ownUs() - this.#heldAtUs) / 1_000;
  }

  /** Hears PostgreSQL's clock; to be called a few times a second. Rejects when it is away. */
  async hear(): Promise<void> {
    const askedUs = ownUs();
    const { nowUs: saidUs, trust } = await readClock(this.#options.pool);
    this.#agreement.hearPostgres({ askedUs, heardUs: ownUs(), saidUs });
    if (trust !== undefined) this.#take(trust);
    this.look();
    await this.#endTrust();
  }

  /** Answers that come late tell of what was before. */
  #take(trust: ClockTrust): void {
    const before = this.#trust;
    if (before !== undefined && before.trustId > trust.trustId) return;
    const isNew = before?.trustId !== trust.trustId;
    if (!isNew && before?.endedAt !== null) return;
    this.#trust = trust;
    const { aheadOf, aheadMs, acceptedMs } = trust;
    if (trust.endedAt !== null) this.#agreement.distrust();
    // What is said of the engine's own clock keeps what was accepted before.
    else if (isNew && (aheadOf === 'postgres' || before === undefined)) {
      this.#agreement.trust(acceptedMs * 1_000, ownUs());
      this.#options.log.warn({ ...trust }, "an operator declared Redis' clock correct; using it");
    }
    if (isNew && aheadOf === 'engine') this.#agreement.trustBoth(aheadMs * 1_000, ownUs());
  }

  async #endTrust(): Promise<void> {
    const found = this.#agreement.trusted(ownUs());
    if (this.#trust === undefined || found === 'nothing' || found === 'stands') return;
    const { trustId } = this.#trust;
    // Written first: it would count again for an engine that is started later.
    const isFirst = await endTrust(this.#options.pool, trustId, found);
    this.#agreement.distrust();
    if (!isFirst) return;
    this.#options.log.warn({ trustId, ended: found }, "the operator's clock statement has ended");
  }

  /**
   * Reads the registry up to what is vouched for, and hears Redis' clock with it. As the keeper, it then tells gateways what
   * was found of that clock by what was just heard: one that has come since it was heard before goes by that
   * (gateway/shared/membership.ts).
   */
  async readRegistry(as: 'keeper' | 'reader' = 'reader'): Promise<Registry> {
    const { redis, leases } = this.#options;
    const askedUs = ownUs();
    const { vouchedUs } = this.look();
    const registry = await readRegistry(redis, leases, { vouchedUs });
    const { timeUs, readings: reading } = registry;
    const { isSure, vouchedUs: latestUs } = this.#heardRedis(askedUs, timeUs);
    if (isSure) this.#found = { agreedUs: Math.min(timeUs, latestUs), reading };
    if (as === 'keeper') {
      const { state } = this.look();
      const verdict = state === 'agreed' ? this.#found : state === 'unheard' ? undefined : 'held';
      if (verdict !== undefined) await tellClock(redis, leases, verdict);
    }
    return registry;
  }

  /** Redis' time, microseconds since the epoch. Rejects when Redis is away, and with ClocksApart when that may be wrong. */
  async nowUs(): Promise<number> {
    if (this.look().state === 'unheard') await this.hear();
    const timeUs = await this.hearRedis();
    if (!this.isAgreed) throw new ClocksApart(this.describe());
    return timeUs;
  }

  /** What Redis' clock shows, right or wrong, microseconds since the epoch. Rejects when it is away. */
  async hearRedis(): Promise<number> {
    const askedUs = ownUs();
    const timeUs = await readTimeUs(this.#options.redis, this.#options.leases);
    this.#heardRedis(askedUs, timeUs);
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

  /** For people: 'ok', or which clock says what. */
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
      case 'unheard':
        return 'the clocks of Redis and PostgreSQL have not both been read yet';
      case 'apart':
        return `decisions are on hold: the clocks of Redis and PostgreSQL differ by more than CLOCK_STOP_MS (${stopMs}): ${says}`;
      case 'alone':
        return `decisions are on hold: the clocks of Redis and PostgreSQL moved together by more than CLOCK_STOP_MS (${stopMs}): ${says}`;
    }
  }

  /**
   * `isSure`: by this very answer the clock is right. One that was so slow that it goes with a clock that was set, and with
   * one that was not, finds nothing.
   */
  #heardRedis(askedUs: number, timeUs: number): { readonly isSure: boolean; readonly vouchedUs: number } {
    const heardUs = ownUs();
    this.#agreement.hearRedis({ askedUs, heardUs, saidUs: timeUs });
    const { state, vouchedUs } = this.look();
    return { isSure: state === 'agreed' && heardUs - askedUs <= this.stopMs * 1_000, vouchedUs };
  }
}

function ownUs(): number {
  return performance.now() * 1_000;
}

function shown({ redisUs, postgresUs, ownUs: own }: ClockLook) {
  const show = (us: number | undefined): string =>
    us === undefined ? 'nothing' : new Date(us / 1_000).toISOString();
  return { redis: show(redisUs), postgres: show(postgresUs), own: show(own) };
}
