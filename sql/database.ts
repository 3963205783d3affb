/**
 * The way to Postgres: a pool that reads bigint as a number, and transactions.
 */
import pg from 'pg';

export type Pool = pg.Pool;
/** One connection of it. */
export type Connection = pg.PoolClient;
/** What statements are written over: the pool, or one connection inside a transaction. */
export type Queryable = Pick<pg.PoolClient, 'query'>;

export interface PoolOptions {
  readonly max: number;
  readonly applicationName: string;
  /** For a connection and for a statement, where that is to be shorter than usual; also with a server that hangs. */
  readonly timeoutMs?: number;
  /** Told of errors of idle connections; the pool replaces them by itself. */
  readonly onError: (error: Error) => void;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A statement that takes longer is held up by something; it is ended so that its locks are not held for ever. */
const STATEMENT_TIMEOUT_MS = 60_000;

/**
 * Every bigint of the schema (stamps, microseconds, counts) is below 2^53 by construction, so it is read as a number;
 * one that is not stops the query instead of losing its last digits.
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
    ...(options.timeoutMs === undefined ? {} : { query_timeout: options.timeoutMs }),
    types,
  });
  pool.on('error', options.onError);
  // The pool listens to idle connections only. One that is lost in the middle of a transaction, between two statements,
  // would end the process; whoever has it is told by its next statement.
  pool.on('connect', client => {
    client.on('error', () => undefined);
  });
  return pool;
}

/**
 * A process that stands still in the middle of a transaction (paused, or its machine is) holds rows that others wait
 * for. The server ends its connection after this long; nothing that is written here thinks for that long.
 */
const BEGIN = beginWithin(10_000);

function beginWithin(idleMs: number): string {
  return `begin; set local idle_in_transaction_session_timeout = '${idleMs}ms'`;
}

/**
 * The same for a step of settling. Most of its statements have a name: a connection prepares each of them once (the server
 * then plans it once, too), and not for every campaign. Half of what a step of a coupon cost the server was parsing and planning.
 * - Such a plan stays until a table is analyzed, however much it grows meanwhile; made while a table fits on a page, it would
 *   read all of it. So no plan of a step may read a whole table; each finds its rows by an index of its campaign.
 * - No statement that joins arrays has a name, nor one that joins what a limit lets through: one plan is not right for 5 rows
 *   and for 5,000. For any limit the server takes a tenth of what there is, and would go through all people of a large room.
 */
const BEGIN_STEP = `${BEGIN}; set local enable_seqscan = off`;

interface Frame {
  readonly begin: string;
  readonly end: 'commit' | 'rollback';
}

/** The result columns of a statement that was prepared have other types since a migration. */
const PLAN_REFUSED = '0A000';

/** Runs `work` in one transaction: committed when it resolves, rolled back when it throws. */
export async function transaction<T>(pool: Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return await run(pool, work, { begin: BEGIN, end: 'commit' });
}

/** The same for one step of settling; see BEGIN_STEP. */
export async function stepTransaction<T>(
  pool: Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  return await run(pool, work, { begin: BEGIN_STEP, end: 'commit' });
}

/** The connection was lost in a transaction: none of it is committed, unless it was lost as the commit was answered. */
export class TransactionLost extends Error {}

/**
 * The same for what holds for a short time only: the server takes all of it back when it hears nothing of this process for
 * `idleMs` whole milliseconds between two statements. So it is committed no later than that behind the answer to the last
 * one, whatever stood still meanwhile. Rejects with TransactionLost then, and where the connection is lost otherwise.
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

/** Runs `work` as a transaction would, and takes back what it did: what it resolves with says what would happen. */
export async function rehearsal<T>(pool: Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return await run(pool, work, { begin: BEGIN, end: 'rollback' });
}

/** The same over one connection that is held for longer. */
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
 * `onBroken`: a connection on which the rollback fails too is not given back for others to use, nor is one whose prepared
 * statements the server refuses: a new one prepares them anew.
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
    await client.query('rollback').catch(onBroken);
    throw error;
  }
}
