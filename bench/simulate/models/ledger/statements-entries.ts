/**
 * What the statements of sql/statements/entries/entries.ts, sql/statements/entries/withdrawals.ts,
 * sql/statements/entries/grants.ts and sql/statements/draws/alternates.ts do to the simulated ledger, each beside the words
 * its text begins with. ledger.test.ts holds them against PostgreSQL.
 */
import pg from 'pg';
import {
  type AlternateRow,
  type CampaignRow,
  ConstraintError,
  changed,
  type EntryRow,
  FOREIGN_KEY_VIOLATION,
  type LedgerTables,
  NOTHING,
  rowsOf,
  type Statement,
  UNIQUE_VIOLATION,
  type Values,
  type WithdrawalRow,
} from './ledger-tables.ts';
import { Blocked, type Table, type Transaction } from './table.ts';

interface Sent extends EntryRow {
  readonly index: number;
}

function sentOf(values: Values): Sent[] {
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

export function keyOf(row: { readonly campaignId: number; readonly userId: string }): string {
  return `${row.campaignId}/${row.userId}`;
}

function byKey(a: EntryRow, b: EntryRow): number {
  return a.campaignId - b.campaignId || compareText(a.userId, b.userId) || a.stamp - b.stamp;
}

/** Of what each user sent the earliest, in the order of the primary key. */
function earliestOf(sent: readonly EntryRow[]): EntryRow[] {
  const earliest = new Map<string, EntryRow>();
  for (const row of sent) {
    const known = earliest.get(keyOf(row));
    if (known === undefined || row.stamp < known.stamp) earliest.set(keyOf(row), row);
  }
  return [...earliest.values()].sort(byKey);
}

/** As `collate "C"` does. */
export function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function campaignOf(tables: LedgerTables, by: Transaction, campaignId: number): CampaignRow | undefined {
  return tables.campaigns.get(String(campaignId), by);
}

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

/** Throws Blocked while another transaction is writing an entry that this one would clash with. */
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

/** As the view entry_outcomes has them, of campaigns without claims that are no room. */
const readFinalOutcomes: Statement = (tables, by, values) => {
  const [campaignId, userIds] = [values.number(1), values.texts(2)];
  const campaign = campaignOf(tables, by, campaignId);
  if (campaign === undefined || campaign.kind === 'room' || hasClaims(campaign)) return NOTHING;
  const { kind, settledStamp, finishedAt, cancelledStamp } = campaign;
  const isCoupon = kind === 'coupon';
  const rows = tables.entries
    .rows(by)
    .filter(row => row.campaignId === campaignId && userIds.includes(row.userId))
    .filter(({ stamp }) => finishedAt !== null || (isCoupon && stamp <= settledStamp));
  const outcomes = rows.map(({ userId, stamp }) => {
    const grant = tables.grants.rows(by).find(row => row.campaignId === campaignId && row.userId === userId);
    const { serial = null, code = null } = grant ?? {};
    const hasLeft = tables.withdrawals.get(keyOf({ campaignId, userId }), by)?.honoured === true;
    const isCancelled = cancelledStamp !== null && stamp > cancelledStamp;
    const lost = isCancelled
      ? 'cancelled'
      : stamp > settledStamp
        ? 'waiting'
        : isCoupon
          ? 'sold_out'
          : 'not_drawn';
    const outcome = grant !== undefined ? (isCoupon ? 'granted' : 'won') : hasLeft ? 'withdrawn' : lost;
    return { userId, stamp, outcome, serial, code };
  });
  return rowsOf(outcomes.filter(({ outcome }) => outcome !== 'waiting'));
};

function hasClaims({ rules }: CampaignRow): boolean {
  return rules !== null && JSON.parse(rules).claim_within_s !== undefined;
}

const latestStamp: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const stamps = tables.entries.rows(by).filter(row => row.campaignId === campaignId);
  return stamps.length === 0 ? NOTHING : rowsOf([{ stamp: Math.max(...stamps.map(({ stamp }) => stamp)) }]);
};

