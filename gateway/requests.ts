/**
 * Reading a request: who asks, for which campaign, with what body. Everything is read before the first await, because
 * uWebSockets.js takes the request away then.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import Value from 'typebox/value';
import type { BoardCampaign } from '../engine/contract/board/board.ts';
import { fieldFault } from '../engine/contract/problem.ts';
import type { Board } from './board.ts';
import type { GatewayConfig } from './config.ts';
import { EntryBody, MAX_CAMPAIGN_ID } from './contract.ts';
import type { Metrics } from './metrics.ts';
import type { Reply } from './reply.ts';
import type { TicketVerifier } from './ticket.ts';

export const TICKET_COOKIE = 'fairline_ticket';

export interface RequestParts {
  readonly board: Board;
  readonly verifier: TicketVerifier;
  readonly metrics: Metrics;
  readonly config: GatewayConfig;
}

/** What is read of a request's headers; '' where there is none. */
export interface Head {
  authorization: string;
  cookie: string;
  contentLength: string;
  contentType: string;
  transferEncoding: string;
  lastEventId: string;
  /** Of all header lines together, as they were sent. */
  bytes: number;
}

const head: Head = {
  authorization: '',
  cookie: '',
  contentLength: '',
  contentType: '',
  transferEncoding: '',
  lastEventId: '',
  bytes: 0,
};

function readHeader(name: string, value: string): void {
  // A colon, a space and the end of the line.
  head.bytes += name.length + value.length + 4;
  if (name === 'authorization') head.authorization = value;
  else if (name === 'cookie') head.cookie = value;
  else if (name === 'content-length') head.contentLength = value;
  else if (name === 'content-type') head.contentType = value;
  else if (name === 'transfer-encoding') head.transferEncoding = value;
  else if (name === 'last-event-id') head.lastEventId = value;
}

/**
 * Reads all headers in one pass, which also tells how large they are: uWebSockets.js caps only what comes in several
 * packets. The result is the same object each time, so it is to be read before the next request, or an await.
 */
export function readHead(req: HttpRequest): Readonly<Head> {
  head.authorization = '';
  head.cookie = '';
  head.contentLength = '';
  head.contentType = '';
  head.transferEncoding = '';
  head.lastEventId = '';
  head.bytes = 0;
  req.forEach(readHeader);
  return head;
}

export function hasBody(from: Readonly<Head>): boolean {
  return (from.contentLength !== '' && from.contentLength !== '0') || from.transferEncoding !== '';
}

/** Where a ticket may stand: Bearer, cookie, and `?ticket=` for an EventSource, which cannot send headers. */
export function readTicket(from: Readonly<Head>, query: string | undefined): string {
  if (from.authorization.startsWith('Bearer ')) return from.authorization.slice(7);
  if (from.cookie !== '') {
    for (const cookie of from.cookie.split(';')) {
      const [name, value] = cookie.split('=', 2);
      if (name?.trim() === TICKET_COOKIE && value !== undefined) return value.trim();
    }
  }
  return query ?? '';
}

/** The user who asks, or undefined when 401 has been answered. */
export function authenticate(parts: RequestParts, reply: Reply, ticket: string): string | undefined {
  const headers = { 'www-authenticate': 'Bearer realm="fairline"' };
  if (ticket === '') {
    parts.metrics.refuse('ticket');
    const fault = fieldFault('authorization', undefined, 'Bearer and a ticket');
    reply.problem('unauthenticated', 'The request has no ticket.', { members: { errors: [fault] }, headers });
    return undefined;
  }
  const checked = parts.verifier.verify(ticket, Date.now() / 1000);
  if (checked.state === 'valid') return checked.userId;
  parts.metrics.refuse('ticket');
  const { field, value, expected } = checked.fault;
  const detail = `${field} is ${value ?? 'missing'}; right would be: ${expected}.`;
  reply.problem('unauthenticated', detail, { members: { errors: [checked.fault] }, headers });
  return undefined;
}

