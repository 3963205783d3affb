import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { jwtVerify } from 'jose';
import { parseWatchJob, type WatchGroupRequest, type WatchJob, type WatchRequest } from '../job.ts';

/** For tests: a job for servers on this machine, with what every test needs filled in. */
export const TICKET = { secret: 'a secret of the tests', audience: 'fairline' };
export const CAMPAIGN = 7;

export function watchJob(
  bases: readonly string[],
  watchers: number,
  enter: WatchGroupRequest['enter'],
  more: Partial<WatchRequest> = {},
): WatchJob {
  return parseWatchJob({
    bases: [...bases],
    groups: [{ campaign: CAMPAIGN, users: { from: 0, to: watchers }, enter }],
    ticket: TICKET,
    limitSeconds: 60,
    ...more,
  });
}

/** A request that came in: `times` counts those of this user with this method, over all test servers, from 1. */
export interface Asked {
  readonly method: string;
  readonly user: string;
  readonly times: number;
  readonly lastEventId: string | undefined;
  readonly socket: Socket;
}

/** A real server that answers each request just as a test says, in whatever pieces. */
export interface DoorServer {
  readonly base: string;
  readonly asked: readonly Asked[];
  close(): Promise<void>;
}

/** `counts` may be shared by several servers. */
export async function startDoor(
  answer: (asked: Asked) => void | Promise<void>,
  counts: Map<string, number> = new Map(),
): Promise<DoorServer> {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  const secret = new TextEncoder().encode(TICKET.secret);
  const failures: unknown[] = [];

  const serve = async (socket: Socket, head: string): Promise<void> => {
    const [, method = '', path] = /^(\S+) (\S+) HTTP\/1\.1\r\n/.exec(head) ?? [];
    const expected = method === 'POST' ? 'entries' : 'queue';
    if (path !== `/v1/campaigns/${CAMPAIGN}/${expected}`) throw new Error(`not the request line: ${head}`);
    const ticket = /^authorization: bearer (\S+)$/im.exec(head)?.[1] ?? '';
    const { payload } = await jwtVerify(ticket, secret, { audience: TICKET.audience });
    const user = payload.sub ?? '';
    const times = (counts.get(method + user) ?? 0) + 1;
    counts.set(method + user, times);
    const lastEventId = /^last-event-id: (\S+)$/im.exec(head)?.[1];
    const one = { method, user, times, lastEventId, socket };
    asked.push(one);
    await answer(one);
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

/** An answer with a body; Content-Length is put in. */
export function answered(status: string, body: object | undefined, headers: readonly string[] = []): string {
  const text = body === undefined ? '' : JSON.stringify(body);
  const length = status.startsWith('204') ? [] : [`Content-Length: ${text.length}`];
  return [`HTTP/1.1 ${status}`, ...headers, ...length, '', text].join('\r\n');
}

export const ACCEPTED = answered('202 Accepted', { campaign: CAMPAIGN, stamp: 4_096, estimated_position: 3 });
export const GONE = answered('204 No Content', undefined);

/** The head of a stream, with `retry`. */
export function streamHead(retryMs = 20): string {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
  return head + chunk(`retry: ${retryMs}\n\n`);
}

export function position(place: number, ahead: number): string {
  return chunk(
    `id: ${CAMPAIGN}:4096:${ahead}\nevent: position\ndata: ${JSON.stringify({ position: place, ahead })}\n\n`,
  );
}

/** The last event, and the end of the stream. */
export function outcome(place: number, fields: object): string {
  const data = JSON.stringify({ position: place, ...fields });
  return `${chunk(`id: ${CAMPAIGN}:4096:over\nevent: outcome\ndata: ${data}\n\n`)}0\r\n\r\n`;
}

export function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}
