/** The answers that the handlers of entries, claims and withdrawals share. */
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { ClockLimits } from '../clock/clock-limits.ts';
import type { GatewayConfig } from '../config.ts';
import type { Answered, Reply } from '../http/reply.ts';
import type { RefusalParts } from '../http/requests.ts';
import type { EntryStanding } from '../shared/lookups.ts';
import type { Membership } from '../shared/membership.ts';
import type { SlicePipeline } from './slices.ts';

export interface OpenPipelineParts extends RefusalParts {
  readonly clockLimits: Pick<ClockLimits, 'describe' | 'mayStamp'>;
  readonly membership: Pick<Membership, 'pipeline'>;
  readonly config: Pick<GatewayConfig, 'MAX_WAITING_ENTRIES'>;
}

/** How long a client waits after a temporary refusal, in seconds. */
export const SOON = { 'retry-after': '1' };

/** The pipeline to gather into; answers 503 if there is none. */
export function openPipeline(parts: OpenPipelineParts, reply: Reply): SlicePipeline | Answered {
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
  parts: RefusalParts,
  reply: Reply,
  campaign: BoardCampaign,
  standing: Pick<EntryStanding, 'stamp'>,
): void {
  parts.metrics.refuse('withdrawn');
  reply.problem(
    'already-withdrawn',
    `The entry in campaign ${campaign.campaignId} was withdrawn; this is final.`,
    {
      members: { stamp: standing.stamp },
    },
  );
}
