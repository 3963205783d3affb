/**
 * Entering, looking at one's entry, withdrawing it.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { BoardCampaign } from '../engine/contract/board/board.ts';
import { ITEM_ENTRY, ITEM_WITHDRAWAL, type LogItem } from '../engine/contract/record.ts';
import { stampOf } from '../engine/contract/stamp.ts';
import type { SharedClock } from './clock.ts';
import type { EntryView, Outcome } from './contract.ts';
import type { Doorkeeper } from './door.ts';
import type { Lookups, Place } from './lookups.ts';
import type { Membership } from './membership.ts';
import type { Places } from './places.ts';
import { Reply } from './reply.ts';
import {
  authenticate,
  findCampaign,
  type Head,
  hasBody,
  type RequestParts,
  readCampaignId,
  readEntryBody,
  readTicket,
} from './requests.ts';
import type { Refusal, SlicePipeline, Stamped } from './slices.ts';

export interface EntryParts extends RequestParts {
  readonly clock: SharedClock;
  readonly membership: Membership;
  readonly lookups: Lookups;
  readonly places: Places;
  readonly door: Doorkeeper;
}

const SOON = { 'retry-after': '1' };

/** POST /v1/campaigns/{id}/entries. The stamp is the first thing that is taken. */
export function postEntry(
  parts: EntryParts,
  res: HttpResponse,
  req: HttpRequest,
  head: Readonly<Head>,
): void {
  const { clock } = parts;
  const arrivedUs = clock.synchronised ? clock.next() : 0;
  const ticket = readTicket(head, undefined);
  const idText = req.getParameter(0);
  const reply = new Reply(res);
  const userId = authenticate(parts, reply, ticket);
  if (userId === undefined) return;
  const id = readCampaignId(parts, reply, idText);
  if (id === undefined) return;
  if (hasBody(head)) {
    readEntryBody(parts, res, reply, head, () => enterKnown(parts, reply, id, userId, arrivedUs));
  } else {
    enterKnown(parts, reply, id, userId, arrivedUs);
  }
}

function enterKnown(parts: EntryParts, reply: Reply, id: number, userId: string, arrivedUs: number): void {
  const campaign = parts.board.campaign(id);
  if (campaign !== undefined) {
    enter(parts, reply, campaign, userId, arrivedUs);
    return;
  }
  void findCampaign(parts, reply, id).then(found => {
    if (found !== undefined) enter(parts, reply, found, userId, arrivedUs);
  });
}

function enter(
  parts: EntryParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
  arrivedUs: number,
): void {
  const pipeline = openPipeline(parts, reply);
  if (pipeline === undefined) return;
  const instantUs = instantFor(parts.clock, pipeline, arrivedUs);
  if (!parts.door.lets(reply, campaign, userId, instantUs)) return;
  pipeline.gather(new Entry(parts, reply, campaign, userId, instantUs, ITEM_ENTRY));
}

/**
 * The instant of a request that arrived at `arrivedUs`: that one, unless the gateway has promised meanwhile that
 * nothing at or before it will come (the body came late, or the campaign had to be looked up). A request has arrived
 * when all of it has; a client that holds its body back cannot hold everybody's watermark back.
 */
function instantFor(clock: SharedClock, pipeline: SlicePipeline, arrivedUs: number): number {
  return arrivedUs > pipeline.promisedUs ? arrivedUs : clock.next();
}

/** Where to gather into, or undefined when 503 has been answered. */
function openPipeline(parts: EntryParts, reply: Reply): SlicePipeline | undefined {
  const pipeline = parts.membership.pipeline();
  if (pipeline === undefined) {
    parts.metrics.refuse('lease');
    reply.problem('unavailable', 'This gateway takes no entries at the moment. Asking again is safe.', {
      headers: SOON,
    });
    return undefined;
  }
  if (pipeline.waiting < parts.config.MAX_WAITING_ENTRIES) return pipeline;
  parts.metrics.refuse('waiting');
  reply.problem('overloaded', `${pipeline.waiting} entries wait for the log already. Asking again is safe.`, {
    headers: SOON,
  });
  return undefined;
}

/** A stamped entry or withdrawal, and the client who waits for the answer. */
class Entry implements Stamped {
  readonly kind: LogItem['kind'];
  readonly campaign: BoardCampaign;
  readonly userId: string;
  readonly instantUs: number;
  readonly stamp: number;
  readonly #parts: EntryParts;
  readonly #reply: Reply;

  constructor(
    parts: EntryParts,
    reply: Reply,
    campaign: BoardCampaign,
    userId: string,
    instantUs: number,
    kind: LogItem['kind'],
  ) {
    this.#parts = parts;
    this.#reply = reply;
    this.campaign = campaign;
    this.userId = userId;
    this.instantUs = instantUs;
    this.kind = kind;
    this.stamp = stampOf(instantUs, campaign.opensAtUs, parts.membership.gateway ?? 0);
  }

  accepted(position: number | undefined): void {
    if (position === undefined) {
      void this.#answerLookedUp();
      return;
    }
    // The fixed shape of EntryAccepted, written without JSON.stringify as it is the answer of the hot path.
    const body = `{"campaign":${this.campaign.campaignId},"stamp":${this.stamp},"position":${position},"provisional":true}`;
    this.#parts.metrics.acceptedEntries += 1;
    this.#reply.accepted(body);
  }

  refused(why: Refusal): void {
    this.#parts.metrics.refuse(why);
    const detail = why === 'log' ? 'The log did not take the entry.' : 'The gateway lost its lease.';
    this.#reply.problem('unavailable', `${detail} Asking again is safe.`, { headers: SOON });
  }