/** The number of a campaign as it stands in the path, or undefined when 400 has been answered. */
export function readCampaignId(parts: RequestParts, reply: Reply, text: string): number | undefined {
  const id = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  if (id > 0 && id <= MAX_CAMPAIGN_ID) return id;
  parts.metrics.refuse('invalid');
  const fault = fieldFault('id', text, `a whole number from 1 to ${MAX_CAMPAIGN_ID}`);
  reply.problem('invalid-request', `The campaign in the path is ${fault.value}; it is a whole number.`, {
    members: { errors: [fault] },
  });
  return undefined;
}

/**
 * The campaign, or undefined when 404 or 503 has been answered. One that is not on the gateway's copy of the board may
 * have been made a moment ago: then the board is read before anything is said, once for all who ask at that moment.
 */
export async function findCampaign(
  parts: RequestParts,
  reply: Reply,
  id: number,
): Promise<BoardCampaign | undefined> {
  try {
    await parts.board.refresh();
  } catch {
    parts.metrics.refuse('lookup');
    reply.problem('unavailable', 'The campaigns cannot be looked up at the moment.', {
      headers: { 'retry-after': '1' },
    });
    return undefined;
  }
  const campaign = parts.board.campaign(id);
  if (campaign !== undefined) return campaign;
  parts.metrics.refuse('unknown_campaign');
  const fault = fieldFault('id', id, 'the number of a campaign of this service');
  reply.problem('unknown-campaign', `There is no campaign ${id}.`, { members: { errors: [fault] } });
  return undefined;
}

/** Reads and checks the body of an entry; calls `whole` when it is right, and answers when it is not. */
export function readEntryBody(
  parts: RequestParts,
  res: HttpResponse,
  reply: Reply,
  { contentLength, contentType }: Readonly<Head>,
  whole: () => void,
): void {
  const { MAX_BODY_BYTES: most, BODY_TIMEOUT_MS: timeoutMs } = parts.config;
  const tooLarge = (size: number | string): void => {
    parts.metrics.refuse('body');
    const fault = fieldFault('body', `${size} bytes`, `at most ${most} bytes`);
    reply.problem('payload-too-large', `The body is larger than ${most} bytes.`, {
      members: { errors: [fault] },
      close: true,
    });
  };
  if (Number(contentLength) > most) {
    tooLarge(contentLength);
    return;
  }
  if (!/^application\/json *(;|$)/i.test(contentType)) {
    parts.metrics.refuse('body');
    const fault = fieldFault('content-type', contentType, 'application/json, or no body at all');
    reply.problem('unsupported-media-type', `The body is ${fault.value}; it is read as JSON only.`, {
      members: { errors: [fault] },
      close: true,
    });
    return;
  }
  const timer = setTimeout(() => {
    parts.metrics.refuse('body_timeout');
    reply.problem('request-timeout', `The body was not here within ${timeoutMs} ms.`, { close: true });
  }, timeoutMs);
  reply.whenAborted(() => clearTimeout(timer));
  const chunks: Buffer[] = [];
  let size = 0;
  res.onData((chunk, isLast) => {
    if (reply.over) {
      clearTimeout(timer);
      return;
    }
    size += chunk.byteLength;
    if (size > most) {
      clearTimeout(timer);
      tooLarge(size);
      return;
    }
    chunks.push(Buffer.from(Buffer.from(chunk)));
    if (!isLast) return;
    clearTimeout(timer);
    const fault = faultOfBody(Buffer.concat(chunks).toString('utf8'));
    if (fault === undefined) {
      whole();
      return;
    }
    parts.metrics.refuse('invalid');
    reply.problem('invalid-request', `The body is wrong at ${fault.field}: ${fault.expected}.`, {
      members: { errors: [fault] },
    });
  });
}

function faultOfBody(text: string): ReturnType<typeof fieldFault> | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return fieldFault('body', text, 'a JSON object');
  }
  if (Value.Check(EntryBody, body)) return undefined;
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return fieldFault('body', body, 'a JSON object');
  const [field] = Object.keys(body);
  return fieldFault(
    `/${field}`,
    field === undefined ? body : Reflect.get(body, field),
    'no such field: an entry has none',
  );
}
