/**
 * The versions of a campaign and its completed scheduled actions, as the triggers of sql/migrations/0005_schedule.sql and
 * 0012_drawing_done.sql write them.
 */
import type { Version } from '../../../../../../sql/statements/campaigns/campaign-versions.ts';
import type { LedgerTables } from '../../ledger-tables.ts';
import type { CampaignRow, DoneRow } from '../../rows.ts';
import type { Transaction } from '../../table.ts';

/** Records a new campaign's first version. */
export function noteFirstVersion({ versions }: LedgerTables, by: Transaction, row: CampaignRow): void {
  const { campaignId, stage, title, stock, opensAt, closesAt, drawsAt, timeZone, version, createdAt } = row;
  const first: Version = {
    ...{ campaignId, version, action: 'make', stage, title, stock, opensAt, closesAt, drawsAt, timeZone },
    ...{ paused: row.pausedAt !== null, baseVersion: version, askedBy: row.madeBy, askedAt: createdAt },
    ...{ askedRole: null, askedToken: null, notice: null },
    ...{ reason: null, decideBy: null, state: 'effective', refused: null, refusal: null },
    ...{ decidedAt: createdAt, rulesHash: null },
  };
  versions.write(`${campaignId}/${version}`, first, by);
}

/** The number of its last version, in effect or not. */
export function lastVersion({ versions }: LedgerTables, by: Transaction, campaignId: number): number {
  return Math.max(
    0,
    ...versions.rows(by).map(version => (version.campaignId === campaignId ? version.version : 0)),
  );
}

/** Records an early close, which is a version like every other change. */
export function noteClose(tables: LedgerTables, by: Transaction, old: CampaignRow, closingAt: Date): number {
  const { campaignId, stage, title, stock, opensAt, drawsAt, timeZone } = old;
  const version = lastVersion(tables, by, campaignId) + 1;
  const now = tables.now();
  const row: Version = {
    ...{ campaignId, version, action: 'close', stage, title, stock, opensAt, closesAt: closingAt, drawsAt },
    ...{
      timeZone,
      paused: old.pausedAt !== null,
      baseVersion: old.version,
      askedBy: 'operator',
      askedRole: null,
      askedToken: null,
      notice: null,
      askedAt: now,
    },
    ...{ reason: null, decideBy: null, state: 'effective', refused: null, refusal: null },
    ...{ decidedAt: now, rulesHash: null },
  };
  tables.versions.write(`${campaignId}/${version}`, row, by);
  return version;
}

/** Records that it closed or was drawn, and when. */
export function noteDone(tables: LedgerTables, by: Transaction, old: CampaignRow, row: CampaignRow): void {
  const { frozenAt, decidedAt, finishedAt } = row;
  const note = (kind: DoneRow['kind'], dueAt: Date, doneAt: Date): void => {
    const key = `${row.campaignId}/${kind}`;
    if (tables.done.get(key, by) !== undefined) return;
    tables.done.write(key, { campaignId: row.campaignId, kind, dueAt, doneAt, told: false }, by);
  };
  const isNews =
    (old.frozenAt === null && frozenAt !== null) ||
    (old.decidedAt === null && decidedAt !== null) ||
    (old.finishedAt === null && finishedAt !== null);
  if (!isNews) return;
  const drawnAt = decidedAt ?? finishedAt;
  if (frozenAt !== null) note('closing', row.closesAt, frozenAt);
  if (drawnAt !== null && row.kind === 'raffle' && row.cancelledStamp === null)
    note('drawing', row.drawsAt ?? row.closesAt, drawnAt);
}
