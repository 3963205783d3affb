/**
 * Settles a cancelled campaign: nobody is granted or drawn any more. Entries with stamps above `cancelled_stamp` that have
 * not left before are `cancelled` from the cancellation on, so nothing is decided here. The step waits for entries that
 * gateways had accepted and that are still on their way, and counts them. It refuses withdrawals that were not honoured by
 * then, because an outcome never changes. Offers and waitlist positions from before stay: claims continue to their end.
 */
import type { Queryable } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { countTurn, saveSettled } from '../../sql/statements/campaigns/settling.ts';
import { areAllDecided } from '../../sql/statements/claims/claims.ts';
import { refuseWithdrawals } from '../../sql/statements/entries/withdrawals.ts';
import { COUNT_LIMIT, closesAtUs, DONE, dueStamp, type StepResult } from './settling-step.ts';

export async function stepCancelled(
  db: Queryable,
  campaign: Campaign,
  watermarkUs: number,
  limit: number,
): Promise<StepResult> {
  if (watermarkUs < closesAtUs(campaign)) return DONE;
  const { campaignId, settledStamp, settledCount, grantedCount, goneCount } = campaign;
  const through = dueStamp(campaign, watermarkUs);
  const range = { campaignId, after: settledStamp, through, limit: COUNT_LIMIT };
  const { count, lastStamp } = await countTurn(db, range);
  if (count === COUNT_LIMIT && lastStamp !== null) {
    const counted = { settledStamp: lastStamp, settledCount: settledCount + count, grantedCount, goneCount };
    await saveSettled(db, campaignId, counted, false);
    return { decided: count, more: true };
  }
  const hasClaims = campaign.claimWithinS !== null;
  const isFinished = !hasClaims || (await areAllDecided(db, campaignId));
  const refused = isFinished ? await refuseWithdrawals(db, campaignId, limit) : 0;
  const settled = { settledStamp: through, settledCount: settledCount + count, grantedCount, goneCount };
  const { waitlistedCount, moveCount } = campaign;
  const counts = hasClaims ? { waitlistedCount, moveCount, passedOn: 0, isDecided: true } : undefined;
  await saveSettled(db, campaignId, settled, isFinished, counts);
  return { decided: count, more: refused === limit };
}
