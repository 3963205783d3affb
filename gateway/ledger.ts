/**
 * The gateway's way to Postgres, for cold public routes: nobody who is ranked or watches ever waits for it, and nobody who
 * enters, but for campaigns that Redis is being made anew of: there the ledger knows who was here before. Opened when it is first asked, with few connections. With Postgres gone, or without DATABASE_URL,
 * those routes say 503 and the queue goes on; after a failure all are told so at once for a while, so that a Postgres
 * that hangs holds up only those who were the first to ask.
 */
import { DatabaseError } from 'pg';
import type { Logger } from 'pino';
import { openPool, type Pool, type Queryable, transaction } from '../sql/database.ts';

/** The ledger cannot be asked at the moment; `message` says why. */
export class LedgerUnavailable extends Error {}

/** Thrown by work that takes back what it did in a transaction; the ledger itself is well. */
export class TakenBack extends Error {}

const CONNECTIONS = 4;
/** More would only wait for longer than their clients do. */
const MOST_WAITING = 100;
/** Longer: what is back is found later. Shorter: more people wait for what is still away. */
const AWAY_MS = 1_000;

export interface LedgerOptions {
  /** '' for none. */
  readonly databaseUrl: string;
  /** For a connection, and for a statement. */
  readonly timeoutMs: number;
  readonly log: Logger;
  /** Opens the pool; openPool where it is left out. */
  readonly open?: typeof openPool;
}

export class Ledger {
  readonly #options: LedgerOptions;
  #pool: Pool | undefined;
  #closed = false;
  #awayUntilMs = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Runs statements. Rejects with LedgerUnavailable when Postgres does not answer in time, or refuses to. */
  ask<T>(work: (db: Queryable) => Promise<T>): Promise<T> {
    return this.#with(work);
  }

  /**
   * Runs statements in one transaction. Rejects as `ask` does; then it is not known whether it was committed. A
   * TakenBack that `work` throws comes through, with nothing changed.
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
      return await work(pool);
    } catch (error) {
      if (error instanceof TakenBack) throw error;
      const why = error instanceof Error ? error.message : String(error);
      if (isFaultOfOurs(error)) {
        this.#options.log.error({ err: error }, 'the ledger refused a statement');
      } else {
        this.#awayUntilMs = performance.now() + AWAY_MS;
        this.#options.log.debug({ reason: why }, 'the ledger is unreachable');
      }
      throw new LedgerUnavailable(why, { cause: error });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.end();
  }

  #open(): Pool {
    const { databaseUrl, timeoutMs, log, open = openPool } = this.#options;
    if (databaseUrl === '') throw new LedgerUnavailable('DATABASE_URL is not set');
    if (this.#closed) throw new LedgerUnavailable('the gateway is stopping');
    this.#pool ??= open(databaseUrl, {
      max: CONNECTIONS,
      applicationName: 'fairline gateway',
      timeoutMs,
      onError: error => log.warn({ reason: error.message }, 'lost a connection to Postgres'),
    });
    return this.#pool;
  }
}

/**
 * Whether Postgres is well and the statement is not: bad data, a constraint, no such column (SQLSTATE classes 22, 23 and
 * 42). The next one who asks may ask something else.
 */
function isFaultOfOurs(error: unknown): boolean {
  return error instanceof DatabaseError && /^(22|23|42)/.test(error.code ?? '');
}
