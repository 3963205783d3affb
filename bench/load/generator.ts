import { Answer, INCOMPLETE, readAnswer } from './answer.ts';
import { Connection, type ConnectionListener, NO_USER, requestText } from './connection.ts';
import { LoadError, type LoadJob, loopback } from './job.ts';
import { type LoadRecord, writeRecord } from './record.ts';
import type { LoadResult } from './result.ts';
import { Tally } from './tally.ts';
import { TicketBook } from './tickets.ts';

/** A longer Retry-After is cut to this, so that a run stays bounded. */
const RETRY_AFTER_MAX_MS = 30_000;
/** Spread of repeated requests, added to a quarter of Retry-After, so that they do not return as one burst. */
const RETRY_JITTER_MS = 250;
/** A lost connection is reopened after 20 ms, doubled for each failure in a row, up to this. */
const RECONNECT_MAX_MS = 1_000;

const originUs = performance.timeOrigin * 1e3;

/** Microseconds since 1970, monotonic within a process. */
function nowUs(): number {
  return originUs + performance.now() * 1e3;
}

/**
 * Why not autocannon: on a machine with two cores the bench would measure autocannon itself. Against the bare echo, 400
 * connections, in turn, medians of 13 runs of `node --import tsx bench/load/compare.ts` with other work on the machine:
 * autocannon 24 thousand requests/s at 27 us of CPU each, signing no tickets, checking no bodies and recording nothing;
 * this one 53 thousand/s at 12 us, the echo itself taking 10. About 8 us of that are the kernel's for one write and one
 * read on loopback, 3 are node's for its sockets, under 1 is the code here: a loop that reads the status and checks nothing
 * took 10 to 12 us when this took 11 to 12. Gathering the writes of a turn of the event loop, and going round the stream
 * machinery to node's own handles, gained nothing.
 */

/**
 * A closed loop of HTTP/1.1 requests over keep-alive connections, each connection one client: it asks for a user,
 * waits for the answer, and asks for the next.
 *
 * A connection has a request in flight; or *waits* for its timer (Retry-After, reconnecting); or is *opening*; or is
 * *retired*, when there is nothing left to ask. It keeps its user while it waits or reconnects to ask again, and
 * `advance` is the only way from one request to the next. The run is over when all connections are retired.
 */
class LoadRun implements ConnectionListener {
  readonly tally: Tally;
  private readonly job: LoadJob;
  private readonly tickets: TicketBook;
  private readonly connections: Connection[];
  private readonly answer = new Answer();
  private phase: 'connecting' | 'held' | 'running' | 'closing' = 'connecting';
  private resolve: () => void = () => {};
  private reject: (error: unknown) => void = () => {};
  private ended: LoadResult['ended'] = 'done';
  private upCount = 0;
  private working = 0;
  private nextUser = 0;
  private cpuUs = 0;

  constructor(job: LoadJob) {
    this.job = job;
    this.tickets = new TicketBook(job.users, job.ticket);
    this.tally = new Tally(job);
    const requests = job.bases.map(base => requestText(job, loopback(base), this.tickets.ticketBytes));
    this.connections = Array.from(
      { length: job.connections },
      (_, turn) => new Connection(requests, turn, this),
    );
  }

  /** Opens every connection; rejects with `LoadError` `connect` when one cannot be opened. */
  async connect(): Promise<void> {
    await this.phaseOf(() => {
      for (const connection of this.connections) connection.open(nowUs());
    });
    this.phase = 'held';
  }

  /** Sends until the users or the time are used up; rejects with `LoadError` `protocol` when an answer is malformed. */
  async send(signal: AbortSignal | undefined): Promise<void> {
    this.phase = 'running';
    this.working = this.connections.length;
    this.tally.started(nowUs());
    const cpu = process.cpuUsage();
    const { seconds, limitSeconds } = this.job;
    const limit = setTimeout(() => this.cutOff(), limitSeconds * 1e3);
    const time = seconds === undefined ? undefined : setTimeout(() => this.close('time'), seconds * 1e3);
    const abort = (): void => this.reject(new LoadError('aborted', 'the run was aborted'));
    signal?.addEventListener('abort', abort);
    try {
      await this.phaseOf(() => {
        for (const connection of this.connections) this.advance(connection);
      });
    } finally {
      signal?.removeEventListener('abort', abort);
      clearTimeout(limit);
      clearTimeout(time);
    }
    const used = process.cpuUsage(cpu);
    this.cpuUs = used.user + used.system;
    if (this.ended === 'done' && seconds !== undefined) this.ended = 'users';
  }

  stop(): void {
    this.phase = 'closing';
    for (const connection of this.connections) {
      clearTimeout(connection.timer);
      connection.drop();
    }
  }

  result(): LoadResult {
    return this.tally.result(this.ended, this.cpuUs);
  }

  up(connection: Connection): void {
    if (this.phase !== 'connecting') this.advance(connection);
    else if (++this.upCount === this.connections.length) this.resolve();
  }

  down(connection: Connection, code: string): void {
    if (this.phase === 'connecting') {
      this.reject(new LoadError('connect', `cannot connect to ${connection.authority}: ${code}`));
      return;
    }
    if (code !== 'closed' || connection.inFlight) this.tally.failed(code);
    if (this.phase === 'held' || connection.timer !== undefined) return;
    if (connection.inFlight) this.lose(connection, 'unknown');
    this.reconnect(connection);
  }

  received(connection: Connection, bytes: Buffer, count: number): void {
    try {
      this.read(connection, bytes, count);
    } catch (error) {
      this.reject(error);
    }
  }

