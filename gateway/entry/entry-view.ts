/** The public view of an entry. */
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { EntryView, Outcome } from '../http/contract.ts';
import type { Place } from '../shared/lookups.ts';
import type { Places } from '../shared/places.ts';
import { type ClaimantParts, claimantMembers, claimantOutcome } from '../stream/claimant-view.ts';
import type { Etas } from '../stream/eta.ts';

export interface EntryViewParts {
  readonly places: Pick<Places, 'ahead'>;
  readonly claimants: ClaimantParts;
  readonly etas: Pick<Etas, 'of'>;
}

/** The public view of a place: a position only if it is final, an outcome only if it is decided. */
export function entryView(parts: EntryViewParts, place: Place): EntryView {
  const { campaign } = place;
  const outcome = outcomeOf(place);
  const shown = place.final;
  const ahead = shown && outcome === 'waiting' ? parts.places.ahead(campaign.campaignId, place.rank) : 0;
  return {
    campaign: campaign.campaignId,
    stamp: place.stamp,
    position: shown ? place.rank + 1 : null,
    ahead: shown ? ahead : null,
    provisional: !place.final,
    outcome,
    ...(shown && outcome === 'waiting' && campaign.room !== undefined
      ? { eta: parts.etas.of(campaign, ahead) }
      : {}),
    ...(place.grant ?? {}),
    ...(place.claimant === undefined ? {} : claimantMembers(parts.claimants, campaign, place.claimant)),
  };
}

const GRANTED = { coupon: 'granted', raffle: 'won', room: 'admitted' } as const;

export function outcomeOf(place: Place): Outcome {
  const { campaign } = place;
  if (place.claimant !== undefined) return claimantOutcome(campaign, place.claimant);
  if (place.grant !== undefined) return GRANTED[campaign.kind];
  if (place.withdrawn) return 'withdrawn';
  if (isCancelled(campaign, place.stamp)) return 'cancelled';
  // A room eventually admits everybody who has not left, except users who are away when it ends.
  if (campaign.kind === 'room') return campaign.finished ? 'skipped' : 'waiting';
  if (!place.settled) return 'waiting';
  return campaign.kind === 'coupon' ? 'sold_out' : 'not_drawn';
}

/** Whether the campaign was cancelled before the entry's turn. In a room others may have been admitted before it. */
export function isCancelled({ cancelledStamp, kind }: BoardCampaign, stamp: number): boolean {
  return cancelledStamp !== undefined && (kind === 'room' || stamp > cancelledStamp);
}
