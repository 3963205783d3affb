/** What the statements on several tables share. */
import type { LedgerTables } from '../ledger-tables.ts';
import type { EntryRow } from '../rows.ts';
import type { Values } from '../statement.ts';
import type { Transaction } from '../table.ts';

export const ONE_ROW = 'one';

export function keyOf(row: { readonly campaignId: number; readonly userId: string }): string {
  return `${row.campaignId}/${row.userId}`;
}

/** Orders as `collate "C"` does. */
export function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Entries with `after` < stamp <= `through`, in stamp order. */
export function entriesBetween(
  tables: LedgerTables,
  by: Transaction,
  range: {
    readonly campaignId: number;
    readonly after: number;
    readonly through: number;
    readonly limit: number;
  },
): EntryRow[] {
  return tables.entries
    .rows(by)
    .filter(
      ({ campaignId, stamp }) =>
        campaignId === range.campaignId && stamp > range.after && stamp <= range.through,
    )
    .sort((a, b) => a.stamp - b.stamp)
    .slice(0, range.limit);
}

export function rangeOf(values: Values) {
  return {
    campaignId: values.number(1),
    after: values.number(2),
    through: values.number(3),
    limit: values.number(4),
  };
}

export function us(date: Date): number {
  return date.getTime() * 1000;
}
