/**
 * Settling a campaign that was cancelled: nobody is granted or drawn any more. Whoever stands behind `cancelled_stamp` and
 * has not left before has the outcome `cancelled` from the cancellation on, so nothing is decided here; entries that gateways
 * had accepted and that were still on their way are waited for, and counted. Withdrawals that were not honoured by then are
 * refused, as an outcome never changes.
 */
import type { Campaign } from '../sql/campaigns.ts';
import type { Queryable } from '../sql/database.ts';
import { countTurn, saveSettled } from '../sql/settling.ts';
import { refuseWithdrawals } from '../sql/withdrawals.ts';
import { closesAtUs, DONE, dueStamp, type StepResult } from './settling-step.ts';

/** Counted in one statement, which reads an index alone. */
const ALL = 2_000_000_000;

export async function stepCancelled(
  db: Queryable,
  campaign: Campaign,
  watermarkUs: number,
): Promise<StepResult> {
  if (watermarkUs < closesAtUs(campaign)) return DONE;
  const { campaignId, settledStamp, settledCount, grantedCount, goneCount } = campaign;
  const through = dueStamp(campaign, watermarkUs);
  const { count } = await countTurn(db, { campaignId, after: settledStamp, through, limit: ALL });
  await refuseWithdrawals(db, campaignId);
  const settled = { settledStamp: through, settledCount: settledCount + count, grantedCount, goneCount };
  await saveSettled(db, campaignId, settled, true);
  return { decided: count, more: false };
}
