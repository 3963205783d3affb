/** For how long the service could be heard, as rooms reckon with it. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { Transaction } from '../../table.ts';
import { ONE_ROW, us } from '../common.ts';

export function nowUs(tables: LedgerTables): number {
  return us(tables.now());
}

export function heardMs(tables: LedgerTables, by: Transaction): number {
  return tables.hearing.get(ONE_ROW, by)?.heardMs ?? 0;
}

/** Up to there what was not heard yet may still count. */
const LONGEST_AHEAD_MS = 4_000;

export function aheadMs(tables: LedgerTables, by: Transaction): number {
  const behindMs = tables.now().getTime() - (tables.hearing.get(ONE_ROW, by)?.throughMs ?? 0);
  return behindMs >= 0 && behindMs <= LONGEST_AHEAD_MS ? behindMs : 0;
}
