import { connect, type Socket } from 'node:net';
import type { Base } from './job.ts';

/**
 * All sockets of a process read into this one block: the kernel fills it only within the callback that passes it on, and a
 * reader that wants to keep bytes copies them. Usually one read has one answer, so the block need not be large.
 */
const READ_BYTES = 65_536;
const readMemory = Buffer.allocUnsafeSlow(READ_BYTES);

/** What a connection reports. A dropped connection reports nothing. */
export interface ConnectionListener {
  up?(): void;
  /** `bytes[0..count)` is valid within the call only. */
  received(bytes: Buffer, count: number): void;
  /** The socket is gone, but not through `drop`; `code` is the system's error code, or `closed`. */
  down(code: string): void;
}

/** One TCP connection at a time: the only socket of the clients in the benches. */
export class Connection {
  readonly #listener: ConnectionListener;
  #socket: Socket | undefined = undefined;
  #isUp = false;

  constructor(listener: ConnectionListener) {
    this.#listener = listener;
  }

  /** Open, or being opened. */
  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Some of what was written is still in this process, so its memory must not change. */
  get hasUnsent(): boolean {
    return this.#socket !== undefined && this.#socket.writableLength > 0;
  }

  open({ host, port }: Base): void {
    let code = 'closed';
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: readMemory,
        callback: (count, bytes) => {
          if (this.#socket === socket) this.#listener.received(bytes as Buffer, count);
          return true;
        },
      },
    });
    this.#socket = socket;
    this.#isUp = false;
    socket.once('connect', () => {
      if (this.#socket !== socket) return;
      this.#isUp = true;
      this.#listener.up?.();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      code = error.code ?? 'error';
    });
    socket.once('close', () => {
      if (this.#socket !== socket) return;
      this.drop();
      this.#listener.down(code);
    });
  }

  /** Writes to the connection, as soon as it is up; to none, nothing. */
  write(bytes: Buffer): void {
    this.#socket?.write(bytes);
  }

  /** Closes the socket, if any, without telling the listener. */
  drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#isUp = false;
    socket?.destroy();
  }
}
