/** What the handlers of entries, claims and withdrawals are given, and the answers that they share. */
import type { BoardCampaign } from '../engine/contract/board/board.ts';
import type { HeldEntry } from '../sql/entries.ts';
import type { FinalOutcome } from '../sql/outcomes.ts';
import type { AcceptedAnswers } from './accepted-answer.ts';
import type { ClaimantParts } from './claimant-view.ts';
import type { SharedClock } from './clock.ts';
import type { ClockLimits } from './clock-limits.ts';
import type { Doorkeeper } from './door.ts';
import type { Etas } from './eta.ts';
import type { KeptReceipts } from './kept-receipts.ts';
import type { LedgerQuestions } from './ledger-questions.ts';
import type { Lookups, Place } from './lookups.ts';
import type { Membership } from './membership.ts';
import type { Places } from './places.ts';
import type { Ranker } from './rank.ts';
import type { Repeats } from './repeats.ts';
import type { Reply } from './reply.ts';
import type { RequestStarts } from './request-start.ts';
import type { RequestParts } from './requests.ts';
import type { SlicePipeline } from './slices.ts';
import type { TicketBatch } from './ticket-batch.ts';

export interface EntryParts extends RequestParts {
  readonly clock: SharedClock;
  readonly membership: Membership;
  readonly lookups: Lookups;
  readonly ranker: Ranker;
  readonly places: Places;
  readonly etas: Etas;
  readonly door: Doorkeeper;
  readonly requestStarts: RequestStarts;
  readonly clockLimits: ClockLimits;
  readonly receipts: KeptReceipts;
  /** Both for campaigns that Redis is being made anew of alone. */
  readonly ledgerStamps: LedgerQuestions<HeldEntry>;
  readonly ledgerOutcomes: LedgerQuestions<FinalOutcome>;
  readonly tickets: TicketBatch;
  readonly claimants: ClaimantParts;
  readonly answers: AcceptedAnswers;
  readonly repeats: Repeats;
}

/** What a client that is refused for now is told to wait, seconds. */
export const SOON = { 'retry-after': '1' };

/** Where to gather into, or undefined when 503 has been answered. */
export function openPipeline(parts: EntryParts, reply: Reply): SlicePipeline | undefined {
  if (!parts.clockLimits.mayStamp) {
    parts.metrics.refuse('clock');
    const detail = `This gateway cannot tell the time well enough to take entries: it is ${parts.clockLimits.describe()}.`;
    reply.problem('unavailable', `${detail} Asking again is safe.`, { headers: SOON });
    return undefined;
  }
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

/** The answer as JSON, with a receipt that is JSON already as its last member. */
export function withReceipt(answer: object, receipt: string | undefined): string {
  const text = JSON.stringify(answer);
  return receipt === undefined ? text : `${text.slice(0, -1)},"receipt":${receipt}}`;
}

export function refuseWithdrawn(
  parts: EntryParts,
  reply: Reply,
  campaign: BoardCampaign,
  place: Pick<Place, 'stamp'>,
): void {
  parts.metrics.refuse('withdrawn');
  reply.problem(
    'already-withdrawn',
    `The entry in campaign ${campaign.campaignId} was withdrawn; that is final.`,
    {
      members: { stamp: place.stamp },
    },
  );
}
