import type { Socket } from 'node:net';
import { type RawServer, startRawServer, TICKET, userOf } from '../../load/testing/raw-server.ts';
import { parseWatchJob, type WatchGroupRequest, type WatchJob, type WatchRequest } from '../job.ts';

/** For tests: a job for servers on this machine, with what every test needs filled in. */
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
export interface ReceivedRequest {
  readonly method: string;
  readonly user: string;
  readonly times: number;
  readonly lastEventId: string | undefined;
  readonly socket: Socket;
}

/** A real server that answers each request as the test says, in whatever pieces. */
export interface WatchServer extends RawServer {
  readonly requests: readonly ReceivedRequest[];
}

/** `counts` may be shared by several servers. */
export async function startWatchServer(
  answer: (request: ReceivedRequest) => void | Promise<void>,
  counts: Map<string, number> = new Map(),
): Promise<WatchServer> {
  const requests: ReceivedRequest[] = [];
  const server = await startRawServer(async (socket, head) => {
    const [, method = '', path] = /^(\S+) (\S+) HTTP\/1\.1\r\n/.exec(head) ?? [];
    const expected = method === 'POST' ? 'entries' : 'queue';
    if (path !== `/v1/campaigns/${CAMPAIGN}/${expected}`) throw new Error(`not the request line: ${head}`);
    const user = await userOf(head);
    const times = (counts.get(method + user) ?? 0) + 1;
    counts.set(method + user, times);
    const lastEventId = /^last-event-id: (\S+)$/im.exec(head)?.[1];
    const one = { method, user, times, lastEventId, socket };
    requests.push(one);
    await answer(one);
  });
  return { ...server, requests };
}

/** An answer with a body; adds Content-Length. */
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

export function position(position: number, ahead: number): string {
  return chunk(
    `id: ${CAMPAIGN}:4096:${ahead}\nevent: position\ndata: ${JSON.stringify({ position, ahead })}\n\n`,
  );
}

/** The last event, and the end of the stream. */
export function outcome(position: number, fields: object): string {
  const data = JSON.stringify({ position, ...fields });
  return `${chunk(`id: ${CAMPAIGN}:4096:over\nevent: outcome\ndata: ${data}\n\n`)}0\r\n\r\n`;
}

export function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}
