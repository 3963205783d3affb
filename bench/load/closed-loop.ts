import type { Answer } from './answer.ts';
import { Client, type ClientListener, NO_USER, nowUs } from './client.ts';
import { LoadError, type LoadJob } from './job.ts';
import type { RequestText } from './request.ts';
import type { LoadResult } from './result.ts';

/** A longer Retry-After is cut to this, so that a run stays bounded. */
const RETRY_AFTER_MAX_MS = 30_000;
/** Spread of repeated requests, added to a quarter of Retry-After, so that they do not return as one burst. */
const RETRY_JITTER_MS = 250;
/** A lost connection is reopened after 20 ms, doubled for each failure in a row, up to this. */
const RECONNECT_MAX_MS = 1_000;

/** For how long a loop runs, and how long it waits: see job.ts. */
export type LoopTerms = Pick<LoadJob, 'connections' | 'seconds' | 'limitSeconds' | 'timeoutMs'>;

/** What becomes of the requests of a loop. Whatever a method throws fails the run. */
export interface LoopTally {
  /** Users 0 to this, exclusive, are each asked for once. */
  readonly users: number;
  started(atUs: number): void;
  noteSent(user: number, atUs: number): void;
  /** The body is in `bytes`; both are valid within the call only. */
  answered(user: number, answer: Answer, bytes: Buffer, sentUs: number, atUs: number): void;
  /** A request of this user will not be answered any more. */
  lost(user: number, how: 'unknown' | 'timeouts'): void;
  /** Something went wrong, by code: see result.ts. */
  failed(code: string): void;
  /** Whether another request may be sent for this user. */
  mayAskAgain(user: number): boolean;
}

/** How a run ended, its time until the last client retired, and its CPU time in this process. */
export interface LoopEnd {
  readonly ended: LoadResult['ended'];
  readonly seconds: number;
  readonly cpuUs: number;
}

/**
 * A closed loop of HTTP/1.1 requests over keep-alive connections, each connection one client: it asks for a user,
 * waits for the answer, and asks for the next. What is asked and recorded is the caller's (`RequestText`, `LoopTally`).
 *
 * A connection has a request in flight; or *waits* for its timer (Retry-After, reconnecting); or is *opening*; or is
 * *retired*, when there is nothing left to ask. It keeps its user while it waits or reconnects to ask again, and
 * `advance` is the only way from one request to the next. The run is over when all connections are retired.
 *
 * Why it is our own: on a machine with two cores the bench would measure autocannon itself. Against the bare echo, 400
 * connections, in turn, medians of 13 runs of `node --import tsx bench/load/compare.ts` with other work on the machine:
 * autocannon 24 thousand requests/s at 27 us of CPU each, signing no tickets, checking no bodies and recording nothing;
 * this one 53 thousand/s at 12 us, the echo itself taking 10. About 8 us of that are the kernel's for one write and one
 * read on loopback, 3 are node's for its sockets, under 1 is the code here: a loop that reads the status and checks nothing
 * took 10 to 12 us when this took 11 to 12. Gathering the writes of a turn of the event loop, and going round the stream
 * machinery to node's own handles, gained nothing.
 */
export class ClosedLoop implements ClientListener {
  readonly #terms: LoopTerms;
  readonly #tally: LoopTally;
  readonly #clients: readonly Client[];
  #phase: 'connecting' | 'held' | 'running' | 'closing' = 'connecting';
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #ended: LoadResult['ended'] = 'done';
  #upCount = 0;
  #working = 0;
  #nextUser = 0;

  /** One request for each base; the connections are dealt round them. */
  constructor(terms: LoopTerms, requests: readonly RequestText[], tally: LoopTally) {
    this.#terms = terms;
    this.#tally = tally;
    this.#clients = Array.from({ length: terms.connections }, (_, turn) => new Client(requests, turn, this));
  }

