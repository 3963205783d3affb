/** The statements of sql/statements/claims/claims.ts that extend deadlines by outages. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { CampaignRow } from '../../rows.ts';
import { NOTHING, rowsOf, type Statement } from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { changeCampaign } from '../campaigns/changing.ts';

function lacksUnheard({ finishedAt, rules, unheardSeenUs }: CampaignRow, unheardUs: number): boolean {
  const hasClaims = rules !== null && JSON.parse(rules).claim_within_s !== undefined;
  return hasClaims && finishedAt === null && (unheardSeenUs === null || unheardSeenUs < unheardUs);
}

function extend(tables: LedgerTables, by: Transaction, row: CampaignRow, unheardUs: number): number {
  const total = row.unheardUs + unheardUs - (row.unheardSeenUs ?? unheardUs);
  changeCampaign(tables, by, row, { unheardUs: total, unheardSeenUs: unheardUs });
  return total;
}

const extendDeadlines: Statement = (tables, by, values) => {
  const unheardUs = values.number(1);
  const row = tables.campaigns.get(String(values.number(2)), by);
  if (row === undefined || !lacksUnheard(row, unheardUs)) return NOTHING;
  return rowsOf([{ unheardUs: extend(tables, by, row, unheardUs) }]);
};

/** Skips campaigns that others hold. */
const extendFreeDeadlines: Statement = (tables, by, values) => {
  const unheardUs = values.number(1);
  const due = tables.campaigns.rows(by).filter(row => lacksUnheard(row, unheardUs));
  const free = due.filter(({ campaignId }) => tables.campaigns.heldBy(String(campaignId), by) === undefined);
  for (const row of free) extend(tables, by, row, unheardUs);
  return rowsOf([{ left: due.length - free.length }]);
};

export const DEADLINE_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^update campaigns set unheard_us = unheard_us \+/, extendDeadlines],
  [/ update campaigns set unheard_us = unheard_us \+/, extendFreeDeadlines],
];
