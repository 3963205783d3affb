/**
 * Reading and withdrawing one's own entry.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { ITEM_WITHDRAWAL } from '../../engine/contract/record/record.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { FinalOutcome } from '../../sql/statements/entries/outcomes.ts';
import type { SharedClock } from '../clock/clock.ts';
import type { LedgerQuestions } from '../cold/ledger-questions.ts';
import type { ReceiptStore } from '../cold/receipt-store.ts';
import type { ShelvedCampaigns } from '../cold/shelved.ts';
import type { EntryView } from '../http/contract/entries.ts';
import { ANSWERED, type Answered, type Reply } from '../http/reply.ts';
import {
  type ArchiveParts,
  authenticate,
  type CampaignLookupParts,
  campaignOf,
  type Head,
  readCampaignId,
  readTicket,
  refuseArchived,
  type TicketParts,
} from '../http/requests.ts';
import type { Board } from '../shared/board.ts';
import { BeingMade, type EntryStanding, type Lookups } from '../shared/lookups.ts';
import type { AdmissionControl } from './admission-control.ts';
import { type OpenPipelineParts, openPipeline, refuseWithdrawn, SOON, withReceipt } from './entry-answers.ts';
import { type EntryViewParts, entryView, isCancelled, outcomeOf } from './entry-view.ts';
import type { Repeats } from './repeats.ts';
import { answerWithdrawing, Entry, type StampedEntryParts } from './stamped-entry.ts';

interface AskerParts extends TicketParts, CampaignLookupParts {}

interface StandingParts extends ArchiveParts {
  readonly lookups: Pick<Lookups, 'find'>;
}

interface FinalOutcomeParts {
  readonly board: Pick<Board, 'campaign'>;
  /** Used only for campaigns that are being rebuilt in Redis. */
  readonly ledgerOutcomes: Pick<LedgerQuestions<FinalOutcome>, 'find'>;
}

export interface OwnEntryParts extends AskerParts, StandingParts, FinalOutcomeParts, EntryViewParts {
  readonly board: AskerParts['board'];
  readonly shelved: Pick<ShelvedCampaigns, 'find' | 'archiveOf'>;
  readonly receipts: Pick<ReceiptStore, 'find'>;
}

/** To stamp and log what a user asks for an entry that they have. */
export interface OwnRequestParts extends AskerParts, StandingParts, OpenPipelineParts, StampedEntryParts {
  readonly clock: Pick<SharedClock, 'next' | 'now' | 'synchronised'>;
  readonly board: AskerParts['board'];
  readonly shelved: Pick<ShelvedCampaigns, 'find' | 'archiveOf'>;
  readonly membership: StampedEntryParts['membership'];
  readonly metrics: StampedEntryParts['metrics'];
  readonly repeats: Pick<Repeats, 'guardOwn' | 'note' | 'own'>;
}

export interface WithdrawalParts extends OwnRequestParts {
  readonly admission: Pick<AdmissionControl, 'refuseEntrant'>;
}

/** The user and the campaign of a request about an own entry; answers if one of them is not known. */
export async function asker(
  parts: AskerParts,
  reply: Reply,
  ticket: string,
  idText: string,
): Promise<{ userId: string; campaign: BoardCampaign } | Answered> {
  const userId = authenticate(parts, reply, ticket);
  if (userId === ANSWERED) return userId;
  const id = readCampaignId(parts, reply, idText);
  if (id === ANSWERED) return id;
  const campaign = await campaignOf(parts, reply, id);
  return campaign === ANSWERED ? campaign : { userId, campaign };
}

/**
 * The user's standing; answers 404 if there is none, 503, or what `whileMade` answers while the campaign is being rebuilt in
 * Redis, if it does.
 */
export async function standingOf(
  parts: StandingParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
  whileMade?: () => Promise<Answered | undefined>,
): Promise<EntryStanding | Answered> {
  try {
    const standing = await parts.lookups.find(campaign, userId);
    if (standing !== undefined) return standing;
    return (
      (await refuseArchived(parts, reply, campaign)) ??
      reply.problem('no-entry', `You have no entry in campaign ${campaign.campaignId}.`)
    );
  } catch (error) {
    if (error instanceof BeingMade && (await whileMade?.()) === ANSWERED) return ANSWERED;
  }
  parts.metrics.refuse('lookup');
  return reply.problem('unavailable', 'Entries cannot be looked up right now.', { headers: SOON });
}

