/**
 * Reading a request: who asks, for which campaign, with what body. Everything is read before the first await, because
 * uWebSockets.js takes the request away then.
 */
import type { HttpRequest } from 'uWebSockets.js';
import type { BoardCampaign, BoardStranger } from '../engine/contract/board/board.ts';
import { fieldFault, shownValue } from '../engine/contract/problem.ts';
import type { Board } from './board.ts';
import type { GatewayConfig } from './config.ts';
import { MAX_CAMPAIGN_ID } from './contract.ts';
import { LedgerUnavailable } from './ledger.ts';
import type { Metrics } from './metrics.ts';
import type { Reply } from './reply.ts';
import type { ShelvedCampaigns } from './shelved.ts';
import type { TicketVerifier } from './ticket.ts';

export const TICKET_COOKIE = 'fairline_ticket';

export interface RequestParts {
  readonly board: Board;
  readonly shelved: ShelvedCampaigns;
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
  /** When the request reached a proxy; of several such lines all, with commas between (RFC 9110, section 5.3). */
  requestStart: string;
  /** Whom proxies have asked for; see clientAddress. */
  forwardedFor: string;
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
  requestStart: '',
  forwardedFor: '',
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
  else if (name === 'x-request-start') head.requestStart = listed(head.requestStart, value);
  else if (name === 'x-forwarded-for') head.forwardedFor = listed(head.forwardedFor, value);
}

/** A header that stands in several lines is one list (RFC 9110, section 5.3). */
function listed(before: string, value: string): string {
  return before === '' ? value : `${before}, ${value}`;
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
  head.requestStart = '';
  head.forwardedFor = '';
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
  return cookieOf(from.cookie, TICKET_COOKIE) ?? query ?? '';
}

/** A cookie of a Cookie header; undefined when it is not there. */
export function cookieOf(cookies: string, name: string): string | undefined {
  if (cookies === '') return undefined;
  for (const cookie of cookies.split(';')) {
    const [key, value] = cookie.split('=', 2);
    if (key?.trim() === name && value !== undefined) return value.trim();
  }
  return undefined;
}

/** The user who asks, or undefined when 401 has been answered. */
export function authenticate(parts: RequestParts, reply: Reply, ticket: string): string | undefined {
  const headers = { 'www-authenticate': 'Bearer realm="fairline"' };
  if (ticket === '') {
    parts.metrics.refuse('ticket');
    const fault = fieldFault('authorization', undefined, 'Bearer <ticket>');
    reply.problem('unauthenticated', 'The request has no ticket.', { members: { errors: [fault] }, headers });
    return undefined;
  }
  const checked = parts.verifier.verify(ticket, Date.now() / 1000);
  if (checked.state === 'valid') return checked.userId;
  parts.metrics.refuse('ticket');
  const { field, value, expected } = checked.fault;
  const detail = `${field} is ${value ?? 'missing'}; expected ${expected}.`;
  reply.problem('unauthenticated', detail, { members: { errors: [checked.fault] }, headers });
  return undefined;
}

/** The number of a campaign as it stands in the path; 0 where it is none. */
export function campaignIdOf(text: string): number {
  const id = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  return id <= MAX_CAMPAIGN_ID ? id : 0;
}

/** The number of a campaign as it stands in the path, or undefined when 400 has been answered. */
export function readCampaignId(parts: RequestParts, reply: Reply, text: string): number | undefined {
  const id = campaignIdOf(text);
  if (id > 0) return id;
  parts.metrics.refuse('invalid');
  const fault = fieldFault('id', text, `a whole number from 1 to ${MAX_CAMPAIGN_ID}`);
  reply.problem('invalid-request', `The campaign in the path is ${fault.value}; expected a whole number.`, {
    members: { errors: [fault] },
  });
  return undefined;
}

/**
 * The campaign, or undefined when 404 or 503 has been answered (also for one that this gateway does not understand). One that
 * is not on the gateway's copy of the board may have been made a moment ago: then the board is read before anything is said,
 * once for all who ask at that moment. One that is not on it then may be on the shelf, which the ledger knows.
 */
export async function findCampaign(
  parts: RequestParts,
  reply: Reply,
  id: number,
): Promise<BoardCampaign | undefined> {
  try {
    await parts.board.refresh();
  } catch {
    refuseUnread(parts, reply);
    return undefined;
  }
  const campaign = parts.board.campaign(id);
  if (campaign !== undefined) return campaign;
  const stranger = parts.board.stranger(id);
  if (stranger !== undefined) {
    refuseStranger(parts, reply, stranger);
    return undefined;
  }
  // A board that the engine is still making lacks campaigns that there are.
  if (parts.board.epoch === '') refuseUnread(parts, reply);
  else if (parts.board.mayBeShelved(id)) return findShelved(parts, reply, id);
  else refuseUnknown(parts, reply, id);
  return undefined;
}

async function findShelved(
  parts: RequestParts,
  reply: Reply,
  id: number,
): Promise<BoardCampaign | undefined> {
  try {
    const campaign = await parts.shelved.find(id);
    if (campaign === undefined) refuseUnknown(parts, reply, id);
    return campaign;
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error;
    refuseUnread(parts, reply);
    return undefined;
  }
}

function refuseUnread(parts: RequestParts, reply: Reply): void {
  parts.metrics.refuse('lookup');
  reply.problem('unavailable', 'Campaigns cannot be looked up right now.', {
    headers: { 'retry-after': '1' },
  });
}

/** The kind of a campaign that this gateway does not understand, for people; cut, as it may be anything. */
export function strangeKind({ kind }: BoardStranger): string {
  return shownValue(kind) ?? 'unknown';
}

function refuseStranger(parts: RequestParts, reply: Reply, stranger: BoardStranger): void {
  parts.metrics.refuse('unknown_kind');
  reply.problem(
    'unavailable',
    `This gateway does not support campaign ${stranger.campaignId} of kind ${strangeKind(stranger)}: it is older than the engine. Another gateway may support it.`,
    { headers: { 'retry-after': '5' } },
  );
}

/** Answers 404 for a campaign that there is not. */
export function refuseUnknown(parts: RequestParts, reply: Reply, id: number): void {
  parts.metrics.refuse('unknown_campaign');
  const fault = fieldFault('id', id, 'the number of an existing campaign');
  reply.problem('unknown-campaign', `Campaign ${id} does not exist.`, { members: { errors: [fault] } });
}

/** Whether 410 has been answered to somebody of whom the ledger has nothing any more. Rejects with LedgerUnavailable. */
export async function refuseArchived(
  parts: RequestParts,
  reply: Reply,
  campaign: BoardCampaign,
): Promise<boolean> {
  const file = campaign.shelved === true ? await parts.shelved.archiveOf(campaign) : undefined;
  if (file === undefined) return false;
  parts.metrics.refuse('archived');
  const detail = `Most entries of campaign ${campaign.campaignId} were archived to ${file}; the operator of this service can look into it.`;
  reply.problem('archived', detail, { members: { file } });
  return true;
}
