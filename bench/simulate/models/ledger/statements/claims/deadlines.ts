/** The statements of sql/statements/claims/claims.ts that extend deadlines by outages. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { CampaignRow } from '../../rows.ts';
import { NOTHING, rowsOf, type Statement } from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { changeCampaign } from '../campaigns/changing.ts';

function lacksOutage({ finishedAt, rules, outageSeenUs }: CampaignRow, outageUs: number): boolean {
  const hasClaims = rules !== null && JSON.parse(rules).claim_within_s !== undefined;
  return hasClaims && finishedAt === null && (outageSeenUs === null || outageSeenUs < outageUs);
}

function extend(tables: LedgerTables, by: Transaction, row: CampaignRow, outageUs: number): number {
  const total = row.outageUs + outageUs - (row.outageSeenUs ?? outageUs);
  changeCampaign(tables, by, row, { outageUs: total, outageSeenUs: outageUs });
  return total;
}

const extendDeadlines: Statement = (tables, by, values) => {
  const outageUs = values.number(1);
  const row = tables.campaigns.get(String(values.number(2)), by);
  if (row === undefined || !lacksOutage(row, outageUs)) return NOTHING;
  return rowsOf([{ outageUs: extend(tables, by, row, outageUs) }]);
};

/** Skips campaigns that others hold. */
const extendFreeDeadlines: Statement = (tables, by, values) => {
  const outageUs = values.number(1);
  const due = tables.campaigns.rows(by).filter(row => lacksOutage(row, outageUs));
  const free = due.filter(({ campaignId }) => tables.campaigns.heldBy(String(campaignId), by) === undefined);
  for (const row of free) extend(tables, by, row, outageUs);
  return rowsOf([{ left: due.length - free.length }]);
};

export const DEADLINE_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^update campaigns set outage_us = outage_us \+/, extendDeadlines],
  [/ update campaigns set outage_us = outage_us \+/, extendFreeDeadlines],
];
