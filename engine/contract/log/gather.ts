/**
 * How long a consumer lets slices accumulate before it reads on. A row costs the ledger less in a large transaction, and each
 * transaction triggers a check of everything that may be decided. So during a burst the consumer ingests four times a second,
 * which is as often as watchers are updated; a consumer that is behind reads on at once.
 */
import type { LogBatch } from './log.ts';

/** From a few hundred entries per read on, it is a burst. */
const BUSY_BYTES = 16_384;
const BUSY_MS = 250;

/** The wait, in ms, before reading on behind `records`, which were read at `readAtMs` (performance.now). */
export function gatherMs(records: LogBatch['records'], readAtMs: number, isBehind: boolean): number {
  if (isBehind) return 0;
  let bytes = 0;
  for (const record of records) bytes += record.bytes.length;
  return bytes < BUSY_BYTES ? 0 : Math.max(0, readAtMs + BUSY_MS - performance.now());
}
