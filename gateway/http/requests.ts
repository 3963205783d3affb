/**
 * Reading a request: its user, campaign and body. Everything is read before the first await, because uWebSockets.js
 * invalidates the request then.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { cookieOf } from '../../engine/contract/api/cookies.ts';
import {
  type FieldFault,
  faultsText,
  fieldFault,
  invalidDetail,
  shownValue,
} from '../../engine/contract/api/problem.ts';
import type { BoardCampaign, BoardStranger } from '../../engine/contract/redis/board/board.ts';
import { type SharedClock, shownUs } from '../clock/clock.ts';
import { LedgerUnavailable } from '../cold/ledger.ts';
import type { ShelvedCampaigns } from '../cold/shelved.ts';
import type { Metrics } from '../metrics.ts';
import type { Board } from '../shared/board.ts';
import type { TicketVerifier } from '../ticket/ticket.ts';
import { MAX_CAMPAIGN_ID } from './contract/fields.ts';
import type { Answered, Reply } from './reply.ts';

export const TICKET_COOKIE = 'fairline_ticket';

/** To refuse a request. */
export interface RefusalParts {
  readonly metrics: Pick<Metrics, 'refuse'>;
}

/** To authenticate the user. */
export interface TicketParts extends RefusalParts {
  readonly verifier: Pick<TicketVerifier, 'verify'>;
  readonly clock: Pick<SharedClock, 'synchronised' | 'now'>;
}

/** To find a campaign: on the board, or in the ledger once it is shelved. */
export interface CampaignLookupParts extends RefusalParts {
  readonly board: Pick<Board, 'epoch' | 'campaign' | 'stranger' | 'mayBeShelved' | 'refresh'>;
  readonly shelved: Pick<ShelvedCampaigns, 'find'>;
}

/** To answer that entries were archived. */
export interface ArchiveParts extends RefusalParts {
  readonly shelved: Pick<ShelvedCampaigns, 'archiveOf'>;
}

/** The headers that are read; '' if absent. */
export interface Head {
  authorization: string;
  cookie: string;
  contentLength: string;
  contentType: string;
  transferEncoding: string;
  lastEventId: string;
  /** When the request reached a proxy; several header lines are joined by commas (RFC 9110, section 5.3). */
  requestStart: string;
  /** The clients that proxies forwarded for; see clientAddress. */
  forwardedFor: string;
  /** Of the page that asks. */
  origin: string;
  /** The size of all header lines as sent. */
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
  origin: '',
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
  else if (name === 'origin') head.origin = value;
  else if (name === 'x-forwarded-for') head.forwardedFor = listed(head.forwardedFor, value);
}

/** Several lines of one header form a list (RFC 9110, section 5.3). */
function listed(before: string, value: string): string {
  return before === '' ? value : `${before}, ${value}`;
}

/**
 * Reads all headers in one pass, which also measures them: uWebSockets.js caps only headers that come in several packets.
 * The result is the same object each time, so read it before the next request or an await.
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
  head.origin = '';
  head.bytes = 0;
  req.forEach(readHeader);
  return head;
}

export function hasBody(from: Readonly<Head>): boolean {
  return (from.contentLength !== '' && from.contentLength !== '0') || from.transferEncoding !== '';
}

/** A ticket may come as Bearer, as a cookie, or as `?ticket=` from an EventSource, which cannot send headers. */
export function readTicket(from: Readonly<Head>, query: string | undefined): string {
  if (from.authorization.startsWith('Bearer ')) return from.authorization.slice(7);
  return cookieOf(from.cookie, TICKET_COOKIE) ?? query ?? '';
}

/** The user of the request; answers 401 if its ticket is not valid. */
export function authenticate(parts: TicketParts, reply: Reply, ticket: string): string | Answered {
  const headers = { 'www-authenticate': 'Bearer realm="fairline"' };
  if (ticket === '') {
    parts.metrics.refuse('ticket');
    const fault = fieldFault('authorization', undefined, 'Bearer <ticket>');
    return reply.problem('unauthenticated', 'The request has no ticket.', {
      members: { errors: [fault] },
      headers,
    });
  }
  const checked = parts.verifier.verify(ticket, shownUs(parts.clock) / 1_000_000);
  if (checked.state === 'valid') return checked.userId;
  parts.metrics.refuse('ticket');
  const errors = [checked.fault];
  const detail = `Invalid ticket: ${faultsText(errors)}.`;
  return reply.problem('unauthenticated', detail, { members: { errors }, headers });
}

