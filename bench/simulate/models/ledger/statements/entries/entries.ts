/** The statements of sql/statements/entries/entries.ts. */
import pg from 'pg';
import type { LedgerTables } from '../../ledger-tables.ts';
import type { CampaignRow, EntryRow } from '../../rows.ts';
import { changed, NOTHING, rowsOf, type Statement, UNIQUE_VIOLATION } from '../../statement.ts';
import { Blocked, type Transaction } from '../../table.ts';
import { entriesBetween, keyOf, rangeOf } from '../common.ts';
import { byKey, campaignOf, earliestOf, sentOf } from './user-requests.ts';

function isOpen(campaign: CampaignRow | undefined): campaign is CampaignRow {
  return campaign !== undefined && campaign.finishedAt === null && campaign.frozenAt === null;
}

function endStamp(campaign: CampaignRow): number {
  return (campaign.closesAt.getTime() - campaign.opensAt.getTime()) * 1000 * 1024;
}

function canBeTaken(tables: LedgerTables, by: Transaction, sent: EntryRow): boolean {
  const campaign = campaignOf(tables, by, sent.campaignId);
  return isOpen(campaign) && sent.stamp > campaign.settledStamp && sent.stamp < endStamp(campaign);
}

/** Throws Blocked while another transaction is writing a conflicting entry. */
function clashOf(tables: LedgerTables, by: Transaction, sent: EntryRow): 'user' | 'stamp' | undefined {
  const { entries } = tables;
  const holder = entries.heldBy(keyOf(sent), by);
  if (holder !== undefined) throw new Blocked(holder);
  if (entries.get(keyOf(sent), by) !== undefined) return 'user';
  for (const { row, by: other } of entries.pendingOfOthers(by)) {
    if (row.campaignId === sent.campaignId && row.stamp === sent.stamp) throw new Blocked(other);
  }
  return hasStamp(tables, by, sent) ? 'stamp' : undefined;
}

function hasStamp({ entries }: LedgerTables, by: Transaction, { campaignId, stamp }: EntryRow): boolean {
  return entries.rows(by).some(row => row.campaignId === campaignId && row.stamp === stamp);
}

function clashError(): Error {
  const error = new pg.DatabaseError('duplicate key value violates unique constraint', 0, 'error');
  return Object.assign(error, { code: UNIQUE_VIOLATION, table: 'entries' });
}

const insertEntries =
  (dealsWith: readonly ('user' | 'stamp')[]): Statement =>
  (tables, by, values) => {
    const sent = sentOf(values)
      .filter(row => canBeTaken(tables, by, row))
      .sort(byKey);
    let inserted = 0;
    for (const { campaignId, userId, stamp } of sent) {
      const clash = clashOf(tables, by, { campaignId, userId, stamp });
      if (clash !== undefined && !dealsWith.includes(clash)) throw clashError();
      if (clash !== undefined) continue;
      tables.entries.write(keyOf({ campaignId, userId }), { campaignId, userId, stamp }, by);
      inserted += 1;
    }
    return changed(inserted);
  };

const keepEarliest: Statement = (tables, by, values) => {
  let replaced = 0;
  for (const sent of earliestOf(sentOf(values).filter(row => canBeTaken(tables, by, row)))) {
    const held = tables.entries.get(keyOf(sent), by);
    if (held === undefined || held.stamp <= sent.stamp || hasStamp(tables, by, sent)) continue;
    tables.entries.write(keyOf(sent), { ...held, stamp: sent.stamp }, by);
    replaced += 1;
  }
  return changed(replaced);
};

const findRefused: Statement = (tables, by, values) => {
  const refused = sentOf(values).filter(sent => tables.entries.get(keyOf(sent), by) === undefined);
  return rowsOf(
    refused.map(sent => {
      const campaign = campaignOf(tables, by, sent.campaignId);
      let reason = 'the stamp belongs to another user';
      if (campaign === undefined) reason = 'no such campaign';
      else if (!isOpen(campaign)) reason = 'the campaign is at its end';
      else if (sent.stamp <= campaign.settledStamp) reason = 'entries with later stamps are settled';
      else if (sent.stamp >= endStamp(campaign)) reason = 'stamped at or after the close';
      return { index: sent.index, reason };
    }),
  );
};

const readEntries: Statement = (tables, by, values) => {
  const { limit, ...range } = rangeOf(values);
  const gateway = values.optional(5);
  const rows = entriesBetween(tables, by, { ...range, limit: Number.POSITIVE_INFINITY });
  return rowsOf(
    rows
      .filter(({ stamp }) => gateway === null || stamp % 1024 === gateway)
      .slice(0, limit)
      .map(({ userId, stamp }) => ({ userId, stamp })),
  );
};

const readHeldEntries: Statement = (tables, by, values) => {
  const [campaignId, userIds] = [values.number(1), values.texts(2)];
  const rows = tables.entries
    .rows(by)
    .filter(row => row.campaignId === campaignId && userIds.includes(row.userId));
  return rowsOf(
    rows.map(({ userId, stamp }) => {
      const state = tables.claimants
        .rows(by)
        .find(row => row.campaignId === campaignId && row.userId === userId)?.state;
      const isWithdrawn = tables.withdrawals.get(keyOf({ campaignId, userId }), by)?.honoured === true;
      return { userId, stamp, hasLeft: isWithdrawn || state === 'left' || state === 'declined' };
    }),
  );
};

const latestStamp: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const stamps = tables.entries.rows(by).filter(row => row.campaignId === campaignId);
  return stamps.length === 0 ? NOTHING : rowsOf([{ stamp: Math.max(...stamps.map(({ stamp }) => stamp)) }]);
};

export const ENTRY_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/insert into entries .* on conflict do nothing$/, insertEntries(['user', 'stamp'])],
  [/insert into entries .* on conflict \(campaign_id, user_id\) do nothing$/, insertEntries(['user'])],
  [/insert into entries .* sent.stamp$/, insertEntries([])],
  [/update entries e set stamp = locked.stamp/, keepEarliest],
  [/'the stamp belongs to another user'/, findRefused],
  [/^select user_id as "userId", stamp from entries where campaign_id = \$1 and stamp > \$2/, readEntries],
  [/^select stamp from entries where campaign_id = \$1 order by stamp desc limit 1$/, latestStamp],
  [/^select e.user_id as "userId", e.stamp, coalesce\(w.honoured, false\)/, readHeldEntries],
];
