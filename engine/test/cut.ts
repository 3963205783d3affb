/** For tests: a connection to a server that can be cut and mended, so that one process loses the server and others do not. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Cut {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #state: { isCut: boolean };

  private constructor(url: string, server: Server, sockets: Set<Socket>, state: { isCut: boolean }) {
    this.url = url;
    this.#server = server;
    this.#sockets = sockets;
    this.#state = state;
  }

  /** A connection to the server that `url` names; `Cut.url` is the same URL with the connection's own port. */
  static async before(url: string | undefined): Promise<Cut> {
    const target = new URL(url ?? '');
    const state = { isCut: false };
    const sockets = new Set<Socket>();
    const server = createServer(client => {
      if (state.isCut) {
        client.destroy();
        return;
      }
      const upstream = connect(Number(target.port), target.hostname);
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        // Either end may be reset; both are closed then, as a cut requires.
        socket.on('error', () => undefined);
        socket.on('close', () => {
          sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
      }
      client.pipe(upstream).pipe(client);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the wire has no port');
    const own = new URL(target);
    own.hostname = '127.0.0.1';
    own.port = String(address.port);
    return new Cut(own.href, server, sockets, state);
  }

  cut(): void {
    this.#state.isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#state.isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
