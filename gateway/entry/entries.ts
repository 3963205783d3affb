/**
 * Entering a campaign: from the arrival of a request until it is stamped and gathered. From there on it is an Entry
 * (stamped-entry.ts).
 */
import type { HttpRequest } from 'uWebSockets.js';
import { ITEM_ENTRY } from '../../engine/contract/record/record.ts';
import { instantOf } from '../../engine/contract/record/stamp.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { RequestStarts } from '../clock/request-start.ts';
import type { ShelvedCampaigns } from '../cold/shelved.ts';
import type { GatewayConfig } from '../config.ts';
import { type EntryBodyParts, readEntryBody } from '../http/body.ts';
import { ANSWERED, type Reply } from '../http/reply.ts';
import {
  authenticate,
  type CampaignLookupParts,
  campaignIdOf,
  campaignOf,
  type Head,
  hasBody,
  readCampaignId,
  readTicket,
} from '../http/requests.ts';
import type { Board } from '../shared/board.ts';
import type { TicketBatch } from '../ticket/ticket-batch.ts';
import type { AdmissionControl } from './admission-control.ts';
import { answerBehindClose, type BehindCloseParts } from './behind-close.ts';
import type { Blocks } from './blocks.ts';
import { type OpenPipelineParts, openPipeline } from './entry-answers.ts';
import type { Repeats } from './repeats.ts';
import { answerStanding, Entry, type StampedEntryParts } from './stamped-entry.ts';

export interface EnteringParts
  extends StampedEntryParts,
    BehindCloseParts,
    OpenPipelineParts,
    CampaignLookupParts,
    EntryBodyParts {
  readonly config: Pick<GatewayConfig, 'BODY_TIMEOUT_MS' | 'MAX_BODY_BYTES' | 'MAX_WAITING_ENTRIES'>;
  readonly board: Pick<Board, 'campaign' | 'epoch' | 'mayBeShelved' | 'rankedUs' | 'refresh' | 'stranger'>;
  readonly shelved: Pick<ShelvedCampaigns, 'find' | 'archiveOf'>;
  readonly membership: StampedEntryParts['membership'];
  readonly metrics: StampedEntryParts['metrics'];
  readonly admission: Pick<
    AdmissionControl,
    'admitsEveryone' | 'isBehindClose' | 'refuseEntrant' | 'refuseEntry'
  >;
  readonly blocks: Pick<Blocks, 'has' | 'refuse' | 'some'>;
  readonly repeats: Pick<Repeats, 'has' | 'note' | 'refuseTooMany'>;
  readonly requestStarts: Pick<RequestStarts, 'instantFor' | 'read'>;
  readonly tickets: Pick<TicketBatch, 'giveBack' | 'lastId' | 'take'>;
}

/** POST /v1/campaigns/{id}/entries, which arrived at `arrivedUs`; 0 if the time was unknown. */
export function postEntry(
  parts: EnteringParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
  arrivedUs: number,
): void | Promise<void> {
  const idText = req.getParameter(0);
  const ticket = readTicket(head, undefined);
  if (enterAtOnce(parts, reply, idText, ticket, head, arrivedUs)) return undefined;
  const userId = authenticate(parts, reply, ticket);
  if (userId === ANSWERED) return undefined;
  const id = readCampaignId(parts, reply, idText);
  if (id === ANSWERED) return undefined;
  const startedUs = head.requestStart === '' ? undefined : parts.requestStarts.read(reply, head.requestStart);
  const campaign = parts.board.campaign(id);
  const arrival = { arrivedUs, startedUs, forwardedFor: head.forwardedFor };
  if (campaign !== undefined && !hasBody(head)) return enter(parts, reply, campaign, userId, arrival);
  return enterLater(parts, reply, id, userId, arrival, { ...head });
}

/** When and how a request arrived. */
interface Arrival {
  readonly arrivedUs: number;
  /** The arrival as noted by a trusted proxy. */
  readonly startedUs: number | undefined;
  readonly forwardedFor: string;
  /** Set when the look-up of the user found no entry, or only a later one: the instant of this request. */
  readonly instantUs?: number;
}

