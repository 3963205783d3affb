/**
 * A stamped request from when it is gathered until it is answered: the answers to entries, withdrawals and claims that the
 * log has accepted.
 */
import type { SliceReceipts } from '../../engine/contract/record/receipt.ts';
import {
  ITEM_ENTRY,
  ITEM_WITHDRAWAL,
  type ItemSource,
  type LogItem,
} from '../../engine/contract/record/record.ts';
import { stampOf } from '../../engine/contract/record/stamp.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { HeldEntry } from '../../sql/statements/entries/entries.ts';
import { sourceOf } from '../clock/request-start.ts';
import type { LedgerQuestions } from '../cold/ledger-questions.ts';
import type { ReceiptStore } from '../cold/receipt-store.ts';
import type { EntryAccepted, WithdrawalAccepted } from '../http/contract/entries.ts';
import { ANSWERED, type Answered, type Reply } from '../http/reply.ts';
import { authenticate, type TicketParts } from '../http/requests.ts';
import type { Metrics } from '../metrics.ts';
import type { Board } from '../shared/board.ts';
import { BeingMade, type EntryStanding, type Lookups } from '../shared/lookups.ts';
import type { Membership } from '../shared/membership.ts';
import type { AcceptedAnswers, AcceptedEntry } from './accepted-answer.ts';
import { refuseWithdrawn, SOON, withReceipt } from './entry-answers.ts';
import type { PendingRequest } from './own-requests.ts';
import type { Ranker } from './rank.ts';
import type { Repeats } from './repeats.ts';
import type { Refusal, Stamped } from './slices.ts';

/** To answer with an existing entry. */
interface AnswerParts {
  readonly metrics: Pick<Metrics, 'acceptedEntries' | 'refuse'>;
  readonly receipts: Pick<ReceiptStore, 'find'>;
  readonly repeats: Pick<Repeats, 'note'>;
}

export interface StampedEntryParts extends AnswerParts, TicketParts {
  readonly metrics: AnswerParts['metrics'];
  readonly membership: Pick<Membership, 'gateway' | 'pipeline'>;
  readonly answers: Pick<AcceptedAnswers, 'of'>;
  readonly lookups: Pick<Lookups, 'find'>;
  /** The last three are used only for campaigns that are being rebuilt in Redis. */
  readonly ledgerStamps: Pick<LedgerQuestions<HeldEntry>, 'find'>;
  readonly ranker: Pick<Ranker, 'add'>;
  readonly board: Pick<Board, 'epoch'>;
}

/** Answers with an entry that was accepted before, and its receipt. `ownReceipt`: see Entry.#ownReceipt. */
export async function answerStanding(
  parts: AnswerParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
  standing: EntryStanding,
  ownReceipt?: (stamp: number) => string | undefined,
): Promise<void> {
  parts.repeats.note(campaign.campaignId, userId);
  if (standing.withdrawn || standing.claimant?.state === 'left' || standing.claimant?.state === 'declined')
    return refuseWithdrawn(parts, reply, campaign, standing);
  await answerStamped(
    parts,
    reply,
    campaign,
    userId,
    { stamp: standing.stamp, ...shownOf(standing) },
    ownReceipt,
  );
}

