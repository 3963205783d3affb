import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { jwtVerify } from 'jose';
import { type LoadJob, type LoadRequest, parseJob } from '../job.ts';

/** For tests: a job for a server on this machine, with what every test needs filled in. */
export const TICKET = { secret: 'a secret of the tests', audience: 'fairline' };
export const PATH = '/v1/campaigns/7/entries';
const BODY =
  '{"campaign":7,"stamp":1234567890123,"position":null,"provisional":true,"estimated_position":12345}';

export function jobFor(base: string | string[], users: number, more: Partial<LoadRequest> = {}): LoadJob {
  const bases = typeof base === 'string' ? [base] : base;
  return parseJob({
    bases,
    path: PATH,
    connections: 10,
    users: { from: 0, to: users },
    ticket: TICKET,
    limitSeconds: 60,
    expect: { campaign: 7, stamp: true, position: true },
    ...more,
  });
}

/** An answer as text; Content-Length is put in. */
export function answerText(status: string, headers: readonly string[] = [], body: string = BODY): string {
  const lines = [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${Buffer.byteLength(body)}`, '', body];
  return lines.join('\r\n');
}

export const ACCEPTED = answerText('202 Accepted', ['Content-Type: application/json']);

/** One request that came in: who asks, by a ticket that was verified, and how often they have asked, from 1. */
export interface Asked {
  readonly user: string;
  readonly times: number;
  readonly socket: Socket;
}

/** A real server that answers each request just as a test says, however wrong that is. */
export interface NastyServer {
  readonly base: string;
  /** How often each user has asked. */
  readonly asked: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

export async function startNastyServer(answer: (asked: Asked) => void | Promise<void>): Promise<NastyServer> {
  const asked = new Map<string, number>();
  const sockets = new Set<Socket>();
  const secret = new TextEncoder().encode(TICKET.secret);
  const failures: unknown[] = [];

  const serve = async (socket: Socket, head: string): Promise<void> => {
    const ticket = /^authorization: bearer (\S+)$/im.exec(head)?.[1] ?? '';
    if (!head.startsWith(`POST ${PATH} HTTP/1.1\r\n`)) throw new Error(`not the request line: ${head}`);
    const { payload } = await jwtVerify(ticket, secret, { audience: TICKET.audience });
    const user = payload.sub ?? '';
    const times = (asked.get(user) ?? 0) + 1;
    asked.set(user, times);
    await answer({ user, times, socket });
  };

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
    asked,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** Resolves at the next turn of the event loop, when what was written before has left in a packet of its own. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
