/** The public view of a claimant: a user with an offer or on the waitlist of a campaign with claims. */
import { isoOfUs } from '../../engine/contract/api/instants.ts';
import type { Claimant, Offered } from '../../engine/contract/campaign/claimant.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { EntryView } from '../http/contract/entries.ts';
import type { OfferEvent } from '../http/contract/events.ts';
import type { Outcome } from '../http/contract/fields.ts';
import type { ClaimMoves } from '../shared/claim-moves.ts';
import type { Deadlines } from './deadlines.ts';

export interface ClaimantParts {
  readonly moves: Pick<ClaimMoves, 'waiting'>;
  readonly deadlines: Pick<Deadlines, 'nowUs' | 'shownUs'>;
}

export function claimantOutcome({ kind, finished }: BoardCampaign, { state }: Claimant): Outcome {
  switch (state) {
    case 'claimed':
      return kind === 'coupon' ? 'granted' : 'won';
    case 'left':
      return 'withdrawn';
    case 'waitlisted':
      if (!finished) return state;
      // Nothing has become free for this claimant.
      return kind === 'coupon' ? 'sold_out' : 'not_drawn';
    case 'offered':
    case 'lapsed':
    case 'declined':
      return state;
  }
}

/** The members of an offer, as shown on streams and entries. */
export function offerMembers(
  deadlines: ClaimantParts['deadlines'],
  campaign: BoardCampaign,
  offered: Offered,
): Omit<OfferEvent, 'position'> {
  const { serial, code } = offered;
  const claimByUs = deadlines.shownUs(campaign, offered);
  if (claimByUs === undefined) return { serial, code };
  const seconds_left = Math.max(0, Math.ceil((claimByUs - deadlines.nowUs()) / 1_000_000));
  return { serial, code, claim_by: isoOfUs(claimByUs), seconds_left };
}

type ClaimantMembers = Partial<
  Pick<EntryView, 'waitlist_position' | 'serial' | 'code' | 'claim_by' | 'seconds_left' | 'ended_at'>
>;

/** The members that an entry shows beside its outcome. */
export function claimantMembers(
  { moves, deadlines }: ClaimantParts,
  campaign: BoardCampaign,
  claimant: Claimant,
): ClaimantMembers {
  switch (claimant.state) {
    case 'waitlisted':
      return campaign.finished
        ? {}
        : { waitlist_position: moves.waiting(campaign.campaignId, claimant.waitlistPosition) };
    case 'offered':
      return offerMembers(deadlines, campaign, claimant);
    case 'claimed':
      return { serial: claimant.serial, code: claimant.code, ended_at: isoOfUs(claimant.endedUs) };
    case 'lapsed':
    case 'declined':
    case 'left':
      return { ended_at: isoOfUs(claimant.endedUs) };
  }
}