async function answerStamped(
  parts: AnswerParts,
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
  /** Of a claim or withdrawal: told what became of it. */
  readonly pending?: PendingRequest;
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
  readonly #parts: StampedEntryParts;
  readonly #reply: Reply;
  readonly #ticket: string;
  readonly #answer: ((receipt: string | undefined) => void) | undefined;
  readonly #pending: PendingRequest | undefined;

  constructor(
    parts: StampedEntryParts,
    reply: Reply,
    campaign: BoardCampaign,
    userId: string,
    instantUs: number,
    kind: LogItem['kind'],
    { ticket = '', ticketId = 0, answer, pending }: EntryExtras = {},
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
    this.#pending = pending;
    this.stamp = stampOf(instantUs, campaign.opensAtUs, parts.membership.gateway ?? 0);
  }

  get campaignId(): number {
    return this.campaign.campaignId;
  }

  /** The source of the instant: the arrival here, or the time noted by a trusted proxy. */
  get source(): ItemSource {
    return sourceOf(this.instantUs);
  }

  refuseInvalidTicket(): Answered | undefined {
    const userId = authenticate(this.#parts, this.#reply, this.#ticket);
    return userId === ANSWERED ? ANSWERED : undefined;
  }

  accepted(estimate: number | undefined, receipts: SliceReceipts | undefined): void {
    if (this.#answer !== undefined) {
      const receipt = receipts && this.#receiptOf(receipts);
      this.#pending?.accepted(receipt);
      this.#answer(receipt);
      return;
    }
    if (estimate === undefined) {
      this.#pending?.accepted(undefined);
      void this.#answerLookedUp(receipts);
      return;
    }
    const { metrics, answers, repeats } = this.#parts;
    metrics.acceptedEntries += 1;
    repeats.note(this.campaignId, this.userId);
    this.#reply.accepted(answers.of(this, estimate, receipts));
  }

  refused(why: Refusal): void {
    this.#pending?.refused();
    this.#parts.metrics.refuse(why);
    const detail = why === 'log' ? 'The log did not accept the entry.' : 'The gateway lost its lease.';
    this.#reply.problem('unavailable', `${detail} Retrying is safe.`, { headers: SOON });
  }

  #receiptOf(receipts: SliceReceipts): string {
    const { leaf, kind, campaignId, stamp, source } = this;
    return receipts.textOf(leaf, kind, campaignId, stamp, source);
  }

  /** A user of this slice had entered before, perhaps this one: look the user's entry up and answer with it. */
  async #answerLookedUp(receipts: SliceReceipts | undefined): Promise<void> {
    const { lookups, membership } = this.#parts;
    let standing: EntryStanding | undefined;
    try {
      standing = await lookups.find(this.campaign, this.userId, membership.pipeline()?.epoch);
    } catch (error) {
      if (error instanceof BeingMade && this.kind === ITEM_ENTRY)
        return this.#answerDuringRebuild(error.stamp, receipts);
      standing = undefined;
    }
    const reply = this.#reply;
    if (standing === undefined) {
      this.#refuseUnknown();
    } else if (this.kind === ITEM_WITHDRAWAL) {
      answerWithdrawing(reply, this.campaign.campaignId, standing);
    } else {
      await answerStanding(
        this.#parts,
        reply,
        this.campaign,
        this.userId,
        standing,
        this.#ownReceipt(receipts),
      );
    }
  }

  /**
   * The campaign is being rebuilt in Redis: no position is known, and only the ledger knows who entered before the rebuild
   * began. Users who entered since then are ranked already. A stamp is ranked before it is told. Otherwise, if the gateway
   * that logged it ended before ranking it, other gateways would tell a later stamp, from the end of the rebuild until an
   * engine has backfilled the rank.
   */
  async #answerDuringRebuild(ranked: number | undefined, receipts: SliceReceipts | undefined): Promise<void> {
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

export function answerWithdrawing(
  reply: Reply,
  campaign: number,
  { stamp }: Pick<EntryStanding, 'stamp'>,
): void {
  const answer: WithdrawalAccepted = { campaign, stamp, outcome: 'withdrawing' };
  reply.json(202, JSON.stringify(answer));
}

type ShownPosition = Omit<EntryAccepted, 'campaign' | 'stamp' | 'receipt'>;

/** Shows a rank that can still change as an estimate: a position, once shown, never changes. */
function shownOf({ rank, final }: EntryStanding): ShownPosition {
  if (final) return { position: rank + 1, provisional: false };
  return { position: null, provisional: true, estimated_position: rank + 1 };
}
