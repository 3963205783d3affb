import { connect, type Socket } from 'node:net';
import { messageOf } from '../../engine/contract/process/message-of.ts';
import type { Base } from '../load/job.ts';
import { type ResponseListener, ResponseReader } from './response.ts';

/** All sockets read into this one block: bytes to keep are copied within the callback that passes it on. */
const readMemory = Buffer.allocUnsafeSlow(65_536);

/** Gets what comes from the connection. A dropped connection reports nothing. */
export interface LinkListener extends ResponseListener {
  /** Called before the bytes of a read are passed on. */
  heard(): void;
  /**
   * The connection is gone, but not through `drop`, and not as the end of an answer: the system's error code, or `closed`.
   */
  down(code: string): void;
  /** The server sent something that cannot be understood. */
  garbled(message: string): void;
}

/** One keep-alive connection at a time, opened when there is something to send. */
export class Link {
  readonly #listener: LinkListener;
  #socket: Socket | undefined;
  #reader: ResponseReader;

  constructor(listener: LinkListener) {
    this.#listener = listener;
    this.#reader = new ResponseReader(listener);
  }

  /** Sends a request over the open connection, else over a new one to `base`. */
  send(base: Base, request: string): void {
    const socket = this.#socket ?? this.#connect(base);
    socket.write(request, 'latin1');
  }

  /** Closes the connection, if any, without telling the listener. */
  drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }

  #connect({ host, port }: Base): Socket {
    let code = 'closed';
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: readMemory,
        callback: (count, bytes) => {
          if (this.#socket === socket) this.#received(bytes as Buffer, count);
          return true;
        },
      },
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      code = error.code ?? 'error';
    });
    socket.once('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      if (!this.#reader.end()) this.#listener.down(code);
    });
    this.#socket = socket;
    this.#reader = new ResponseReader(this.#listener);
    return socket;
  }

  #received(bytes: Buffer, count: number): void {
    this.#listener.heard();
    try {
      this.#reader.feed(bytes, count);
    } catch (error) {
      this.#listener.garbled(messageOf(error));
    }
  }
}
