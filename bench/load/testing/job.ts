import type { Socket } from 'node:net';
import { type LoadJob, type LoadRequest, parseJob } from '../job.ts';
import { type RawServer, startRawServer, TICKET, userOf } from './raw-server.ts';

/** For tests: a job for a server on this machine, with what every test needs filled in. */
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

/** A request that came in: its user, by a verified ticket, and the number of the user's requests so far, from 1. */
export interface ReceivedRequest {
  readonly user: string;
  readonly times: number;
  readonly socket: Socket;
}

/** A real server that answers each request as the test says, however wrong the answer is. */
export interface NastyServer extends RawServer {
  /** The number of requests of each user. */
  readonly requestCounts: ReadonlyMap<string, number>;
}

export async function startNastyServer(
  answer: (request: ReceivedRequest) => void | Promise<void>,
): Promise<NastyServer> {
  const requestCounts = new Map<string, number>();
  const server = await startRawServer(async (socket, head) => {
    if (!head.startsWith(`POST ${PATH} HTTP/1.1\r\n`)) throw new Error(`not the request line: ${head}`);
    const user = await userOf(head);
    const times = (requestCounts.get(user) ?? 0) + 1;
    requestCounts.set(user, times);
    await answer({ user, times, socket });
  });
  return { ...server, requestCounts };
}

/** Resolves at the next turn of the event loop, when earlier writes have left in a packet of their own. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
