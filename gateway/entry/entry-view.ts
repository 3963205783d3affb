/** The public view of an entry. */
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { EntryView } from '../http/contract/entries.ts';
import type { Outcome } from '../http/contract/fields.ts';
import type { AheadCounts } from '../shared/ahead-counts.ts';
import type { EntryStanding } from '../shared/lookups.ts';
import { type ClaimantParts, claimantMembers, claimantOutcome } from '../stream/claimant-view.ts';
import type { Etas } from '../stream/eta.ts';

export interface EntryViewParts {
  readonly aheadCounts: Pick<AheadCounts, 'ahead'>;
  readonly claimants: ClaimantParts;
  readonly etas: Pick<Etas, 'of'>;
}

/** The public view of an entry's standing: a position only if it is final, an outcome only if it is decided. */
export function entryView(parts: EntryViewParts, standing: EntryStanding): EntryView {
  const { campaign } = standing;
  const outcome = outcomeOf(standing);
  const shown = standing.final;
  const ahead =
    shown && outcome === 'waiting' ? parts.aheadCounts.ahead(campaign.campaignId, standing.rank) : 0;
  return {
    campaign: campaign.campaignId,
    stamp: standing.stamp,
    position: shown ? standing.rank + 1 : null,
    ahead: shown ? ahead : null,
    provisional: !standing.final,
    outcome,
    ...(shown && outcome === 'waiting' && campaign.room !== undefined
      ? { eta: parts.etas.of(campaign, ahead) }
      : {}),
    ...(standing.grant ?? {}),
    ...(standing.claimant === undefined ? {} : claimantMembers(parts.claimants, campaign, standing.claimant)),
  };
}

const GRANTED = { coupon: 'granted', raffle: 'won', room: 'admitted' } as const;

export function outcomeOf(standing: EntryStanding): Outcome {
  const { campaign } = standing;
  if (standing.claimant !== undefined) return claimantOutcome(campaign, standing.claimant);
  if (standing.grant !== undefined) return GRANTED[campaign.kind];
  if (standing.withdrawn) return 'withdrawn';
  if (isCancelled(campaign, standing.stamp)) return 'cancelled';
  // A room eventually admits everybody who has not left, except users who are away when it ends.
  if (campaign.kind === 'room') return campaign.finished ? 'skipped' : 'waiting';
  if (!standing.settled) return 'waiting';
  return campaign.kind === 'coupon' ? 'sold_out' : 'not_drawn';
}

/** Whether the campaign was cancelled before the entry's turn. In a room others may have been admitted before it. */
export function isCancelled({ cancelledStamp, kind }: BoardCampaign, stamp: number): boolean {
  return cancelledStamp !== undefined && (kind === 'room' || stamp > cancelledStamp);
}
