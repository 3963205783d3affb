/**
 * Locks that only one engine at a time can hold, for as long as its connection to Postgres lives: session-level advisory locks
 * on a dedicated connection. When the connection is lost, both sides lose the locks.
 */
import pg from 'pg';

/** The class of all locks: it keeps fairline's locks apart from those of other applications in the same database. */
const CLASS = 0x66_61_69_72;
/** Partition locks are numbered from here. */
const FIRST_PARTITION = 1_000;

export type LockName =
  | { readonly name: 'registry' }
  | { readonly name: 'partition'; readonly partition: number };

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 5_000;
/** A suspended process sends no queries: after this long the server ends its session, and other engines can take the locks. */
const IDLE_LIMIT_MS = 10_000;
/**
 * A running process sends this many queries within the limit, whatever else it does and however long that takes. With fewer, a
 * process that gets little CPU loses its locks, and so does the next holder, each in the middle of the same work.
 */
const ASKED_IN_LIMIT = 5;

export class Locks {
  readonly #databaseUrl: string;
  readonly #applicationName: string;
  readonly #onError: (error: Error) => void;
  readonly #onConnect: () => void;
  readonly #idleLimitMs: number;
  readonly #answerTimeoutMs: number;
  readonly #held = new Set<number>();
  #client: pg.Client | undefined;
  #connecting: Promise<pg.Client> | undefined;
  #keepingAlive: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: {
    readonly databaseUrl: string;
    readonly applicationName: string;
    readonly onError: (error: Error) => void;
    /** Called for each connection that was made. */
    readonly onConnect?: () => void;
    /** Shorter for tests. */
    readonly idleLimitMs?: number;
    readonly answerTimeoutMs?: number;
  }) {
    this.#databaseUrl = options.databaseUrl;
    this.#applicationName = options.applicationName;
    this.#onError = options.onError;
    this.#onConnect = options.onConnect ?? (() => undefined);
    this.#idleLimitMs = options.idleLimitMs ?? IDLE_LIMIT_MS;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
  }

  /**
   * Whether this engine holds the lock, as confirmed by the server now. Rejects if Postgres does not answer; then it holds
   * none.
   */
  async take(lock: LockName): Promise<boolean> {
    const number = numberOf(lock);
    const client = await this.#connected();
    if (this.#held.has(number)) {
      await this.#ask(client, 'select 1');
      return this.#held.has(number);
    }
    const rows = await this.#ask(client, 'select pg_try_advisory_lock($1, $2) as taken', [CLASS, number]);
    const isTaken = rows[0]?.taken === true;
    if (isTaken) this.#held.add(number);
    return isTaken;
  }

  async release(lock: LockName): Promise<void> {
    const number = numberOf(lock);
    if (!this.#held.has(number)) return;
    const client = await this.#connected();
    await this.#ask(client, 'select pg_advisory_unlock($1, $2)', [CLASS, number]);
    this.#held.delete(number);
  }

  /**
   * After a query without an answer nobody knows what the session holds: the server may grant a lock later that no engine
   * knows of and none releases, and count one twice that is taken again. So the session ends, and its locks with it.
   */
  async #ask(
    client: pg.Client,
    statement: string,
    values: readonly number[] = [],
  ): Promise<{ readonly taken?: boolean }[]> {
    try {
      return (await client.query<{ readonly taken?: boolean }>(statement, [...values])).rows;
    } catch (error) {
      if (this.#client === client) this.#lose();
      endNow(client);
      throw error;
    }
  }

  /** Releases all locks. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const client = this.#client;
    this.#lose();
    await client?.end();
  }

  async #connected(): Promise<pg.Client> {
    if (this.#isClosed) throw new Error('the locks are closed');
    if (this.#client !== undefined) return this.#client;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#databaseUrl,
      application_name: this.#applicationName,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: this.#answerTimeoutMs,
      keepAlive: true,
    });
    client.on('error', error => {
      this.#onError(error);
      if (this.#client === client) this.#lose();
    });
    client.on('end', () => {
      if (this.#client === client) this.#lose();
    });
    try {
      await client.connect();
      await client.query(`set idle_session_timeout = '${this.#idleLimitMs}ms'`);
      if (this.#isClosed) throw new Error('the locks are closed');
    } catch (error) {
      endNow(client);
      throw error;
    }
    this.#client = client;
    this.#onConnect();
    this.#keepAlive(client);
    return client;
  }

  #keepAlive(client: pg.Client): void {
    this.#keepingAlive = setInterval(() => {
      // The next `take` finds the session ended, and begins another.
      this.#ask(client, 'select 1').catch(() => undefined);
    }, this.#idleLimitMs / ASKED_IN_LIMIT);
  }

  #lose(): void {
    clearInterval(this.#keepingAlive);
    this.#client = undefined;
    this.#held.clear();
  }
}

/** Ends a connection without waiting for a server that may be gone. */
function endNow(client: pg.Client): void {
  client.end().catch(() => undefined);
}

function numberOf(lock: LockName): number {
  return lock.name === 'registry' ? 0 : FIRST_PARTITION + lock.partition;
}
