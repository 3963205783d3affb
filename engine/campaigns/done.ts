/**
 * Reports scheduled work that was done, and how late. The transaction that does the work records it in the ledger, once, and
 * afterwards any one engine reports it. An engine that was down at a due time does the work when it is back.
 */
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import { takeUntold } from '../../sql/statements/campaigns/schedule.ts';
import type { EngineMetrics } from '../metrics.ts';

/** Later than this, something was down: in normal operation the delay is the watermark's lag, well below a second. */
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
