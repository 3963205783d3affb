/**
 * The statements of sql/statements/campaigns/shelving.ts. The simulator makes no books: each counts as made. Ranks are counted
 * from the first entry, so no marks are kept.
 */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { CampaignRow } from '../../rows.ts';
import { changed, NOTHING, rowsOf, type Statement } from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { shownClaimant } from '../claims/claimants.ts';
import { keyOf } from '../common.ts';
import { changeCampaign } from './changing.ts';
import { selectedBy } from './selected.ts';

function isDue(tables: LedgerTables, by: Transaction, row: CampaignRow, afterMs: number): boolean {
  const { campaignId, finishedAt, shelvedAt, pending } = row;
  if (finishedAt === null || shelvedAt !== null || pending !== null) return false;
  const hasOpenWish = tables.withdrawals
    .rows(by)
    .some(wish => wish.campaignId === campaignId && wish.honoured === null);
  return !hasOpenWish && finishedAt.getTime() < tables.now().getTime() - afterMs;
}

const listForShelf: Statement = (tables, by, values) => {
  const due = tables.campaigns.rows(by).filter(row => isDue(tables, by, row, values.number(1)));
  due.sort((a, b) => Number(a.finishedAt) - Number(b.finishedAt) || a.campaignId - b.campaignId);
  return rowsOf(due.slice(0, values.number(2)).map(({ campaignId }) => ({ campaignId })));
};

const shelveCampaign: Statement = (tables, by, values) => {
  const row = tables.campaigns.get(String(values.number(2)), by);
  if (row === undefined || !isDue(tables, by, row, values.number(1))) return changed(0);
  changeCampaign(tables, by, row, { shelvedAt: tables.now() });
  return changed(1);
};

const markRanks: Statement = () => rowsOf([{ marked: 0 }]);

const selecting =
  (isMeant: (row: CampaignRow, values: Parameters<Statement>[2], now: Date) => boolean): Statement =>
  (tables, by, values) =>
    rowsOf(
      tables.campaigns
        .rows(by)
        .filter(row => isMeant(row, values, tables.now()))
        .sort((a, b) => a.campaignId - b.campaignId)
        .map(selectedBy(tables, by)),
    );

const readShelvedSince = selecting(
  ({ shelvedAt }, values, now) =>
    shelvedAt !== null && shelvedAt.getTime() > now.getTime() - values.number(1),
);
const readShelved = selecting(
  ({ campaignId, shelvedAt }, values) => values.numbers(1).includes(campaignId) && shelvedAt !== null,
);
const readUnshelved = selecting(
  ({ campaignId, shelvedAt }, values) => values.numbers(1).includes(campaignId) && shelvedAt === null,
);

const greatestShelved: Statement = (tables, by) => {
  const shelved = tables.campaigns.rows(by).filter(({ shelvedAt }) => shelvedAt !== null);
  return rowsOf([{ greatest: Math.max(0, ...shelved.map(({ campaignId }) => campaignId)) }]);
};

const readStandings: Statement = (tables, by, values) => {
  const [campaignId, userIds] = [values.number(1), values.texts(2)];
  const entries = tables.entries.rows(by).filter(row => row.campaignId === campaignId);
  const wanted = entries.filter(({ userId }) => userIds.includes(userId));
  return rowsOf(
    wanted.map(({ userId, stamp }) => {
      const grant = tables.grants
        .rows(by)
        .find(row => row.campaignId === campaignId && row.userId === userId);
      const isWithdrawn = tables.withdrawals.get(keyOf({ campaignId, userId }), by)?.honoured === true;
      const rank = entries.filter(other => other.stamp < stamp).length;
      const { serial = null, code = null } = grant ?? {};
      return { userId, stamp, serial, code, isWithdrawn, rank };
    }),
  );
};

const readClaimantsOf: Statement = (tables, by, values) => {
  const [campaignId, userIds] = [values.number(1), values.texts(2)];
  const rows = tables.claimants
    .rows(by)
    .filter(row => row.campaignId === campaignId && userIds.includes(row.userId));
  return rowsOf(rows.map(row => shownClaimant(tables, by, row)));
};

/** The simulator archives nothing. */
const readArchiveFile: Statement = () => NOTHING;

export const SHELVING_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^select campaign_id as "campaignId" from campaigns where finished_at < now\(\)/, listForShelf],
  [/^update campaigns set shelved_at = now\(\)/, shelveCampaign],
  [/^with last as \( select max\(stamp\) as stamp, max\(rank\)/, markRanks],
  [/ from campaigns where shelved_at > now\(\)/, readShelvedSince],
  [/ from campaigns where campaign_id = any \(\$1::bigint\[\]\) and shelved_at is not null/, readShelved],
  [/ from campaigns where campaign_id = any \(\$1::bigint\[\]\) and shelved_at is null/, readUnshelved],
  [/^select coalesce\(max\(campaign_id\), 0\) as greatest/, greatestShelved],
  [/^select e.user_id as "userId", e.stamp, g.serial, g.code, coalesce\(w.honoured, false\)/, readStandings],
  [/^select file from archives/, readArchiveFile],
  [/^select k.number, .* where k.campaign_id = \$1 and k.user_id = any/, readClaimantsOf],
];
