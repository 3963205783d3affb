/** What the statements of sql/campaign-versions.ts and sql/schedule.ts do to the simulated ledger. */
import { rowsOf, type Statement } from './ledger-tables.ts';

const listPending: Statement = (tables, by) =>
  rowsOf(
    tables.versions
      .rows(by)
      .filter(({ state }) => state === 'pending')
      .map(version => ({ ...version, ageMs: tables.now().getTime() - version.askedAt.getTime() })),
  );

/** Of each, the row that another transaction has locked is left to that. */
const takeUntold: Statement = (tables, by) => {
  const rows = tables.done
    .rows(by)
    .filter(
      ({ told, campaignId, kind }) => !told && tables.done.heldBy(`${campaignId}/${kind}`, by) === undefined,
    );
  for (const row of rows) tables.done.write(`${row.campaignId}/${row.kind}`, { ...row, told: true }, by);
  return rowsOf(
    rows.map(({ told: _, ...row }) => ({ ...row, lateMs: row.doneAt.getTime() - row.dueAt.getTime() })),
  );
};

export const SCHEDULE_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/ from campaign_versions where state = 'pending' order by campaign_id$/, listPending],
  [/^update scheduled_done set told = true/, takeUntold],
];
