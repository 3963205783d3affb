/** Access to Postgres: a pool that reads bigint as a number, and transactions. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export type Pool = pg.Pool;
/** A connection of the pool. */
export type Connection = pg.PoolClient;
/** Runs statements: the pool, or one connection inside a transaction. */
export type Queryable = Pick<pg.PoolClient, 'query'>;

export interface PoolOptions {
  readonly max: number;
  readonly applicationName: string;
  /** The limit for connecting and for a statement, if shorter than usual; it also ends the wait for a server that hangs. */
  readonly timeoutMs?: number;
  /** The limit for an answer of a server that may have vanished, if shorter than usual. */
  readonly answerTimeoutMs?: number;
  /** Called with errors of idle connections, for each of them; the pool replaces them by itself, when they are needed. */
  readonly onError: (error: Error) => void;
  /** Called for each connection that was made. */
  readonly onConnect?: () => void;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Something holds up a statement that takes longer; the server ends it so that its locks are not held forever. */
const STATEMENT_TIMEOUT_MS = 60_000;
/**
 * A server that does not even end the statement by then has vanished without a word: its machine died, or something between
 * forgot the connection. Nothing else would ever tell; TCP itself gives up after a quarter of an hour, and only if something
 * was on its way.
 */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000;
/** So that a connection without traffic is not forgotten between here and the server. */
const KEEP_ALIVE_AFTER_MS = 5_000;

/**
 * Every bigint of the schema (stamps, microseconds, counts) is below 2^53 by construction, so it is read as a number. A
 * greater one fails the query instead of losing its last digits.
 */
function readBigint(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the bigint ${text} is beyond 2^53`);
  return value;
}

export function openPool(databaseUrl: string, options: PoolOptions): Pool {
  const types = new pg.TypeOverrides();
  types.setTypeParser(pg.types.builtins.INT8, readBigint);
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: options.max,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.timeoutMs ?? CONNECT_TIMEOUT_MS,
    statement_timeout: options.timeoutMs ?? STATEMENT_TIMEOUT_MS,
    query_timeout: options.answerTimeoutMs ?? options.timeoutMs ?? ANSWER_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    types,
  });
  pool.on('error', options.onError);
  // The pool listens for errors of idle connections only. Without this, a connection lost in the middle of a transaction,
  // between two statements, would end the process; with it, its next statement fails.
  pool.on('connect', client => {
    client.on('error', () => undefined);
    options.onConnect?.();
  });
  return pool;
}

/**
 * A process that is paused in the middle of a transaction, or whose machine is, holds rows that others wait for. The server
 * ends its connection after this time; no transaction here waits that long between two statements.
 */
const BEGIN = beginWithin(10_000);

function beginWithin(idleMs: number): string {
  return `begin; set local idle_in_transaction_session_timeout = '${idleMs}ms'`;
}

/**
 * Begins a step of settling. Most of its statements have a name, so a connection prepares (and the server plans) each of them
 * once, not for every campaign. Parsing and planning was half of what a coupon's step cost the server.
 * - A plan stays until a table is analyzed, however much the table grows meanwhile; a plan made while a table fits on a page
 *   would read all of it. So no plan of a step may scan a whole table; each finds its rows by an index of its campaign. Plans
 *   are also discarded where the connection serves queryRepeated.
 * - A statement that joins arrays has no name, nor does one that joins limited rows: one plan does not suit both 5 rows and
 *   5,000. For a limit given as a parameter, the server assumes a tenth of the rows, and would scan all users of a large
 *   room.
 */
const BEGIN_STEP = `${BEGIN}; set local enable_seqscan = off`;

/** A statement that a loop repeats many times a second. */
export interface Repeated {
  /** Of this text alone. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * Tables of a drop grow from nothing to a million rows between two runs of autovacuum, and nothing else makes a prepared
 * statement's plan anew.
 */
const PLANNED_FOR_MS = 2_000;
const plannedAtMs = new WeakMap<pg.PoolClient, number>();

/**
 * Runs a statement that is planned at most every two seconds on each connection. Statements that look for work cost more to
 * plan than to run. Measured with nothing to do, us of the server's CPU, planned each time and prepared: findWork 1,225 and
 * 100, findRooms 925 and 75. The server of an idle engine took 103 ms of CPU a second before, and 55 since. A statement that
 * joins arrays is not for this, as one plan does not suit both 5 rows and 5,000.
 */
export async function queryRepeated<T extends pg.QueryResultRow>(
  db: Queryable,
  { name, text, values }: Repeated,
): Promise<pg.QueryResult<T>> {
  if (!(db instanceof pg.Pool)) return await db.query<T>({ name, text, values: [...values] });
  const client = await db.connect();
  let broken: Error | undefined;
  try {
    const nowMs = performance.now();
    if (nowMs - (plannedAtMs.get(client) ?? Number.NEGATIVE_INFINITY) > PLANNED_FOR_MS) {
      await client.query('discard plans');
      plannedAtMs.set(client, nowMs);
    }
    return await client.query<T>({ name, text, values: [...values] });
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    client.release(broken);
  }
}

interface Frame {
  readonly begin: string;
  readonly end: 'commit' | 'rollback';
}

/** The result columns of a prepared statement have other types since a migration. */
const PLAN_REFUSED = '0A000';

/** Whether a statement got no answer in time; pg gives this error no code. */
export function isUnanswered(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout';
}

/** Runs `work` in one transaction: committed when it resolves, rolled back when it throws. */
export async function transaction<T>(pool: Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return await run(pool, work, { begin: BEGIN, end: 'commit' });
}

/** Like `transaction`, for one step of settling; see BEGIN_STEP. */
export async function stepTransaction<T>(
  pool: Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  return await run(pool, work, { begin: BEGIN_STEP, end: 'commit' });
}

/** The connection was lost in a transaction. Nothing of it is committed, unless the connection was lost during the commit. */
export class TransactionLost extends Error {}

/**
 * Like `transaction`, for work that is valid only for a short time: the server rolls it back if this process sends nothing
 * for `idleMs` (whole milliseconds) between two statements. So it is committed no later than that after the answer to the
 * last statement, even if this process was paused meanwhile. Rejects with TransactionLost in that case, and whenever the
 * connection is lost.
 */
export async function transactionWithin<T>(
  pool: Pool,
  idleMs: number,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  let lost: Error | undefined;
  try {
    return await run(pool, work, { begin: beginWithin(idleMs), end: 'commit' }, error => {
      lost = error;
    });
  } catch (error) {
    throw lost === undefined ? error : new TransactionLost(lost.message, { cause: error });
  }
}

const TERMINATE_AGAIN_MS = 100;

/**
 * Like `transaction`, for long work that a stop must not wait for: when `signal` is aborted, the server ends the connection,
 * whatever statement is running, and rolls back. Cancelling the statement is not enough: between two statements there is none.
 */
export async function transactionUntil<T>(
  pool: Pool,
  signal: AbortSignal,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  return await transaction(pool, async client => {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    let isOver = false;
    let ending: Promise<void> = Promise.resolve();
    // A pool whose connections are all in use gives none for a while.
    const terminate = async (): Promise<void> => {
      while (!isOver) {
        const sent = await pool
          .query('select pg_terminate_backend($1)', [rows[0]?.pid])
          .catch(() => undefined);
        if (sent !== undefined) return;
        // A pool that has ended refuses at once.
        await sleep(TERMINATE_AGAIN_MS);
      }
    };
    const end = (): void => {
      ending = terminate();
    };
    signal.throwIfAborted();
    signal.addEventListener('abort', end, { once: true });
    try {
      const result = await work(client);
      // The connection is ending or has ended: it must not commit anything, or be reused.
      signal.throwIfAborted();
      return result;
    } finally {
      isOver = true;
      signal.removeEventListener('abort', end);
      await ending;
    }
  });
}

/** Runs `work` like a transaction and rolls it back: its result shows what would happen. */
export async function rehearsal<T>(pool: Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return await run(pool, work, { begin: BEGIN, end: 'rollback' });
}

/** Like `transaction`, on a connection that the caller keeps. */
export async function transactionOn<T>(
  client: Connection,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  return await runOn(client, work, { begin: BEGIN, end: 'commit' }, () => undefined);
}

async function run<T>(
  pool: Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  frame: Frame,
  onBroken: (error: Error) => void = () => undefined,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    return await runOn(client, work, frame, error => {
      broken = error;
      onBroken(error);
    });
  } finally {
    client.release(broken);
  }
}

/**
 * `onBroken`: called for a connection that must not be reused: its rollback failed too, or the server refuses its prepared
 * statements, which a new connection prepares again.
 */
async function runOn<T>(
  client: Connection,
  work: (client: pg.PoolClient) => Promise<T>,
  { begin, end }: Frame,
  onBroken: (error: Error) => void,
): Promise<T> {
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query(end);
    return result;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === PLAN_REFUSED) onBroken(error);
    // Behind a statement without an answer, a rollback would get none either.
    if (isUnanswered(error)) onBroken(error);
    else await client.query('rollback').catch(onBroken);
    throw error;
  }
}

/** The constraint that a statement has violated; undefined for any other error. */
export function violatedConstraint(error: unknown): string | undefined {
  return error instanceof Error && 'constraint' in error && typeof error.constraint === 'string'
    ? error.constraint
    : undefined;
}
