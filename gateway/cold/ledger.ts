/**
 * The gateway's access to Postgres, for cold public routes. Ranking and watching never wait for it, nor does entering,
 * except for campaigns being rebuilt in Redis: then the ledger knows who entered before. Opened on first use, with few
 * connections. While Postgres is down, or without DATABASE_URL, those routes answer 503 and the queue continues. After a
 * failure all requests fail at once for a while, so that a hanging Postgres delays only the first ones.
 */
import { DatabaseError } from 'pg';
import type { Logger } from 'pino';
import { messageOf } from '../../engine/contract/process/message-of.ts';
import { OutageLog } from '../../engine/contract/process/outage-log.ts';
import { openPool, type Pool, type Queryable, transaction } from '../../sql/database.ts';

/** The ledger is unavailable right now; `message` says why. */
export class LedgerUnavailable extends Error {
  /** Whether the same statement may succeed a moment later. */
  readonly isTransient: boolean;

  constructor(
    message: string,
    { isTransient = true, ...options }: ErrorOptions & { isTransient?: boolean } = {},
  ) {
    super(message, options);
    this.isTransient = isTransient;
  }
}

/** Thrown by work that rolls its transaction back; the ledger itself is fine. */
export class TakenBack extends Error {}

const CONNECTIONS = 4;
/** More would only wait longer than their clients do. */
const MOST_WAITING = 100;
/** Longer: a recovery is noticed later. Shorter: more requests wait for an unavailable server. */
const AWAY_MS = 1_000;

export interface LedgerOptions {
  /** '' for none. */
  readonly databaseUrl: string;
  /** The most connections at once, 4 unless told otherwise. */
  readonly connections?: number;
  /** The timeout of a connection attempt and of a statement. */
  readonly timeoutMs: number;
  readonly log: Logger;
  /** Shared by all that use the same server, so that its outage is logged once. */
  readonly outages?: OutageLog;
  /** Opens the pool; defaults to openPool. */
  readonly open?: typeof openPool;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #outages: OutageLog;
  #pool: Pool | undefined;
  #closed = false;
  #awayUntilMs = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#outages = options.outages ?? new OutageLog(options.log, 'Postgres');
  }

  /** Runs statements. Rejects with LedgerUnavailable when Postgres refuses or does not answer in time. */
  ask<T>(work: (db: Queryable) => Promise<T>): Promise<T> {
    return this.#with(work);
  }

  /**
   * Runs statements in one transaction. Rejects like `ask`; whether it was committed is then unknown. A TakenBack thrown by
   * `work` is passed on, with nothing changed.
   */
  change<T>(work: (db: Queryable) => Promise<T>): Promise<T> {
    return this.#with(pool => transaction(pool, work));
  }

  async #with<T>(work: (pool: Pool) => Promise<T>): Promise<T> {
    const pool = this.#open();
    if (performance.now() < this.#awayUntilMs)
      throw new LedgerUnavailable('the ledger did not answer a moment ago');
    if (pool.waitingCount >= MOST_WAITING)
      throw new LedgerUnavailable('too many requests wait for the ledger');
    try {
      const result = await work(pool);
      this.#outages.back();
      return result;
    } catch (error) {
      if (error instanceof TakenBack) throw error;
      const why = messageOf(error);
      const isTransient = !isFaultOfOurs(error);
      if (!isTransient) {
        this.#options.log.error({ err: error }, 'the ledger refused a statement');
      } else {
        this.#awayUntilMs = performance.now() + AWAY_MS;
        this.#outages.gone(error);
      }
      throw new LedgerUnavailable(why, { cause: error, isTransient });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.end();
  }

  #open(): Pool {
    const { databaseUrl, connections = CONNECTIONS, timeoutMs, log, open = openPool } = this.#options;
    if (databaseUrl === '') throw new LedgerUnavailable('DATABASE_URL is not set', { isTransient: false });
    if (this.#closed) throw new LedgerUnavailable('the gateway is stopping', { isTransient: false });
    if (this.#pool !== undefined) return this.#pool;
    this.#pool = open(databaseUrl, {
      max: connections,
      applicationName: 'fairline gateway',
      timeoutMs,
      // An idle connection says nothing of the server; the next request does.
      onError: error => log.debug({ reason: error.message }, 'lost an idle connection to Postgres'),
    });
    return this.#pool;
  }
}

/**
 * Whether Postgres is fine and the statement is not: bad data, a constraint, no such column (SQLSTATE classes 22, 23 and
 * 42). The next request may run another statement.
 */
function isFaultOfOurs(error: unknown): boolean {
  return error instanceof DatabaseError && /^(22|23|42)/.test(error.code ?? '');
}
