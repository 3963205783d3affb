import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { jwtVerify } from 'jose';

export const TICKET = { secret: 'a secret of the tests', audience: 'fairline' };

/** For tests: a real server that writes whatever a test says to the socket, however wrong that is. */
export interface RawServer {
  readonly base: string;
  /** Rejects with the first failure of `serve`. */
  close(): Promise<void>;
}

/** `serve` gets the head of each request: its lines with their line ends; requests have no bodies. */
export async function startRawServer(
  serve: (socket: Socket, head: string) => Promise<void>,
): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const failures: unknown[] = [];
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket);
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end + 2);
        text = text.slice(end + 4);
        serve(socket, head).catch(error => {
          failures.push(error);
          socket.destroy();
        });
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the test server has no port');
  return {
    base: `http://127.0.0.1:${address.port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** The user of the ticket in the head, which is verified. */
export async function userOf(head: string): Promise<string> {
  const ticket = /^authorization: bearer (\S+)$/im.exec(head)?.[1] ?? '';
  const secret = new TextEncoder().encode(TICKET.secret);
  const { payload } = await jwtVerify(ticket, secret, { audience: TICKET.audience });
  return payload.sub ?? '';
}