  /** The user was here before: the answer is the entry they have. */
  async #answerLookedUp(): Promise<void> {
    const { metrics, lookups } = this.#parts;
    let place: Place | undefined;
    try {
      place = await lookups.find(this.campaign, this.userId);
    } catch {
      place = undefined;
    }
    const reply = this.#reply;
    if (place === undefined) {
      // Logged, but what stands for the user cannot be told: better no stamp than a wrong one.
      metrics.refuse('lookup');
      reply.problem('unavailable', 'The place cannot be looked up. Asking again is safe.', { headers: SOON });
    } else if (this.kind === ITEM_WITHDRAWAL) {
      const answer = { campaign: this.campaign.campaignId, stamp: place.stamp, outcome: 'withdrawing' };
      reply.json(202, JSON.stringify(answer));
    } else if (place.withdrawn) {
      refuseWithdrawn(this.#parts, reply, this.campaign, place);
    } else {
      metrics.acceptedEntries += 1;
      reply.json(202, JSON.stringify(acceptedAnswer(this.campaign, place)));
    }
  }
}

function acceptedAnswer(campaign: BoardCampaign, place: Place): object {
  return {
    campaign: campaign.campaignId,
    stamp: place.stamp,
    position: place.rank + 1,
    provisional: !place.final,
  };
}

function refuseWithdrawn(parts: EntryParts, reply: Reply, campaign: BoardCampaign, place: Place): void {
  parts.metrics.refuse('withdrawn');
  reply.problem(
    'already-withdrawn',
    `The entry in campaign ${campaign.campaignId} was withdrawn; that is final.`,
    {
      members: { stamp: place.stamp },
    },
  );
}

/** Who asks about an entry of theirs: the user and the campaign, or undefined when an answer has been given. */
async function asker(
  parts: EntryParts,
  reply: Reply,
  ticket: string,
  idText: string,
): Promise<{ userId: string; campaign: BoardCampaign } | undefined> {
  const userId = authenticate(parts, reply, ticket);
  if (userId === undefined) return undefined;
  const id = readCampaignId(parts, reply, idText);
  if (id === undefined) return undefined;
  const campaign = parts.board.campaign(id) ?? (await findCampaign(parts, reply, id));
  return campaign === undefined ? undefined : { userId, campaign };
}

/** The user's place, or undefined when 404 or 503 has been answered. */
async function placeOf(
  parts: EntryParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
): Promise<Place | undefined> {
  let place: Place | undefined;
  try {
    place = await parts.lookups.find(campaign, userId);
  } catch {
    parts.metrics.refuse('lookup');
    reply.problem('unavailable', 'Entries cannot be looked up at the moment.', { headers: SOON });
    return undefined;
  }
  if (place === undefined) {
    reply.problem('no-entry', `You have no entry in campaign ${campaign.campaignId}.`);
  }
  return place;
}

/** GET /v1/campaigns/{id}/entries/me. */
export async function getEntry(
  parts: EntryParts,
  res: HttpResponse,
  req: HttpRequest,
  head: Readonly<Head>,
): Promise<void> {
  const ticket = readTicket(head, req.getQuery('ticket'));
  const idText = req.getParameter(0);
  const reply = new Reply(res);
  const who = await asker(parts, reply, ticket, idText);
  if (who === undefined) return;
  const place = await placeOf(parts, reply, who.campaign, who.userId);
  if (place === undefined) return;
  reply.json(200, JSON.stringify(entryView(parts, who.campaign, place)), { 'cache-control': 'no-store' });
}

/** What can be told of a place: a position only when it is final, an outcome only when it is decided. */
export function entryView(
  parts: Pick<EntryParts, 'places'>,
  campaign: BoardCampaign,
  place: Place,
): EntryView {
  const outcome = outcomeOf(campaign, place);
  const shown = place.final;
  return {
    campaign: campaign.campaignId,
    stamp: place.stamp,
    position: shown ? place.rank + 1 : null,
    ahead: shown ? (outcome === 'waiting' ? parts.places.ahead(campaign.campaignId, place.rank) : 0) : null,
    provisional: !place.final,
    outcome,
    ...(place.grant ?? {}),
  };
}

export function outcomeOf(campaign: BoardCampaign, place: Place): Outcome {
  if (place.grant !== undefined) return campaign.kind === 'coupon' ? 'granted' : 'won';
  if (place.withdrawn) return 'withdrawn';
  if (!place.settled) return 'waiting';
  return campaign.kind === 'coupon' ? 'sold_out' : 'not_drawn';
}

/** DELETE /v1/campaigns/{id}/entries/me: a withdrawal, stamped and logged like an entry. */
export async function deleteEntry(
  parts: EntryParts,
  res: HttpResponse,
  req: HttpRequest,
  head: Readonly<Head>,
): Promise<void> {
  const ticket = readTicket(head, undefined);
  const idText = req.getParameter(0);
  const reply = new Reply(res);
  const who = await asker(parts, reply, ticket, idText);
  if (who === undefined) return;
  const { campaign, userId } = who;
  const place = await placeOf(parts, reply, campaign, userId);
  if (place === undefined) return;
  if (place.withdrawn) {
    refuseWithdrawn(parts, reply, campaign, place);
    return;
  }
  const instantUs = parts.clock.next();
  if (!parts.door.isOpen(reply, campaign, instantUs)) return;
  if (place.grant !== undefined || place.settled) {
    reply.problem(
      'already-settled',
      `The entry in campaign ${campaign.campaignId} is decided: it cannot be withdrawn.`,
      {
        members: { stamp: place.stamp, outcome: outcomeOf(campaign, place) },
      },
    );
    return;
  }
  const pipeline = openPipeline(parts, reply);
  pipeline?.gather(new Entry(parts, reply, campaign, userId, instantUs, ITEM_WITHDRAWAL));
}
