import { connect, type Socket } from 'node:net';
import type { Base, LoadJob } from './job.ts';
import type { TicketBook } from './tickets.ts';

/** The user of a connection without a user to send a request for. */
export const NO_USER = -1;

/**
 * All sockets read into this one block: the kernel fills it only within the callback that passes it on, and a reader that
 * wants to keep bytes copies them. Usually one read has one answer, so the block need not be large.
 */
const READ_BYTES = 65_536;
const readMemory = Buffer.allocUnsafeSlow(READ_BYTES);

/** What a connection reports to its run. A dropped socket reports nothing. */
export interface ConnectionListener {
  up(connection: Connection): void;
  received(connection: Connection, bytes: Buffer, count: number): void;
  /** The socket is gone, but not through `drop`; `code` is the system's error code, or `closed`. */
  down(connection: Connection, code: string): void;
}

/** One keep-alive connection with at most one request in flight; the run that owns it keeps the public fields. */
export class Connection {
  user = NO_USER;
  inFlight = false;
  sentUs = 0;
  /** When the opening of the socket began; 0 when the socket is open, or is not being opened. */
  openingUs = 0;
  /** Attempts to connect since the last answer. */
  failures = 0;
  retired = false;
  timer: NodeJS.Timeout | undefined = undefined;
  /** The beginning of an answer that came in pieces. */
  carry: Buffer | undefined = undefined;

  private readonly listener: ConnectionListener;
  private readonly requests: readonly RequestText[];
  private turn: number;
  private socket: Socket | undefined = undefined;
  private request: RequestText;
  private bytes: Buffer;

  /** `turn` is the index in the list of bases to begin at. */
  constructor(requests: readonly RequestText[], turn: number, listener: ConnectionListener) {
    this.requests = requests;
    this.turn = turn;
    this.listener = listener;
    this.request = this.requestOfTurn();
    this.bytes = Buffer.from(this.request.bytes);
  }

  get isUp(): boolean {
    return this.socket !== undefined && this.openingUs === 0;
  }

  get authority(): string {
    return this.request.base.authority;
  }

  open(nowUs: number): void {
    this.request = this.requestOfTurn();
    this.bytes = Buffer.from(this.request.bytes);
    this.openingUs = nowUs;
    let code = 'closed';
    const { host, port } = this.request.base;
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: readMemory,
        callback: (count, bytes) => {
          if (this.socket === socket) this.listener.received(this, bytes as Buffer, count);
          return true;
        },
      },
    });
    this.socket = socket;
    socket.once('connect', () => {
      if (this.socket !== socket) return;
      this.openingUs = 0;
      this.listener.up(this);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      code = error.code ?? 'error';
    });
    socket.once('close', () => {
      if (this.socket !== socket) return;
      this.drop();
      this.listener.down(this, code);
    });
  }

  /** Closes the socket, if any, without telling the listener. */
  drop(): void {
    const socket = this.socket;
    this.socket = undefined;
    this.openingUs = 0;
    this.carry = undefined;
    socket?.destroy();
  }

  /** The next `open` goes to the next base in the list. */
  moveOn(): void {
    this.turn++;
  }

  /** Writes the request of the index-th user. Call it only while the connection is up. */
  write(tickets: TicketBook, index: number): void {
    const socket = this.socket;
    if (socket === undefined) return;
    // A server may answer before it has read the request; the unsent rest must not change.
    if (socket.writableLength > 0) this.bytes = Buffer.from(this.bytes);
    tickets.copyTo(this.bytes, this.request.ticketOffset, index);
    socket.write(this.bytes);
  }

  private requestOfTurn(): RequestText {
    const request = this.requests[this.turn % this.requests.length];
    if (request === undefined) throw new Error('a connection needs at least one base');
    return request;
  }
}

/** The request as bytes, with room for a ticket at `ticketOffset`. */
export interface RequestText {
  readonly base: Base;
  readonly bytes: Buffer;
  readonly ticketOffset: number;
}

export function requestText(
  job: Pick<LoadJob, 'path' | 'body'>,
  base: Base,
  ticketBytes: number,
): RequestText {
  const before = `POST ${job.path} HTTP/1.1\r\nHost: ${base.authority}\r\nAuthorization: Bearer `;
  const type = job.body === '' ? '' : 'Content-Type: application/json\r\n';
  const length = Buffer.byteLength(job.body);
  const after = `\r\n${type}Content-Length: ${length}\r\n\r\n${job.body}`;
  return { base, bytes: Buffer.from(before + 'x'.repeat(ticketBytes) + after), ticketOffset: before.length };
}