  private read(connection: Connection, chunk: Buffer, count: number): void {
    if (!connection.inFlight) {
      this.refuse(connection);
      return;
    }
    let bytes = chunk;
    let end = count;
    if (connection.carry !== undefined) {
      bytes = Buffer.concat([connection.carry, chunk.subarray(0, count)]);
      end = bytes.length;
      connection.carry = undefined;
    }
    const { answer } = this;
    let at = 0;
    do {
      const next = readAnswer(bytes, at, end, answer);
      if (next === INCOMPLETE) {
        connection.carry = Buffer.from(bytes.subarray(at, end));
        return;
      }
      at = next;
    } while (answer.status < 200);
    const pauseMs = this.answered(connection, bytes);
    if (at < end) this.tally.failed('unsolicited');
    if (at < end || answer.close) connection.drop();
    if (pauseMs > 0 && this.phase === 'running') this.advanceIn(connection, pauseMs);
    else this.advance(connection);
  }

  /** Bytes without a request: the connection cannot be trusted to answer the next request. */
  private refuse(connection: Connection): void {
    this.tally.failed('unsolicited');
    connection.drop();
    if (this.phase === 'running' && connection.timer === undefined) this.advance(connection);
  }

  /** Records the answer that was just read, and returns how long this connection waits before it asks again, in ms. */
  private answered(connection: Connection, bytes: Buffer): number {
    const { answer, tally } = this;
    const { user } = connection;
    tally.answered(user, answer, bytes, connection.sentUs, nowUs());
    connection.inFlight = false;
    connection.failures = 0;
    if (answer.status === 503 && answer.retryAfterMs >= 0 && tally.mayAskAgain(user)) {
      const waitMs = Math.min(answer.retryAfterMs, RETRY_AFTER_MAX_MS);
      return waitMs + 1 + Math.random() * (RETRY_JITTER_MS + waitMs / 4);
    }
    connection.user = NO_USER;
    return 0;
  }

  private advance(connection: Connection): void {
    if (
      this.phase !== 'running' ||
      (connection.user === NO_USER && this.nextUser >= this.tally.record.length)
    ) {
      this.retire(connection);
      return;
    }
    if (!connection.isUp) {
      connection.open(nowUs());
      return;
    }
    if (connection.user === NO_USER) connection.user = this.nextUser++;
    connection.sentUs = nowUs();
    connection.inFlight = true;
    this.tally.noteSent(connection.user, connection.sentUs);
    connection.write(this.tickets, connection.user);
  }

  private advanceIn(connection: Connection, delayMs: number): void {
    connection.timer = setTimeout(() => {
      connection.timer = undefined;
      this.advance(connection);
    }, delayMs);
  }

  private reconnect(connection: Connection): void {
    connection.moveOn();
    const delayMs = Math.min(RECONNECT_MAX_MS, 20 * 2 ** Math.min(connection.failures++, 10));
    if (this.phase === 'running') this.advanceIn(connection, delayMs * (0.5 + Math.random() / 2));
    else this.advance(connection);
  }

  private lose(connection: Connection, how: 'unknown' | 'timeouts'): void {
    const { user } = connection;
    this.tally.lost(user, how);
    connection.inFlight = false;
    if (!this.tally.mayAskAgain(user)) connection.user = NO_USER;
  }

  private retire(connection: Connection): void {
    if (connection.retired) return;
    connection.retired = true;
    clearTimeout(connection.timer);
    connection.drop();
    if (--this.working === 0) this.resolve();
  }

  /** Starts no new request from here on; requests in flight may still be answered. */
  private close(ended: 'time' | 'limit'): void {
    if (this.phase !== 'running') return;
    this.phase = 'closing';
    this.ended = ended;
    for (const connection of this.connections) {
      if (!connection.inFlight) this.retire(connection);
    }
  }

  private cutOff(): void {
    this.close('limit');
    this.ended = 'limit';
    for (const connection of this.connections) {
      if (!connection.inFlight) continue;
      this.lose(connection, 'unknown');
      this.retire(connection);
    }
  }

  private sweep(): void {
    const oldestUs = nowUs() - this.job.timeoutMs * 1e3;
    for (const connection of this.connections) {
      if (connection.inFlight && connection.sentUs < oldestUs) {
        connection.drop();
        this.lose(connection, 'timeouts');
        this.reconnect(connection);
      } else if (connection.openingUs > 0 && connection.openingUs < oldestUs) {
        connection.drop();
        this.down(connection, 'connect_timeout');
      }
    }
  }

  private async phaseOf(begin: () => void): Promise<void> {
    const sweeper = setInterval(() => this.sweep(), Math.min(250, this.job.timeoutMs / 4));
    try {
      await new Promise<void>((resolve, reject) => {
        this.resolve = resolve;
        this.reject = reject;
        begin();
      });
    } finally {
      clearInterval(sweeper);
    }
  }
}

/**
 * Runs a job in this process: signs the tickets, awaits `signed`, connects, awaits `ready`, sends, and stops by itself.
 * Rejects with `LoadError`: `connect`, `protocol` (an answer that is not HTTP/1.1 framed by Content-Length), `aborted`.
 */
export async function runLoad(
  job: LoadJob,
  hooks: { signed?: () => Promise<void>; ready?: () => Promise<void>; signal?: AbortSignal } = {},
): Promise<{ result: LoadResult; record: LoadRecord }> {
  const run = new LoadRun(job);
  try {
    await hooks.signed?.();
    await run.connect();
    await hooks.ready?.();
    await run.send(hooks.signal);
  } finally {
    run.stop();
  }
  if (job.recordPath !== undefined) await writeRecord(job.recordPath, run.tally.record);
  return { result: run.result(), record: run.tally.record };
}
