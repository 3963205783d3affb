/** One connection to a broker, one request at a time. The caller encodes requests and decodes answers. */
import { connect, type Socket } from 'node:net';
import { withTimeout } from '../../process/with-timeout.ts';

/** A broker on the same network accepts within milliseconds; one that takes longer than this is considered gone. */
export const CONNECT_TIMEOUT_MS = 1_000;
/** An answer has some dozen bytes; a longer one is invalid. */
const MOST_ANSWER_BYTES = 64 * 1024;

interface Waiting {
  readonly correlationId: number;
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (error: Error) => void;
}

export class KafkaConnection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  #correlationId = 0;
  #broken: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', chunk => this.#receive(chunk));
    socket.on('error', error => this.#break(error));
    socket.on('close', () => this.#break(new Error('the broker closed the connection')));
  }

  static connect(host: string, port: number): Promise<KafkaConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true, keepAlive: true });
      const late = setTimeout(
        () => socket.destroy(new Error(`${host}:${port} did not accept within ${CONNECT_TIMEOUT_MS} ms`)),
        CONNECT_TIMEOUT_MS,
      );
      socket.once('error', reject);
      socket.once('close', () => clearTimeout(late));
      socket.once('connect', () => {
        clearTimeout(late);
        socket.off('error', reject);
        resolve(new KafkaConnection(socket));
      });
    });
  }

  /** False once it is lost or ended, also if that happened between two requests. */
  get isOpen(): boolean {
    return this.#broken === undefined;
  }

  /** The correlation id for the next request. */
  nextId(): number {
    this.#correlationId = (this.#correlationId + 1) & 0x7fffffff;
    return this.#correlationId;
  }

  /**
   * Sends a request with that correlation id. Resolves with its answer without the length prefix; rejects if the connection is
   * lost, and then the outcome of the request is unknown.
   */
  ask(correlationId: number, request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) {
        reject(this.#broken);
        return;
      }
      this.#waiting = { correlationId, resolve, reject };
      this.#socket.write(request);
    });
  }

  end(): void {
    this.#socket.destroy(new Error('the client was closed'));
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const received = this.#received;
    if (received.length < 4) return;
    const length = received.readInt32BE(0);
    if (length < 4 || length > MOST_ANSWER_BYTES) {
      this.#socket.destroy(new Error(`invalid response of ${length} bytes`));
      return;
    }
    if (received.length < 4 + length) return;
    this.#received = received.subarray(4 + length);
    this.#answer(received.subarray(4, 4 + length));
  }

  #answer(answer: Buffer): void {
    const waiting = this.#waiting;
    const correlationId = answer.readInt32BE(0);
    if (waiting === undefined || correlationId !== waiting.correlationId) {
      this.#socket.destroy(new Error(`the broker answered unknown request ${correlationId}`));
      return;
    }
    this.#waiting = undefined;
    waiting.resolve(answer);
  }

  #break(error: Error): void {
    this.#broken ??= error;
    this.#waiting?.reject(this.#broken);
    this.#waiting = undefined;
  }
}

/**
 * Sends one request over a connection of its own; `encode` gets the correlation id. Resolves with the answer without the length
 * prefix; rejects if there is none within `timeoutMs`.
 */
export async function askOnce(
  { host, port }: { readonly host: string; readonly port: number },
  timeoutMs: number,
  encode: (correlationId: number) => Buffer,
): Promise<Buffer> {
  const connection = await KafkaConnection.connect(host, port);
  try {
    const correlationId = connection.nextId();
    const asked = connection.ask(correlationId, encode(correlationId));
    const late = (): Promise<never> =>
      Promise.reject(new Error(`${host}:${port}: no answer within ${timeoutMs} ms`));
    return await withTimeout(timeoutMs, asked, late);
  } finally {
    connection.end();
  }
}
