/** What the handlers of entries, claims and withdrawals are given, and the answers that they share. */
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { HeldEntry } from '../../sql/statements/entries/entries.ts';
import type { FinalOutcome } from '../../sql/statements/entries/outcomes.ts';
import type { SharedClock } from '../clock/clock.ts';
import type { ClockLimits } from '../clock/clock-limits.ts';
import type { RequestStarts } from '../clock/request-start.ts';
import type { LedgerQuestions } from '../cold/ledger-questions.ts';
import type { ReceiptStore } from '../cold/receipt-store.ts';
import type { Answered, Reply } from '../http/reply.ts';
import type { RequestParts } from '../http/requests.ts';
import type { Lookups, Place } from '../shared/lookups.ts';
import type { Membership } from '../shared/membership.ts';
import type { Places } from '../shared/places.ts';
import type { ClaimantParts } from '../stream/claimant-view.ts';
import type { Etas } from '../stream/eta.ts';
import type { TicketBatch } from '../ticket/ticket-batch.ts';
import type { AcceptedAnswers } from './accepted-answer.ts';
import type { AdmissionControl } from './admission-control.ts';
import type { Ranker } from './rank.ts';
import type { Repeats } from './repeats.ts';
import type { SlicePipeline } from './slices.ts';

export interface EntryParts extends RequestParts {
  readonly clock: SharedClock;
  readonly membership: Membership;
  readonly lookups: Lookups;
  readonly ranker: Ranker;
  readonly places: Places;
  readonly etas: Etas;
  readonly admission: AdmissionControl;
  readonly requestStarts: RequestStarts;
  readonly clockLimits: ClockLimits;
  readonly receipts: ReceiptStore;
  /** Both are used only for campaigns that are being rebuilt in Redis. */
  readonly ledgerStamps: LedgerQuestions<HeldEntry>;
  readonly ledgerOutcomes: LedgerQuestions<FinalOutcome>;
  readonly tickets: TicketBatch;
  readonly claimants: ClaimantParts;
  readonly answers: AcceptedAnswers;
  readonly repeats: Repeats;
}

/** How long a client waits after a temporary refusal, in seconds. */
export const SOON = { 'retry-after': '1' };

/** The pipeline to gather into; answers 503 if there is none. */
export function openPipeline(parts: EntryParts, reply: Reply): SlicePipeline | Answered {
  if (!parts.clockLimits.mayStamp) {
    parts.metrics.refuse('clock');
    const detail = `This gateway's clock is not accurate enough to accept entries: it is ${parts.clockLimits.describe()}.`;
    return reply.problem('unavailable', `${detail} Retrying is safe.`, { headers: SOON });
  }
  const pipeline = parts.membership.pipeline();
  if (pipeline === undefined) {
    parts.metrics.refuse('lease');
    return reply.problem('unavailable', 'This gateway accepts no entries right now. Retrying is safe.', {
      headers: SOON,
    });
  }
  if (pipeline.waiting < parts.config.MAX_WAITING_ENTRIES) return pipeline;
  parts.metrics.refuse('waiting');
  return reply.problem(
    'overloaded',
    `${pipeline.waiting} entries are waiting for the log. Retrying is safe.`,
    {
      headers: SOON,
    },
  );
}

/** The answer as JSON, with `receipt` (already JSON) as its last member. */
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
    `The entry in campaign ${campaign.campaignId} was withdrawn; this is final.`,
    {
      members: { stamp: place.stamp },
    },
  );
}
