/**
 * Clients in a known order: one process, one clock. Each request is sent at its own instant whatever became of those before
 * (an open loop), over connections that are open already. The instants are a Poisson process with a stated seed, so every
 * way gets the same rhythm of requests.
 */
import type { Answer } from '../load/answer.ts';
import { Client, type ClientListener, NO_USER, nowUs } from '../load/client.ts';
import { loopback } from '../load/job.ts';
import { entryRequest } from '../load/request.ts';
import { TicketBook } from '../load/tickets.ts';
import { LostRun } from '../system/books.ts';
import { randomOf } from './random.ts';

export interface Crowd {
  /** The servers; each client goes to one of them at random. */
  readonly bases: readonly string[];
  readonly path: string;
  readonly clients: number;
  readonly perSecond: number;
  readonly seed: number;
  /** Connections to each base. A client without a free connection sends when one is free. */
  readonly connections: number;
  readonly ticket: { readonly secret: string; readonly audience: string };
  readonly prefix: string;
}

/** One client: when and where it asked, and the JSON of its 202. */
export interface Sent {
  readonly user: string;
  /** When the request was handed to the system: microseconds since the epoch on the clients' clock. */
  readonly arrivedUs: number;
  /** Index into the bases. */
  readonly base: number;
  readonly answer: Readonly<Record<string, unknown>>;
}

/** A later answer counts as none. */
const LIMIT_MS = 30_000;
const DIGITS = 7;

interface Due {
  readonly dueUs: number;
  readonly base: number;
}

/** When each client asks, counted from the beginning, and where. */
export function scheduleOf({ bases, clients, perSecond, seed }: Crowd): readonly Due[] {
  const random = randomOf(seed);
  const schedule: Due[] = [];
  let dueUs = 0;
  for (let index = 0; index < clients; index++) {
    // The gaps of a Poisson process are exponential; 1 - random is never 0.
    dueUs += (-Math.log(1 - random()) / perSecond) * 1e6;
    schedule.push({ dueUs, base: Math.floor(random() * bases.length) });
  }
  return schedule;
}

/**
 * Sends all requests, and resolves to the clients in the order in which they asked. Rejects with LostRun unless each is
 * answered 202.
 */
export async function sendCrowd(crowd: Crowd): Promise<readonly Sent[]> {
  const run = new CrowdRun(crowd);
  const limit = setTimeout(
    () => run.failed(new LostRun(`not all were answered within ${LIMIT_MS} ms of the last`)),
    LIMIT_MS + (crowd.clients / crowd.perSecond) * 1e3,
  );
  try {
    return await run.go();
  } finally {
    clearTimeout(limit);
    run.stop();
  }
}

class CrowdRun implements ClientListener {
  readonly #crowd: Crowd;
  readonly #schedule: readonly Due[];
  readonly #tickets: TicketBook;
  readonly #free: Client[][];
  readonly #baseOf = new Map<Client, number>();
  readonly #arrivedUs: number[] = [];
  readonly #answers: Readonly<Record<string, unknown>>[] = [];
  /** Clients whose time has come and who wait for a connection, by base. */
  readonly #waiting: number[][];
  #up = 0;
  #next = 0;
  #answered = 0;
  #startedUs = 0;
  #timer: NodeJS.Timeout | undefined;
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(crowd: Crowd) {
    this.#crowd = crowd;
    this.#schedule = scheduleOf(crowd);
    const users = { from: 0, to: crowd.clients, prefix: crowd.prefix, digits: DIGITS };
    this.#tickets = new TicketBook(users, { ...crowd.ticket, lifetimeSeconds: 3_600 });
    this.#free = crowd.bases.map(() => []);
    this.#waiting = crowd.bases.map(() => []);
  }

  async go(): Promise<readonly Sent[]> {
    const { bases, path, connections, prefix } = this.#crowd;
    await new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      for (const [index, base] of bases.entries()) {
        const request = entryRequest({ path, body: '' }, loopback(base), this.#tickets);
        for (let count = 0; count < connections; count++) {
          const client = new Client([request], 0, this);
          this.#baseOf.set(client, index);
          client.open(nowUs());
        }
      }
    });
    const sent = this.#schedule.map(({ base }, index) => ({
      user: prefix + String(index).padStart(DIGITS, '0'),
      arrivedUs: this.#arrivedUs[index] ?? Number.NaN,
      base,
      answer: this.#answers[index] ?? {},
    }));
    return sent.sort((a, b) => a.arrivedUs - b.arrivedUs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const client of this.#baseOf.keys()) client.drop();
  }

  failed(error: unknown): void {
    this.#reject(error);
  }

  up(client: Client): void {
    this.#free[this.#baseOf.get(client) ?? 0]?.push(client);
    this.#up += 1;
    if (this.#up < this.#baseOf.size) return;
    this.#startedUs = nowUs();
    this.#sendDue();
  }

  down(client: Client, code: string): void {
    this.failed(new LostRun(`a connection to ${client.authority} was lost: ${code}`));
  }

  unsolicited(client: Client): void {
    this.failed(new LostRun(`${client.authority} sent an answer without a request`));
  }

  answered(client: Client, answer: Answer, bytes: Buffer, more: boolean): void {
    const body = bytes.toString('utf8', answer.bodyStart, answer.bodyEnd);
    if (answer.status !== 202 || more)
      throw new LostRun(`${client.authority} answered ${answer.status}: ${body.slice(0, 300)}`);
    this.#answers[client.user] = JSON.parse(body);
    client.user = NO_USER;
    this.#answered += 1;
    if (this.#answered === this.#schedule.length) this.#resolve();
    const base = this.#baseOf.get(client) ?? 0;
    const waits = this.#waiting[base]?.shift();
    if (waits === undefined) this.#free[base]?.push(client);
    else this.#ask(client, waits);
  }

  /** Timers are no finer than a millisecond; the requests due within one are sent one after another. */
  #sendDue(): void {
    const sinceUs = nowUs() - this.#startedUs;
    for (let due = this.#schedule[this.#next]; due !== undefined; due = this.#schedule[this.#next]) {
      if (due.dueUs > sinceUs) break;
      const client = this.#free[due.base]?.shift();
      if (client === undefined) this.#waiting[due.base]?.push(this.#next);
      else this.#ask(client, this.#next);
      this.#next += 1;
    }
    if (this.#next < this.#schedule.length) this.#timer = setTimeout(() => this.#sendDue(), 1);
  }

  #ask(client: Client, index: number): void {
    const atUs = nowUs();
    this.#arrivedUs[index] = atUs;
    client.ask(index, atUs);
  }
}
