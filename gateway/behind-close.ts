/**
 * Who asks to enter behind the close may have an entry: an earlier attempt of theirs came into the log, and its answer was
 * lost, or was a 503. They are told of that one, since nothing else would make them look. What a gateway logged and did not
 * rank before it died is found only when an engine has ranked it: until all is ranked that was stamped before the close,
 * nobody hears for good that they came too late.
 */
import type { BoardCampaign } from '../engine/contract/board/board.ts';
import { type EntryParts, refuseWithdrawn, SOON, withReceipt } from './entry-answers.ts';
import { entryView } from './entry-view.ts';
import type { Place } from './lookups.ts';
import type { Reply } from './reply.ts';
import { refuseArchived } from './requests.ts';

export async function answerBehindClose(
  parts: EntryParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
  instantUs: number,
): Promise<void> {
  // Before the look: by then all of it is ranked.
  const areAllRanked = parts.board.rankedUs >= campaign.closesAtUs - 1;
  let place: Place | undefined;
  try {
    place = await parts.lookups.find(campaign, userId);
    if (place === undefined && (await refuseArchived(parts, reply, campaign))) return;
  } catch {
    // Not "closed": that would be the last they hear.
    parts.metrics.refuse('lookup');
    const detail = 'The campaign is closed, and entries cannot be looked up at the moment.';
    reply.problem('unavailable', detail, { headers: SOON });
    return;
  }
  if (place === undefined && !areAllRanked) {
    parts.metrics.refuse('closing');
    const detail = 'The campaign is closed, and not all who came before are known yet. Asking again is safe.';
    reply.problem('unavailable', detail, { headers: SOON });
  } else if (place === undefined) parts.door.isOpen(reply, campaign, instantUs);
  else if (place.withdrawn || place.claimant?.state === 'left' || place.claimant?.state === 'declined')
    refuseWithdrawn(parts, reply, campaign, place);
  else {
    const receipt = await parts.receipts.find(campaign, userId, place.stamp);
    reply.notStored(withReceipt(entryView(parts, place), receipt));
  }
}
