/**
 * Watches the clocks for one engine: hears PostgreSQL's at an interval and Redis' with every read of the registry, and says
 * whether they agree (clock-agreement.ts), with what each of them shows.
 *
 * Whatever is done by the shared clock and cannot be taken back asks here first: passes before they move the watermark and
 * settle, the keeper of the registry for what it tells gateways, and the operator's API for the time.
 */
import type { Logger } from 'pino';
import { readClock } from '../sql/clock.ts';
import type { Pool } from '../sql/database.ts';
import { ClockAgreement, type ClockLook } from './clock-agreement.ts';
import { type Registry, readRegistry } from './contract/lease/lease.ts';
import type { RedisClient } from './contract/redis.ts';

export interface ClockWatchOptions {
  readonly pool: Pool;
  readonly redis: RedisClient;
  /** The key of the registry of leases. */
  readonly leases: string;
  /** CLOCK_STOP_MS: what is further apart is a contradiction. */
  readonly stopMs: number;
  /** By how much the operator lets Redis be ahead of PostgreSQL, ms: CLOCK_TRUSTED_AHEAD_MS; undefined where none is said. */
  readonly trustedAheadMs: number | undefined;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** The clocks contradict each other: nothing that cannot be taken back is done by the time. */
export class ClocksApart extends Error {
  override readonly name = 'ClocksApart';
}

export class ClockWatch {
  readonly #options: ClockWatchOptions;
  readonly #agreement: ClockAgreement;
  #isTold = false;
  /** What Redis' clock showed when it was last found right, microseconds. */
  #agreedUs: number | undefined;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#agreement = new ClockAgreement(options.stopMs * 1_000);
    const { trustedAheadMs, log } = options;
    if (trustedAheadMs === undefined) return;
    this.#agreement.trust(trustedAheadMs * 1_000, ownUs());
    log.warn({ trustedAheadMs }, "Redis' clock is taken for right where it is so far ahead of PostgreSQL's");
  }

  /** Hears PostgreSQL's clock; to be called a few times a second. Rejects when it is away. */
  async hear(): Promise<void> {
    const askedUs = ownUs();
    const saidUs = await readClock(this.#options.pool);
    this.#agreement.hearPostgres({ askedUs, heardUs: ownUs(), saidUs });
    this.look();
  }

  /**
   * Reads the registry up to what is vouched for, and hears Redis' clock with it. As the keeper, it tells gateways besides
   * what was found of that clock.
   */
  async readRegistry(as: 'keeper' | 'reader' = 'reader'): Promise<Registry> {
    const { redis, leases } = this.#options;
    const askedUs = ownUs();
    const { state, vouchedUs } = this.look();
    const word = state === 'agreed' ? this.#agreedUs : state === 'unheard' ? undefined : 'held';
    const registry = await readRegistry(redis, leases, {
      vouchedUs,
      ...(as === 'keeper' && word !== undefined ? { clock: word } : {}),
    });
    this.#heardRedis(askedUs, registry.timeUs);
    return registry;
  }

  /** Redis' time, microseconds since the epoch. Rejects when Redis is away, and with ClocksApart when that may be wrong. */
  async nowUs(): Promise<number> {
    if (this.look().state === 'unheard') await this.hear();
    const askedUs = ownUs();
    const [seconds, micros] = await this.#options.redis.time();
    const timeUs = Number(seconds) * 1_000_000 + Number(micros);
    this.#heardRedis(askedUs, timeUs);
    if (!this.isAgreed) throw new ClocksApart(this.describe());
    return timeUs;
  }

  get isAgreed(): boolean {
    return this.look().state === 'agreed';
  }

  look(): ClockLook {
    const look = this.#agreement.look(ownUs());
    const isHeld = look.state === 'apart' || look.state === 'alone';
    if (isHeld !== this.#isTold) {
      this.#isTold = isHeld;
      if (isHeld) this.#options.log.error({ ...shown(look) }, this.#describe(look));
      else this.#options.log.info({ ...shown(look) }, 'the clocks agree again: going on');
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
    const says = `Redis says ${redis}, PostgreSQL ${postgres}, and this engine's own clock ${own}`;
    switch (look.state) {
      case 'agreed':
        return 'ok';
      case 'unheard':
        return 'Redis and PostgreSQL have not both told the time yet';
      case 'apart':
        return `nothing is decided: the clocks of Redis and PostgreSQL are further apart than CLOCK_STOP_MS (${stopMs}): ${says}`;
      case 'alone':
        return `nothing is decided: Redis and PostgreSQL have moved by more than CLOCK_STOP_MS (${stopMs}) together: ${says}`;
    }
  }

  #heardRedis(askedUs: number, timeUs: number): void {
    this.#agreement.hearRedis({ askedUs, heardUs: ownUs(), saidUs: timeUs });
    const { state, vouchedUs } = this.look();
    if (state === 'agreed') this.#agreedUs = Math.min(timeUs, vouchedUs);
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