/** What was asked for, withdrawals or claims: `fresh` makes a row of it. */
export function insertAsked<Row extends EntryRow>(
  tableOf: (tables: LedgerTables) => Table<Row>,
  fresh: (asked: EntryRow) => Row,
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

const insertWithdrawals = insertAsked(
  tables => tables.withdrawals,
  asked => ({ ...asked, honoured: null, goneNumber: null }),
  held => held.honoured === null,
);

const decideWithdrawals: Statement = (tables, by, values) => {
  const [campaignId, settledStamp, through] = [values.number(1), values.number(2), values.number(3)];
  let goneNumber = values.number(4);
  const due: { readonly row: WithdrawalRow; readonly entry: EntryRow }[] = [];
  for (const row of tables.withdrawals.rows(by)) {
    const entry = tables.entries.get(keyOf(row), by);
    if (row.campaignId !== campaignId || row.honoured !== null || entry === undefined) continue;
    if (entry.stamp <= through && !mayStillDecline(tables, by, row)) due.push({ row, entry });
  }
  due.sort((a, b) => a.row.stamp - b.row.stamp || compareText(a.row.userId, b.row.userId));
  const turn = due.slice(0, values.number(5)).sort((a, b) => a.entry.stamp - b.entry.stamp);
  let honoured = 0;
  for (const { row, entry } of turn) {
    const isInTime = entry.stamp > settledStamp;
    if (isInTime) {
      goneNumber += 1;
      honoured += 1;
    }
    tables.withdrawals.write(
      keyOf(row),
      { ...row, honoured: isInTime, goneNumber: isInTime ? goneNumber : null },
      by,
    );
  }
  return rowsOf([{ honoured, more: due.length > turn.length }]);
};

/** Of somebody who has a place and may give it up: that is decided with their offer. */
function mayStillDecline(
  { claimants }: LedgerTables,
  by: Transaction,
  { campaignId, userId }: EntryRow,
): boolean {
  return claimants
    .rows(by)
    .some(
      row =>
        row.campaignId === campaignId &&
        row.userId === userId &&
        (row.state === 'waitlisted' || row.state === 'offered'),
    );
}

const refuseWithdrawals: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const undecided = tables.withdrawals
    .rows(by)
    .filter(row => row.campaignId === campaignId && row.honoured === null)
    .sort((a, b) => a.stamp - b.stamp || compareText(a.userId, b.userId))
    .slice(0, values.number(2));
  for (const row of undecided) tables.withdrawals.write(keyOf(row), { ...row, honoured: false }, by);
  return changed(undecided.length);
};

const readGone: Statement = (tables, by, values) => {
  const [campaignId, after, limit] = [values.number(1), values.number(2), values.number(3)];
  const gone = [];
  for (const row of tables.withdrawals.rows(by)) {
    const entry = tables.entries.get(keyOf(row), by);
    if (row.campaignId !== campaignId || row.goneNumber === null || row.goneNumber <= after) continue;
    if (entry === undefined) continue;
    const { goneNumber, userId, stamp } = row;
    gone.push({ goneNumber, userId, stamp, entryStamp: entry.stamp });
  }
  return rowsOf(gone.sort((a, b) => a.goneNumber - b.goneNumber).slice(0, limit));
};

const insertGrants: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const userIds = values.texts(3);
  const codes = values.texts(4);
  const serials = values.numbers(2);
  for (const [index, serial] of serials.entries()) {
    const userId = userIds[index] ?? '';
    const key = `${campaignId}/${serial}`;
    const holder = tables.grants.heldBy(key, by);
    if (holder !== undefined) throw new Blocked(holder);
    const isTaken =
      tables.grants.get(key, by) !== undefined ||
      tables.grants.rows(by).some(row => row.campaignId === campaignId && row.userId === userId);
    if (isTaken) throw new ConstraintError(UNIQUE_VIOLATION, 'grants', 'grants_pkey or grants_user');
    if (tables.entries.get(keyOf({ campaignId, userId }), by) === undefined)
      throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'grants', 'grants_campaign_id_user_id_fkey');
    tables.grants.write(key, { campaignId, serial, userId, code: codes[index] ?? '' }, by);
  }
  return changed(serials.length);
};

const readGrants: Statement = (tables, by, values) => {
  const [campaignId, after, limit] = [values.number(1), values.number(2), values.number(3)];
  const rows = tables.grants.rows(by).filter(row => row.campaignId === campaignId && row.serial > after);
  rows.sort((a, b) => a.serial - b.serial);
  return rowsOf(rows.slice(0, limit).map(({ serial, userId, code }) => ({ serial, userId, code })));
};

