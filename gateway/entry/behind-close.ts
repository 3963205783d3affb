/**
 * A user who tries to enter after the close may have an entry: an earlier attempt was logged, and its answer was lost or was a
 * 503. The answer is then that entry, because nothing else would make the user look. An entry that a gateway logged but did
 * not rank before it died is found only after an engine has ranked it: until everything stamped before the close is ranked,
 * no user gets the final answer that it is too late.
 */
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { ReceiptStore } from '../cold/receipt-store.ts';
import { ANSWERED, type Reply } from '../http/reply.ts';
import { type ArchiveParts, refuseArchived } from '../http/requests.ts';
import type { Board } from '../shared/board.ts';
import type { EntryStanding, Lookups } from '../shared/lookups.ts';
import type { AdmissionControl } from './admission-control.ts';
import { refuseWithdrawn, SOON, withReceipt } from './entry-answers.ts';
import { type EntryViewParts, entryView } from './entry-view.ts';

export interface BehindCloseParts extends ArchiveParts, EntryViewParts {
  readonly board: Pick<Board, 'rankedUs'>;
  readonly lookups: Pick<Lookups, 'find'>;
  readonly receipts: Pick<ReceiptStore, 'find'>;
  readonly admission: Pick<AdmissionControl, 'refuseEntrant'>;
}

export async function answerBehindClose(
  parts: BehindCloseParts,
  reply: Reply,
  campaign: BoardCampaign,
  userId: string,
  instantUs: number,
): Promise<void> {
  // Check before the look-up: then everything is ranked by the time of the look-up.
  const areAllRanked = parts.board.rankedUs >= campaign.closesAtUs - 1;
  let standing: EntryStanding | undefined;
  try {
    standing = await parts.lookups.find(campaign, userId);
    if (standing === undefined && (await refuseArchived(parts, reply, campaign)) === ANSWERED) return;
  } catch {
    // Do not answer "closed": clients stop retrying after that.
    parts.metrics.refuse('lookup');
    const detail = 'The campaign is closed, and entries cannot be looked up right now.';
    reply.problem('unavailable', detail, { headers: SOON });
    return;
  }
  if (standing === undefined && !areAllRanked) {
    parts.metrics.refuse('closing');
    const detail = 'The campaign is closed, and some earlier requests may still arrive. Retrying is safe.';
    reply.problem('unavailable', detail, { headers: SOON });
  } else if (standing === undefined) parts.admission.refuseEntrant(reply, campaign, instantUs);
  else if (
    standing.withdrawn ||
    standing.claimant?.state === 'left' ||
    standing.claimant?.state === 'declined'
  )
    refuseWithdrawn(parts, reply, campaign, standing);
  else {
    const receipt = await parts.receipts.find(campaign, userId, standing.stamp);
    reply.notStored(withReceipt(entryView(parts, standing), receipt));
  }
}
