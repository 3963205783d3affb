/** The available time, as rooms count it. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { Transaction } from '../../table.ts';
import { ONE_ROW, us } from '../common.ts';

export function nowUs(tables: LedgerTables): number {
  return us(tables.now());
}

export function availableMs(tables: LedgerTables, by: Transaction): number {
  return tables.availability.get(ONE_ROW, by)?.availableMs ?? 0;
}

/** At most this much uncounted time may still count. */
const LONGEST_AHEAD_MS = 4_000;

export function aheadMs(tables: LedgerTables, by: Transaction, nowMs: number): number {
  const behindMs = nowMs - (tables.availability.get(ONE_ROW, by)?.throughMs ?? 0);
  return behindMs >= 0 && behindMs <= LONGEST_AHEAD_MS ? behindMs : 0;
}
