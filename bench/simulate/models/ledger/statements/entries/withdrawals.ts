/** The statements of sql/statements/entries/withdrawals.ts. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { EntryRow, WithdrawalRow } from '../../rows.ts';
import { changed, rowsOf, type Statement } from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { compareText, keyOf } from '../common.ts';
import { insertUserRequests } from './user-requests.ts';

const insertWithdrawals = insertUserRequests(
  tables => tables.withdrawals,
  sent => ({ ...sent, honoured: null, goneNumber: null }),
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

/** Whether the user is a claimant who may still give up: the withdrawal is then decided with the offer. */
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

export const WITHDRAWAL_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/insert into withdrawals as held/, insertWithdrawals],
  [/update withdrawals w set honoured = turn.in_time/, decideWithdrawals],
  [/^update withdrawals w set honoured = false from \(select user_id from withdrawals /, refuseWithdrawals],
  [/^select w.gone_number as "goneNumber"/, readGone],
];
