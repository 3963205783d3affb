/**
 * Entering a campaign: from the arrival of a request to its answer.
 */
import type { HttpRequest } from 'uWebSockets.js';
import type { SliceReceipts } from '../../engine/contract/record/receipt.ts';
import {
  ITEM_ENTRY,
  ITEM_WITHDRAWAL,
  type ItemSource,
  type LogItem,
} from '../../engine/contract/record/record.ts';
import { instantOf, stampOf } from '../../engine/contract/record/stamp.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { HeldEntry } from '../../sql/statements/entries/entries.ts';
import { sourceOf } from '../clock/request-start.ts';
import { readEntryBody } from '../http/body.ts';
import type { EntryAccepted } from '../http/contract.ts';
import { ANSWERED, type Reply } from '../http/reply.ts';
import {
  authenticate,
  campaignIdOf,
  findCampaign,
  type Head,
  hasBody,
  readCampaignId,
  readTicket,
} from '../http/requests.ts';
import { BeingMade, type Place } from '../shared/lookups.ts';
import type { AcceptedEntry } from './accepted-answer.ts';
import { answerBehindClose } from './behind-close.ts';
import { type EntryParts, openPipeline, refuseWithdrawn, SOON, withReceipt } from './entry-answers.ts';
import type { Refusal, Stamped } from './slices.ts';

