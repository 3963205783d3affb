import { connect, type Socket } from 'node:net';
import { messageOf } from '../../engine/contract/process/message-of.ts';
import type { Base } from '../load/job.ts';
import { type ResponseListener, ResponseReader } from './response.ts';

/** Every socket reads into this one block: what is to be kept is copied within the callback that hands it on. */
const readMemory = Buffer.allocUnsafeSlow(65_536);

/** Told of what comes from the connection. Nothing comes from one that was dropped. */
export interface LinkListener extends ResponseListener {
  /** Before anything of a read is handed on. */
  heard(): void;
  /** The connection is gone, not by `drop`, and not as the end of an answer: the system's error code, or `closed`. */
  down(code: string): void;
  /** The server sent what cannot be understood. */
  garbled(message: string): void;
}

/** One keep-alive connection at a time, made when there is something to send. */
export class Link {
  readonly #listener: LinkListener;
  #socket: Socket | undefined;
  #reader: ResponseReader;

  constructor(listener: LinkListener) {
    this.#listener = listener;
    this.#reader = new ResponseReader(listener);
  }

  /** Sends a request over the connection there is, else over a new one to `base`. */
  send(base: Base, request: string): void {
    const socket = this.#socket ?? this.#connect(base);
    socket.write(request, 'latin1');
  }

  /** Closes the connection, if any, without a word to the listener. */
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