/** GET /v1/campaigns/{id}/entries/me. */
export async function getEntry(
  parts: OwnEntryParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
): Promise<void> {
  const ticket = readTicket(head, req.getQuery('ticket'));
  const idText = req.getParameter(0);
  const who = await asker(parts, reply, ticket, idText);
  if (who === ANSWERED) return;
  const { campaign, userId } = who;
  const standing = await standingOf(parts, reply, campaign, userId, () =>
    tellFinal(parts, reply, campaign, userId),
  );
  if (standing === ANSWERED) return;
  const receipt = await parts.receipts.find(campaign, userId, standing.stamp);
  const view = entryView(parts, standing);
  reply.notStored(withReceipt(view, receipt));
}

/**
 * A final outcome is in the ledger, whatever Redis has. It is shown without the position, which only Redis knows, and
 * without the receipt, which would need one query of the ledger each. The ledger is ahead of the board: what the board does
 * not show as decided yet is not told, since the next look-up, of the finished projection, would take it back.
 */
async function tellFinal(
  parts: FinalOutcomeParts,
  reply: Reply,
  { campaignId }: BoardCampaign,
  userId: string,
): Promise<Answered | undefined> {
  const found = await parts.ledgerOutcomes.find(campaignId, userId).catch(() => undefined);
  if (found === undefined) return undefined;
  const { stamp, outcome, serial, code } = found;
  const shown = parts.board.campaign(campaignId);
  if (shown === undefined || !(stamp <= shown.settledStamp || isCancelled(shown, stamp))) return undefined;
  const view: EntryView = {
    campaign: campaignId,
    stamp,
    position: null,
    ahead: 0,
    provisional: false,
    outcome,
    ...(serial === null || code === null ? {} : { serial, code }),
  };
  reply.notStored(JSON.stringify(view));
  return ANSWERED;
}

/** DELETE /v1/campaigns/{id}/entries/me: a withdrawal, stamped and logged like an entry. */
export async function deleteEntry(
  parts: WithdrawalParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
): Promise<void> {
  const { forwardedFor } = head;
  const ticket = readTicket(head, undefined);
  const idText = req.getParameter(0);
  const who = await asker(parts, reply, ticket, idText);
  if (who === ANSWERED) return;
  const { campaign, userId } = who;
  const { campaignId } = campaign;
  const { own } = parts.repeats;
  const refuseRepeat = parts.repeats.guardOwn('withdrawal', reply, { campaignId, userId, forwardedFor });
  if (refuseRepeat() === ANSWERED) return;
  const standing = await standingOf(parts, reply, campaign, userId);
  if (standing === ANSWERED) return;
  const outcome = outcomeOf(standing);
  if (outcome === 'withdrawn' || outcome === 'declined') {
    own.decided('withdrawal', campaignId, userId);
    refuseWithdrawn(parts, reply, campaign, standing);
    return;
  }
  if (refuseRepeat() === ANSWERED) return;
  if (own.standing('withdrawal', campaignId, userId, outcome) !== undefined) {
    answerWithdrawing(reply, campaignId, standing);
    return;
  }
  // Check this first: a gateway without a lease may have no clock yet.
  const pipeline = openPipeline(parts, reply);
  if (pipeline === ANSWERED) return;
  const instantUs = parts.clock.next();
  // An offer is declined and a waitlisted user leaves, also after the close.
  const mayDecline = outcome === 'offered' || outcome === 'waitlisted';
  if (!mayDecline && parts.admission.refuseEntrant(reply, campaign, instantUs) === ANSWERED) return;
  if (!mayDecline && (outcome !== 'waiting' || (standing.settled && campaign.kind !== 'room'))) {
    own.decided('withdrawal', campaignId, userId);
    reply.problem(
      'already-settled',
      `The entry in campaign ${campaignId} is decided and cannot be withdrawn.`,
      {
        members: { stamp: standing.stamp, outcome },
      },
    );
    return;
  }
  const pending = own.begin('withdrawal', campaignId, userId, outcome, instantUs);
  pipeline.gather(new Entry(parts, reply, campaign, userId, instantUs, ITEM_WITHDRAWAL, { pending }));
}
