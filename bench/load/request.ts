import type { Base, LoadJob } from './job.ts';
import type { TicketBook } from './tickets.ts';

/** A request as bytes, and where it goes. */
export interface RequestText {
  readonly base: Base;
  readonly bytes: Buffer;
  /** Puts into `bytes`, a copy of these, what differs from user to user. Users are counted from 0. */
  fill(bytes: Buffer, user: number): void;
}

/** The job's request, with the user's ticket in it. */
export function entryRequest(
  job: Pick<LoadJob, 'path' | 'body'>,
  base: Base,
  tickets: TicketBook,
): RequestText {
  const before = `POST ${job.path} HTTP/1.1\r\nHost: ${base.authority}\r\nAuthorization: Bearer `;
  const type = job.body === '' ? '' : 'Content-Type: application/json\r\n';
  const length = Buffer.byteLength(job.body);
  const after = `\r\n${type}Content-Length: ${length}\r\n\r\n${job.body}`;
  const ticketAt = before.length;
  return {
    base,
    bytes: Buffer.from(before + 'x'.repeat(tickets.ticketBytes) + after),
    fill: (bytes, user) => tickets.copyTo(bytes, ticketAt, user),
  };
}