/** Answers 400: the request has these faults. */
export function refuseInvalid(parts: RefusalParts, reply: Reply, errors: readonly FieldFault[]): Answered {
  parts.metrics.refuse('invalid');
  return reply.problem('invalid-request', invalidDetail(errors), { members: { errors } });
}

/** The campaign number in the path; 0 if it is invalid. */
export function campaignIdOf(text: string): number {
  const id = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  return id <= MAX_CAMPAIGN_ID ? id : 0;
}

/** The campaign number in the path; answers 400 if it is invalid. */
export function readCampaignId(parts: RefusalParts, reply: Reply, text: string): number | Answered {
  const id = campaignIdOf(text);
  if (id > 0) return id;
  const expected = `the number of a campaign, a whole number from 1 to ${MAX_CAMPAIGN_ID}`;
  return refuseInvalid(parts, reply, [fieldFault('id', text, expected)]);
}

/** The campaign; answers 404 if there is none, and 503 if it cannot be read, or this gateway does not support it. */
export function campaignOf(
  parts: CampaignLookupParts,
  reply: Reply,
  id: number,
): BoardCampaign | Answered | Promise<BoardCampaign | Answered> {
  return parts.board.campaign(id) ?? findCampaign(parts, reply, id);
}

/**
 * A campaign missing from the gateway's copy of the board may have been created a moment ago: then the board is read again before
 * the answer, once for all requests at that moment. If it is still missing, it may be shelved, which the ledger knows.
 */
async function findCampaign(
  parts: CampaignLookupParts,
  reply: Reply,
  id: number,
): Promise<BoardCampaign | Answered> {
  try {
    await parts.board.refresh();
  } catch {
    return refuseUnread(parts, reply);
  }
  const campaign = parts.board.campaign(id);
  if (campaign !== undefined) return campaign;
  const stranger = parts.board.stranger(id);
  if (stranger !== undefined) return refuseStranger(parts, reply, stranger);
  // A board that the engine is still building lacks existing campaigns.
  if (parts.board.epoch === '') return refuseUnread(parts, reply);
  return parts.board.mayBeShelved(id) ? findShelved(parts, reply, id) : refuseUnknown(parts, reply, id);
}

async function findShelved(
  parts: CampaignLookupParts,
  reply: Reply,
  id: number,
): Promise<BoardCampaign | Answered> {
  try {
    return (await parts.shelved.find(id)) ?? refuseUnknown(parts, reply, id);
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error;
    return refuseUnread(parts, reply);
  }
}

function refuseUnread(parts: RefusalParts, reply: Reply): Answered {
  parts.metrics.refuse('lookup');
  return reply.problem('unavailable', 'Campaigns cannot be looked up right now.', {
    headers: { 'retry-after': '1' },
  });
}

/** The unsupported kind of a campaign, for humans; truncated, because it may be anything. */
export function strangeKind({ kind }: BoardStranger): string {
  return shownValue(kind) ?? 'unknown';
}

function refuseStranger(parts: RefusalParts, reply: Reply, stranger: BoardStranger): Answered {
  parts.metrics.refuse('unknown_kind');
  return reply.problem(
    'unavailable',
    `This gateway does not support campaign ${stranger.campaignId} of kind ${strangeKind(stranger)}: it is older than the engine. Another gateway may support it.`,
    { headers: { 'retry-after': '5' } },
  );
}

/** Answers 404 for a campaign that does not exist. */
export function refuseUnknown(parts: RefusalParts, reply: Reply, id: number): Answered {
  parts.metrics.refuse('unknown_campaign');
  const fault = fieldFault('id', id, 'the number of an existing campaign');
  return reply.problem('unknown-campaign', `Campaign ${id} does not exist.`, {
    members: { errors: [fault] },
  });
}

/** Answers 410 if the ledger no longer has anything of the user. Rejects with LedgerUnavailable. */
export async function refuseArchived(
  parts: ArchiveParts,
  reply: Reply,
  campaign: BoardCampaign,
): Promise<Answered | undefined> {
  const file = campaign.shelved === true ? await parts.shelved.archiveOf(campaign) : undefined;
  if (file === undefined) return undefined;
  parts.metrics.refuse('archived');
  const detail = `Most entries of campaign ${campaign.campaignId} were archived to ${file}; the operator of this service can look into it.`;
  return reply.problem('archived', detail, { members: { file } });
}