/**
 * The fast path of nearly every request in a burst: everything is in order before the signature of the ticket is checked, which
 * happens for a whole slice at once. Returns false, without having done anything, if something is or may be wrong.
 */
function enterAtOnce(
  parts: EnteringParts,
  reply: Reply,
  idText: string,
  ticket: string,
  head: Readonly<Head>,
  arrivedUs: number,
): boolean {
  if (head.requestStart !== '' || hasBody(head) || arrivedUs === 0) return false;
  const campaign = parts.board.campaign(campaignIdOf(idText));
  const pipeline = parts.membership.pipeline();
  if (campaign === undefined || pipeline === undefined) return false;
  if (pipeline.waiting >= parts.config.MAX_WAITING_ENTRIES) return false;
  const instantUs = parts.requestStarts.instantFor(pipeline, campaign, arrivedUs, undefined);
  if (!parts.admission.admitsEveryone(campaign, instantUs)) return false;
  const userId = parts.tickets.take(ticket, instantUs / 1_000_000);
  if (userId === undefined) return false;
  const isBlocked = parts.blocks.some && parts.blocks.has(reply, userId, head.forwardedFor);
  if (isBlocked || parts.repeats.has(campaign.campaignId, userId)) {
    parts.tickets.giveBack();
    return false;
  }
  const { lastId } = parts.tickets;
  pipeline.gather(
    new Entry(parts, reply, campaign, userId, instantUs, ITEM_ENTRY, { ticket, ticketId: lastId }),
  );
  return true;
}

/** An entry that waits for its body or for the look-up of its campaign. */
async function enterLater(
  parts: EnteringParts,
  reply: Reply,
  id: number,
  userId: string,
  arrival: Arrival,
  head: Readonly<Head>,
): Promise<void> {
  if (hasBody(head) && (await readEntryBody(parts, reply, head)) === ANSWERED) return;
  const campaign = await campaignOf(parts, reply, id);
  if (campaign !== ANSWERED) await enter(parts, reply, campaign, userId, arrival);
}

function enter(
  parts: EnteringParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
  arrival: Arrival,
): void | Promise<void> {
  const { arrivedUs, startedUs } = arrival;
  if (parts.blocks.refuse(reply, userId, arrival.forwardedFor) === ANSWERED) return;
  const pipeline = openPipeline(parts, reply);
  if (pipeline === ANSWERED) return;
  const instantUs =
    arrival.instantUs !== undefined && arrival.instantUs > pipeline.promisedUs
      ? arrival.instantUs
      : parts.requestStarts.instantFor(pipeline, campaign, arrivedUs, startedUs);
  if (parts.admission.isBehindClose(campaign, userId, instantUs))
    return answerBehindClose(parts, reply, campaign, userId, instantUs);
  if (parts.admission.refuseEntry(reply, campaign, userId, instantUs) === ANSWERED) return;
  if (arrival.instantUs === undefined && parts.repeats.has(campaign.campaignId, userId))
    return enterAgain(parts, reply, campaign, userId, arrival, instantUs);
  pipeline.gather(new Entry(parts, reply, campaign, userId, instantUs, ITEM_ENTRY));
}

/**
 * Answers a user who has already entered with their existing entry, and logs nothing: a later stamp would change nothing.
 * An earlier stamp would: a proxy noted the request, and it was delayed on its way here. Such a request, and any request
 * while Redis cannot tell the entry (it is being rebuilt), takes the path of a first entry.
 */
async function enterAgain(
  parts: EnteringParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
  arrival: Arrival,
  instantUs: number,
): Promise<void> {
  if (parts.repeats.refuseTooMany(reply, userId, arrival.forwardedFor) === ANSWERED) return;
  const standing = await parts.lookups.find(campaign, userId).catch(() => undefined);
  if (standing !== undefined && instantOf(standing.stamp, campaign.opensAtUs) <= instantUs) {
    await answerStanding(parts, reply, campaign, userId, standing);
    return;
  }
  const now = parts.board.campaign(campaign.campaignId) ?? campaign;
  await enter(parts, reply, now, userId, { ...arrival, instantUs });
}