  /** Opens every connection; rejects with `LoadError` `connect` when one cannot be opened. */
  async connect(): Promise<void> {
    await this.#phaseOf(() => {
      for (const client of this.#clients) client.open(nowUs());
    });
    this.#phase = 'held';
  }

  /** Sends until the users or the time are used up; rejects with `LoadError` `protocol` when an answer is malformed. */
  async send(signal: AbortSignal | undefined): Promise<LoopEnd> {
    this.#phase = 'running';
    this.#working = this.#clients.length;
    const beganUs = nowUs();
    this.#tally.started(beganUs);
    const cpu = process.cpuUsage();
    const { seconds, limitSeconds } = this.#terms;
    const limit = setTimeout(() => this.#guard(() => this.#cutOff()), limitSeconds * 1e3);
    const time = seconds === undefined ? undefined : setTimeout(() => this.#close('time'), seconds * 1e3);
    const abort = (): void => this.#reject(new LoadError('aborted', 'the run was aborted'));
    signal?.addEventListener('abort', abort);
    try {
      await this.#phaseOf(() => {
        for (const client of this.#clients) this.#advance(client);
      });
    } finally {
      signal?.removeEventListener('abort', abort);
      clearTimeout(limit);
      clearTimeout(time);
    }
    const { user, system } = process.cpuUsage(cpu);
    const ended = this.#ended === 'done' && seconds !== undefined ? 'users' : this.#ended;
    return { ended, seconds: (nowUs() - beganUs) / 1e6, cpuUs: user + system };
  }

  stop(): void {
    this.#phase = 'closing';
    for (const client of this.#clients) {
      clearTimeout(client.timer);
      client.drop();
    }
  }

  up(client: Client): void {
    if (this.#phase !== 'connecting') this.#advance(client);
    else if (++this.#upCount === this.#clients.length) this.#resolve();
  }

  down(client: Client, code: string): void {
    this.#guard(() => this.#down(client, code));
  }

  answered(client: Client, answer: Answer, bytes: Buffer, more: boolean): void {
    const pauseMs = this.#answered(client, answer, bytes);
    if (more) this.#tally.failed('unsolicited');
    if (more || answer.close) client.drop();
    if (pauseMs > 0 && this.#phase === 'running') this.#advanceIn(client, pauseMs);
    else this.#advance(client);
  }

  /** The connection cannot be trusted to answer the next request. */
  unsolicited(client: Client): void {
    this.#tally.failed('unsolicited');
    client.drop();
    if (this.#phase === 'running' && client.timer === undefined) this.#advance(client);
  }

  failed(error: unknown): void {
    this.#reject(error);
  }

  #down(client: Client, code: string): void {
    if (this.#phase === 'connecting') {
      this.#reject(new LoadError('connect', `cannot connect to ${client.authority}: ${code}`));
      return;
    }
    if (code !== 'closed' || client.inFlight) this.#tally.failed(code);
    if (this.#phase === 'held' || client.timer !== undefined) return;
    if (client.inFlight) this.#lose(client, 'unknown');
    this.#reconnect(client);
  }

  /** Records an answer, and returns how long this client waits before it asks again, in ms. */
  #answered(client: Client, answer: Answer, bytes: Buffer): number {
    const { user } = client;
    this.#tally.answered(user, answer, bytes, client.sentUs, nowUs());
    client.failures = 0;
    if (answer.status === 503 && answer.retryAfterMs >= 0 && this.#tally.mayAskAgain(user)) {
      const waitMs = Math.min(answer.retryAfterMs, RETRY_AFTER_MAX_MS);
      return waitMs + 1 + Math.random() * (RETRY_JITTER_MS + waitMs / 4);
    }
    client.user = NO_USER;
    return 0;
  }

  #advance(client: Client): void {
    if (this.#phase !== 'running' || (client.user === NO_USER && this.#nextUser >= this.#tally.users)) {
      this.#retire(client);
      return;
    }
    if (!client.isUp) {
      client.open(nowUs());
      return;
    }
    const user = client.user === NO_USER ? this.#nextUser++ : client.user;
    const atUs = nowUs();
    this.#tally.noteSent(user, atUs);
    client.ask(user, atUs);
  }

  #advanceIn(client: Client, delayMs: number): void {
    client.timer = setTimeout(() => {
      client.timer = undefined;
      this.#advance(client);
    }, delayMs);
  }

  #reconnect(client: Client): void {
    client.moveOn();
    const delayMs = Math.min(RECONNECT_MAX_MS, 20 * 2 ** Math.min(client.failures++, 10));
    if (this.#phase === 'running') this.#advanceIn(client, delayMs * (0.5 + Math.random() / 2));
    else this.#advance(client);
  }

  #lose(client: Client, how: 'unknown' | 'timeouts'): void {
    const { user } = client;
    this.#tally.lost(user, how);
    client.inFlight = false;
    if (!this.#tally.mayAskAgain(user)) client.user = NO_USER;
  }

  #retire(client: Client): void {
    if (client.retired) return;
    client.retired = true;
    clearTimeout(client.timer);
    client.drop();
    if (--this.#working === 0) this.#resolve();
  }

  /** Starts no new request from here on; requests in flight may still be answered. */
  #close(ended: 'time' | 'limit'): void {
    if (this.#phase !== 'running') return;
    this.#phase = 'closing';
    this.#ended = ended;
    for (const client of this.#clients) {
      if (!client.inFlight) this.#retire(client);
    }
  }

  #cutOff(): void {
    this.#close('limit');
    this.#ended = 'limit';
    for (const client of this.#clients) {
      if (!client.inFlight) continue;
      this.#lose(client, 'unknown');
      this.#retire(client);
    }
  }

  #sweep(): void {
    const oldestUs = nowUs() - this.#terms.timeoutMs * 1e3;
    for (const client of this.#clients) {
      if (client.inFlight && client.sentUs < oldestUs) {
        client.drop();
        this.#lose(client, 'timeouts');
        this.#reconnect(client);
      } else if (client.openingUs > 0 && client.openingUs < oldestUs) {
        client.drop();
        this.down(client, 'connect_timeout');
      }
    }
  }

  async #phaseOf(begin: () => void): Promise<void> {
    const sweeper = setInterval(
      () => this.#guard(() => this.#sweep()),
      Math.min(250, this.#terms.timeoutMs / 4),
    );
    try {
      await new Promise<void>((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
        begin();
      });
    } finally {
      clearInterval(sweeper);
    }
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#reject(error);
    }
  }
}
