/** Users' requests: entries, withdrawals and claims. The earliest of each stays. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { CampaignRow, EntryRow } from '../../rows.ts';
import { rowsOf, type Statement, type Values } from '../../statement.ts';
import { Blocked, type Table, type Transaction } from '../../table.ts';
import { compareText, keyOf } from '../common.ts';

interface Sent extends EntryRow {
  readonly index: number;
}

export function sentOf(values: Values): Sent[] {
  const campaignIds = values.numbers(1);
  const userIds = values.texts(2);
  const stamps = values.numbers(3);
  return userIds.map((userId, index) => ({
    campaignId: campaignIds[index] ?? 0,
    userId,
    stamp: stamps[index] ?? 0,
    index,
  }));
}

export function byKey(a: EntryRow, b: EntryRow): number {
  return a.campaignId - b.campaignId || compareText(a.userId, b.userId) || a.stamp - b.stamp;
}

/** The earliest request of each user, in the order of the primary key. */
export function earliestOf(sent: readonly EntryRow[]): EntryRow[] {
  const earliest = new Map<string, EntryRow>();
  for (const row of sent) {
    const known = earliest.get(keyOf(row));
    if (known === undefined || row.stamp < known.stamp) earliest.set(keyOf(row), row);
  }
  return [...earliest.values()].sort(byKey);
}

export function campaignOf(
  tables: LedgerTables,
  by: Transaction,
  campaignId: number,
): CampaignRow | undefined {
  return tables.campaigns.get(String(campaignId), by);
}

/** Inserts withdrawals or claims: `fresh` makes a row of a request. */
export function insertUserRequests<Row extends EntryRow>(
  tableOf: (tables: LedgerTables) => Table<Row>,
  fresh: (sent: EntryRow) => Row,
  isUndecided: (held: Row) => boolean,
): Statement {
  return (tables, by, values) => {
    const table = tableOf(tables);
    const sent = sentOf(values);
    const isKnown = (row: Sent): boolean => campaignOf(tables, by, row.campaignId) !== undefined;
    for (const { campaignId, userId, stamp } of earliestOf(sent.filter(isKnown))) {
      const key = keyOf({ campaignId, userId });
      const holder = table.heldBy(key, by);
      if (holder !== undefined) throw new Blocked(holder);
      const held = table.get(key, by);
      if (held === undefined) table.write(key, fresh({ campaignId, userId, stamp }), by);
      else if (stamp < held.stamp && isUndecided(held)) table.write(key, { ...held, stamp }, by);
    }
    return rowsOf(sent.filter(row => !isKnown(row)).map(({ index }) => ({ index })));
  };
}
