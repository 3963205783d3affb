/**
 * How long a consumer lets slices gather before it reads on. A row costs the ledger less in a large transaction, and after
 * each one all that may be decided is looked at. So while entries pour in they are taken in four times a second, which
 * is as often as anybody who watches is told; a consumer that is behind reads on at once.
 */
import type { LogBatch } from './log.ts';

/** From a few hundred entries in a read on, there is a burst. */
const BUSY_BYTES = 16_384;
const BUSY_MS = 250;

/** How long to wait, in ms, before reading on behind `records`, which were read at `readAtMs` (performance.now). */
export function gatherMs(records: LogBatch['records'], readAtMs: number, isBehind: boolean): number {
  if (isBehind) return 0;
  let bytes = 0;
  for (const record of records) bytes += record.bytes.length;
  return bytes < BUSY_BYTES ? 0 : Math.max(0, readAtMs + BUSY_MS - performance.now());
}