/** POST /v1/campaigns/{id}/entries, which arrived at `arrivedUs`; 0 if the time was unknown. */
export function postEntry(
  parts: EntryParts,
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
 * The fast path, taken by nearly every request in a burst: everything is fine as far as can be told before the
 * signature of the ticket is checked, which happens for a whole slice at once. Returns false, and has done nothing, if
 * something is or may be wrong.
 */
function enterAtOnce(
  parts: EntryParts,
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
  const userId = parts.tickets.take(ticket, Date.now() / 1000);
  if (userId === undefined) return false;
  if (parts.repeats.has(campaign.campaignId, userId)) {
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
  parts: EntryParts,
  reply: Reply,
  id: number,
  userId: string,
  arrival: Arrival,
  head: Readonly<Head>,
): Promise<void> {
  if (hasBody(head) && (await readEntryBody(parts, reply, head)) === ANSWERED) return;
  const campaign = parts.board.campaign(id) ?? (await findCampaign(parts, reply, id));
  if (campaign !== ANSWERED) await enter(parts, reply, campaign, userId, arrival);
}

function enter(
  parts: EntryParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
  arrival: Arrival,
): void | Promise<void> {
  const { arrivedUs, startedUs } = arrival;
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
  parts: EntryParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
  arrival: Arrival,
  instantUs: number,
): Promise<void> {
  if (parts.repeats.refuseTooMany(reply, userId, arrival.forwardedFor) === ANSWERED) return;
  const place = await parts.lookups.find(campaign, userId).catch(() => undefined);
  if (place !== undefined && instantOf(place.stamp, campaign.opensAtUs) <= instantUs) {
    await answerPlace(parts, reply, campaign, userId, place);
    return;
  }
  const now = parts.board.campaign(campaign.campaignId) ?? campaign;
  await enter(parts, reply, now, userId, { ...arrival, instantUs });
}

/** Answers with an entry that was accepted before, and its receipt. `ownReceipt` gives the receipt of the stamp of now. */
async function answerPlace(
  parts: EntryParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
  place: Place,
  ownReceipt?: (stamp: number) => string | undefined,
): Promise<void> {
  parts.repeats.note(campaign.campaignId, userId);
  if (place.withdrawn || place.claimant?.state === 'left' || place.claimant?.state === 'declined')
    return refuseWithdrawn(parts, reply, campaign, place);
  await answerStamped(parts, reply, campaign, userId, { stamp: place.stamp, ...shownOf(place) }, ownReceipt);
}

async function answerStamped(
  parts: EntryParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
  shown: Omit<EntryAccepted, 'campaign' | 'receipt'>,
  ownReceipt?: (stamp: number) => string | undefined,
): Promise<void> {
  const { campaignId } = campaign;
  parts.repeats.note(campaignId, userId);
  const receipt = ownReceipt?.(shown.stamp) ?? (await parts.receipts.find(campaign, userId, shown.stamp));
  parts.metrics.acceptedEntries += 1;
  const answer: EntryAccepted = { campaign: campaignId, ...shown };
  reply.json(202, withReceipt(answer, receipt));
}

interface EntryExtras {
  /** Set, with its id in the batch, if the signature has yet to be checked. */
  readonly ticket?: string;
  readonly ticketId?: number;
  /** Of a claim: answers it, instead of a look-up of the user's entry. Gets the receipt of the claim as JSON. */
  readonly answer?: (receipt: string | undefined) => void;
}

/** A stamped entry, withdrawal or claim, with the client who waits for the answer. */
export class Entry implements Stamped, AcceptedEntry {
  readonly kind: LogItem['kind'];
  readonly campaign: BoardCampaign;
  readonly userId: string;
  readonly instantUs: number;
  readonly stamp: number;
  readonly ticketId: number;
  leaf = 0;
  readonly #parts: EntryParts;
  readonly #reply: Reply;
  readonly #ticket: string;
  readonly #answer: ((receipt: string | undefined) => void) | undefined;

  /** `answer` answers a claim, instead of a look-up of the user's entry. It gets the receipt of the claim as JSON. */
  constructor(
    parts: EntryParts,
    reply: Reply,
    campaign: BoardCampaign,
    userId: string,
    instantUs: number,
    kind: LogItem['kind'],
    { ticket = '', ticketId = 0, answer }: EntryExtras = {},
  ) {
    this.#ticket = ticket;
    this.ticketId = ticketId;
    this.#parts = parts;
    this.#reply = reply;
    this.campaign = campaign;
    this.userId = userId;
    this.instantUs = instantUs;
    this.kind = kind;
    this.#answer = answer;
    this.stamp = stampOf(instantUs, campaign.opensAtUs, parts.membership.gateway ?? 0);
  }

  get campaignId(): number {
    return this.campaign.campaignId;
  }

  /** The source of the instant: the arrival here, or the time noted by a trusted proxy. */
  get source(): ItemSource {
    return sourceOf(this.instantUs);
  }

  isGenuine(): boolean {
    return authenticate(this.#parts, this.#reply, this.#ticket) !== ANSWERED;
  }

  accepted(estimate: number | undefined, receipts: SliceReceipts | undefined): void {
    if (this.#answer !== undefined) {
      this.#answer(receipts && this.#receiptOf(receipts));
      return;
    }
    if (estimate === undefined) {
      void this.#answerLookedUp(receipts);
      return;
    }
    const { metrics, answers, repeats } = this.#parts;
    metrics.acceptedEntries += 1;
    repeats.note(this.campaignId, this.userId);
    this.#reply.accepted(answers.of(this, estimate, receipts));
  }

  refused(why: Refusal): void {
    this.#parts.metrics.refuse(why);
    const detail = why === 'log' ? 'The log did not accept the entry.' : 'The gateway lost its lease.';
    this.#reply.problem('unavailable', `${detail} Retrying is safe.`, { headers: SOON });
  }

  #receiptOf(receipts: SliceReceipts): string {
    const { leaf, kind, campaignId, stamp, source } = this;
    return receipts.textOf(leaf, kind, campaignId, stamp, source);
  }

  /** Somebody of this slice had entered before, perhaps this user: look the user's entry up and answer with it. */
  async #answerLookedUp(receipts: SliceReceipts | undefined): Promise<void> {
    const { lookups, membership } = this.#parts;
    let place: Place | undefined;
    try {
      place = await lookups.find(this.campaign, this.userId, membership.pipeline()?.epoch);
    } catch (error) {
      if (error instanceof BeingMade && this.kind === ITEM_ENTRY)
        return this.#answerUnplaced(error.stamp, receipts);
      place = undefined;
    }
    const reply = this.#reply;
    if (place === undefined) {
      this.#refuseUnknown();
    } else if (this.kind === ITEM_WITHDRAWAL) {
      const answer = { campaign: this.campaign.campaignId, stamp: place.stamp, outcome: 'withdrawing' };
      reply.json(202, JSON.stringify(answer));
    } else {
      await answerPlace(this.#parts, reply, this.campaign, this.userId, place, this.#ownReceipt(receipts));
    }
  }

  /**
   * The campaign is being rebuilt in Redis: no position is known, and only the ledger knows who entered before the rebuild
   * began. Users who entered since then are ranked already. A stamp is ranked before it is told. Otherwise, if the gateway
   * that logged it ended before ranking it, other gateways would tell a later stamp, from the end of the rebuild until an
   * engine has repaired the rank.
   */
  async #answerUnplaced(ranked: number | undefined, receipts: SliceReceipts | undefined): Promise<void> {
    let held: HeldEntry | undefined;
    try {
      held = await this.#parts.ledgerStamps.find(this.campaign.campaignId, this.userId);
    } catch {
      this.#refuseUnknown();
      return;
    }
    const stamp = Math.min(this.stamp, ranked ?? this.stamp, held?.stamp ?? this.stamp);
    if (held?.hasLeft === true) refuseWithdrawn(this.#parts, this.#reply, this.campaign, { stamp });
    else if (stamp === ranked || (await this.#rank(stamp)))
      await answerStamped(
        this.#parts,
        this.#reply,
        this.campaign,
        this.userId,
        { stamp, position: null, provisional: true },
        this.#ownReceipt(receipts),
      );
    else this.#refuseUnknown();
  }

  /** Ranks the stamp; whether the user now has it, or an earlier one, in the ranks that everybody sees. */
  async #rank(stamp: number): Promise<boolean> {
    const { ranker, board } = this.#parts;
    try {
      const { epoch } = await ranker.add(this.campaign.campaignId, [{ userId: this.userId, stamp }]);
      return epoch === board.epoch;
    } catch {
      return false;
    }
  }

  /** The receipt at hand if the stamp is the one accepted just now, else undefined. */
  #ownReceipt(receipts: SliceReceipts | undefined): (stamp: number) => string | undefined {
    return stamp => (receipts !== undefined && stamp === this.stamp ? this.#receiptOf(receipts) : undefined);
  }

  /** The entry is logged, but the user's earliest stamp is unknown: better no stamp than a wrong one. */
  #refuseUnknown(): void {
    this.#parts.metrics.refuse('lookup');
    this.#reply.problem('unavailable', 'The position cannot be looked up. Retrying is safe.', {
      headers: SOON,
    });
  }
}

type ShownPosition = Omit<EntryAccepted, 'campaign' | 'stamp' | 'receipt'>;

/** Shows a rank that can still change as an estimate: a position, once shown, never changes. */
function shownOf({ rank, final }: Place): ShownPosition {
  if (final) return { position: rank + 1, provisional: false };
  return { position: null, provisional: true, estimated_position: rank + 1 };
}
