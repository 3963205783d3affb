import { Answer, AnswerReader, INCOMPLETE } from './answer.ts';
import { Connection, type ConnectionListener } from './connection.ts';
import type { RequestText } from './request.ts';

/** The user of a client without a user to send a request for. */
export const NO_USER = -1;

const originUs = performance.timeOrigin * 1e3;

/** Microseconds since 1970, monotonic within a process. */
export function nowUs(): number {
  return originUs + performance.now() * 1e3;
}

/** What a client reports to its run. A dropped connection reports nothing. */
export interface ClientListener {
  up(client: Client): void;
  /**
   * The answer to the request in flight, with its body in `bytes`, both valid within the call only. `more`: the server sent
   * more than that, which is dropped.
   */
  answered(client: Client, answer: Answer, bytes: Buffer, more: boolean): void;
  /** Bytes came without a request in flight. */
  unsolicited(client: Client): void;
  down(client: Client, code: string): void;
  /** An answer could not be read (`LoadError` `protocol`), or the listener threw. */
  failed(error: unknown): void;
}

/** Reused for every answer of the process. */
const ANSWER = new Answer();

/** One keep-alive connection with at most one request in flight; the run that owns it keeps the public fields. */
export class Client implements ConnectionListener {
  user = NO_USER;
  inFlight = false;
  sentUs = 0;
  /** When the opening of the connection began; 0 when it is open, or is not being opened. */
  openingUs = 0;
  /** Attempts to connect since the last answer. */
  failures = 0;
  retired = false;
  timer: NodeJS.Timeout | undefined = undefined;

  readonly #listener: ClientListener;
  readonly #requests: readonly RequestText[];
  readonly #connection = new Connection(this);
  readonly #reader = new AnswerReader();
  #turn: number;
  #request: RequestText;
  #bytes: Buffer;

  /** `turn` is the index in the list of requests, one for each base, to begin at. */
  constructor(requests: readonly RequestText[], turn: number, listener: ClientListener) {
    this.#requests = requests;
    this.#turn = turn;
    this.#listener = listener;
    this.#request = this.#requestOfTurn();
    this.#bytes = this.#request.bytes;
  }

  get isUp(): boolean {
    return this.#connection.isUp;
  }

  get authority(): string {
    return this.#request.base.authority;
  }

  open(atUs: number): void {
    this.#request = this.#requestOfTurn();
    this.#bytes = Buffer.from(this.#request.bytes);
    this.openingUs = atUs;
    this.#reader.reset();
    this.#connection.open(this.#request.base);
  }

  /** Closes the connection, if any, without telling the listener. */
  drop(): void {
    this.openingUs = 0;
    this.#connection.drop();
  }

  /** The next `open` goes to the next base in the list. */
  moveOn(): void {
    this.#turn++;
  }

  /** Sends the user's request. Call it only while the connection is up. */
  ask(user: number, atUs: number): void {
    this.user = user;
    this.sentUs = atUs;
    this.inFlight = true;
    // A server may answer before it has read the request; the unsent rest must not change.
    if (this.#connection.hasUnsent) this.#bytes = Buffer.from(this.#bytes);
    this.#request.fill(this.#bytes, user);
    this.#connection.write(this.#bytes);
  }

  up(): void {
    this.openingUs = 0;
    this.#listener.up(this);
  }

  received(chunk: Buffer, count: number): void {
    try {
      if (!this.inFlight) {
        this.#listener.unsolicited(this);
        return;
      }
      const end = this.#reader.read(chunk, count, ANSWER);
      if (end === INCOMPLETE) return;
      this.inFlight = false;
      this.#listener.answered(this, ANSWER, this.#reader.bytes, end < this.#reader.end);
    } catch (error) {
      this.#listener.failed(error);
    }
  }

  down(code: string): void {
    this.openingUs = 0;
    this.#listener.down(this, code);
  }

  #requestOfTurn(): RequestText {
    const request = this.#requests[this.#turn % this.#requests.length];
    if (request === undefined) throw new Error('a client needs at least one base');
    return request;
  }
}