const insertAlternates: Statement = (tables, by, values) => {
  const userIds = values.texts(3);
  writeAlternates(tables, by, values.number(1), values.numbers(2), userIds);
  return changed(userIds.length);
};

export function writeAlternates(
  tables: LedgerTables,
  by: Transaction,
  campaignId: number,
  places: readonly number[],
  userIds: readonly string[],
): void {
  for (const [index, place] of places.entries()) {
    const userId = userIds[index] ?? '';
    const isTaken = tables.alternates
      .rows(by)
      .some(row => row.campaignId === campaignId && (row.place === place || row.userId === userId));
    if (isTaken)
      throw new ConstraintError(UNIQUE_VIOLATION, 'alternates', 'alternates_pkey or alternates_user');
    if (tables.entries.get(keyOf({ campaignId, userId }), by) === undefined)
      throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'alternates', 'alternates_campaign_id_user_id_fkey');
    tables.alternates.write(`${campaignId}/${place}`, { campaignId, place, userId }, by);
  }
}

/** Nobody has terms of their own in the simulator: one ticket each, and nobody is excluded. */
const readPool: Statement = (tables, by, values) => {
  const { limit, ...range } = rangeOf(values);
  const rows = entriesBetween(tables, by, { ...range, limit: Number.POSITIVE_INFINITY }).filter(
    row => tables.withdrawals.get(keyOf(row), by)?.honoured !== true,
  );
  return rowsOf(
    rows.slice(0, limit).map(({ userId, stamp }) => ({
      userId,
      stamp,
      source: Math.floor(stamp / 1024) % 2,
      tickets: 1,
      group: null,
      excluded: null,
    })),
  );
};

/** No prize is passed on in a simulation. */
const readRedrawn: Statement = () => NOTHING;

/** Who stands in for winners and waits, in their order. */
export function nextAlternates(
  { alternates, claimants, passedOn }: LedgerTables,
  by: Transaction,
  campaignId: number,
): readonly AlternateRow[] {
  const isOfIt = (row: { readonly campaignId: number }): boolean => row.campaignId === campaignId;
  const states = new Map(
    claimants
      .rows(by)
      .filter(isOfIt)
      .map(({ userId, state }) => [userId, state]),
  );
  const passed = passedOn.rows(by).filter(isOfIt);
  const last = Math.max(0, ...passed.map(({ place }) => place));
  return alternates
    .rows(by)
    .filter(row => isOfIt(row) && row.place > last)
    .filter(({ userId }) => (states.get(userId) ?? 'waitlisted') === 'waitlisted')
    .sort((a, b) => a.place - b.place);
}

export const ENTRY_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/insert into entries .* on conflict do nothing$/, insertEntries(['user', 'stamp'])],
  [/insert into entries .* on conflict \(campaign_id, user_id\) do nothing$/, insertEntries(['user'])],
  [/insert into entries .* sent.stamp$/, insertEntries([])],
  [/update entries e set stamp = locked.stamp/, keepEarliest],
  [/'the stamp belongs to another user'/, findRefused],
  [/^select user_id as "userId", stamp from entries where campaign_id = \$1 and stamp > \$2/, readEntries],
  [/^select stamp from entries where campaign_id = \$1 order by stamp desc limit 1$/, latestStamp],
  [/^select e.user_id as "userId", e.stamp, coalesce\(w.honoured, false\)/, readHeldEntries],
  [
    /^select o.user_id as "userId", o.stamp, o.outcome, o.serial, o.code from entry_outcomes/,
    readFinalOutcomes,
  ],
  [/^select p.place, p.user_id as "passedFrom"/, readRedrawn],
  [/insert into withdrawals as held/, insertWithdrawals],
  [/update withdrawals w set honoured = turn.in_time/, decideWithdrawals],
  [/^update withdrawals w set honoured = false from \(select user_id from withdrawals /, refuseWithdrawals],
  [/^select w.gone_number as "goneNumber"/, readGone],
  [/^insert into alternates \(campaign_id, place, user_id\)/, insertAlternates],
  [/^select e.user_id as "userId", e.stamp, \(\(e.stamp >> 10\) & 1\)::integer as source/, readPool],
  [/^insert into grants \(campaign_id, serial, user_id, code, tier\)/, insertGrants],
  [
    /^select serial, user_id as "userId", code from grants where campaign_id = \$1 and serial > \$2/,
    readGrants,
  ],
];
