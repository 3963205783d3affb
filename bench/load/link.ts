import { messageOf } from '../../engine/contract/process/message-of.ts';
import { Connection, type ConnectionListener } from './connection.ts';
import type { Base } from './job.ts';
import { type ResponseListener, ResponseReader } from './response.ts';

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

/** One keep-alive connection at a time, opened when there is something to send, whose answers are read as they come. */
export class Link implements ConnectionListener {
  readonly #listener: LinkListener;
  readonly #connection = new Connection(this);
  #reader: ResponseReader;

  constructor(listener: LinkListener) {
    this.#listener = listener;
    this.#reader = new ResponseReader(listener);
  }

  /** Sends a request over the open connection, else over a new one to `base`. */
  send(base: Base, request: string): void {
    if (!this.#connection.isOpen) {
      this.#reader = new ResponseReader(this.#listener);
      this.#connection.open(base);
    }
    this.#connection.write(Buffer.from(request, 'latin1'));
  }

  /** Closes the connection, if any, without telling the listener. */
  drop(): void {
    this.#connection.drop();
  }

  received(bytes: Buffer, count: number): void {
    this.#listener.heard();
    try {
      this.#reader.feed(bytes, count);
    } catch (error) {
      this.#listener.garbled(messageOf(error));
    }
  }

  down(code: string): void {
    if (!this.#reader.end()) this.#listener.down(code);
  }
}
