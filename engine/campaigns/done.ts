/**
 * Says of what was scheduled that it was done, and how late: the ledger notes it in the transaction that does it, once, and
 * one engine tells it afterwards, whichever did it. An engine that was down across a due time does it when it is back.
 */
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import { takeUntold } from '../../sql/statements/campaigns/schedule.ts';
import type { EngineMetrics } from '../metrics.ts';

/** Done later than this, something was down: in service it is the watermark's lag, well below a second. */
const LATE_MS = 5_000;

export async function tellDone(
  pool: Pool,
  metrics: Pick<EngineMetrics, 'scheduledDone'>,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<void> {
  for (const { campaignId, kind, dueAt, lateMs } of await takeUntold(pool)) {
    metrics.scheduledDone(kind, lateMs);
    const what = `a ${kind} was done`;
    if (lateMs > LATE_MS) log.warn({ campaignId, kind, dueAt, lateMs }, `${what} late`);
    else log.info({ campaignId, kind, dueAt, lateMs }, what);
  }
}
