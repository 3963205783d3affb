/** The statements of sql/statements/rooms/room-turns.ts. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { PersonRow, WithdrawalRow } from '../../rows.ts';
import { ConstraintError, changed, rowsOf, type Statement, UNIQUE_VIOLATION } from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { compareText, entriesBetween, keyOf } from '../common.ts';
import { isInLine, isInside, newPerson, peopleOf, writePerson } from './people.ts';

const takeIn: Statement = (tables, by, values) => {
  const [campaignId, after, through, limit] = [1, 2, 3, 4].map(number => values.number(number));
  const range = { campaignId: campaignId ?? 0, after: after ?? 0, through: through ?? 0, limit: limit ?? 0 };
  const entries = entriesBetween(tables, by, range);
  for (const { userId, stamp } of entries) {
    const old = tables.people.get(keyOf({ campaignId: range.campaignId, userId }), by);
    writePerson(
      tables,
      by,
      old === undefined
        ? { ...newPerson(range.campaignId, userId), stamp, absentSinceMs: values.number(5) }
        : { ...old, stamp },
    );
  }
  return rowsOf([{ taken: entries.length, lastStamp: entries.at(-1)?.stamp ?? null }]);
};

const readLine: Statement = (tables, by, values) => {
  const people = peopleOf(tables, by, values.number(1));
  const line = people.filter(isInLine);
  const isThere = ({ absentSinceMs }: PersonRow): boolean => absentSinceMs === null;
  return rowsOf([
    {
      anyWaits: line.length > 0,
      anyPresent: line.some(isThere),
      awaySinceMs: least(line.map(({ absentSinceMs }) => absentSinceMs)),
      anyBack: people.some(person => person.state === 'skipped' && isThere(person)),
      firstDueMs: least(people.filter(isInside).map(({ dueMs }) => dueMs)),
    },
  ]);
};

function least(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null);
  return known.length === 0 ? null : Math.min(...known);
}

const decideRoomWithdrawals: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const due: { readonly person: PersonRow; readonly row: WithdrawalRow }[] = [];
  for (const person of peopleOf(tables, by, campaignId)) {
    const row = tables.withdrawals.get(keyOf(person), by);
    if (row !== undefined && row.honoured === null && person.stamp !== null) due.push({ person, row });
  }
  due.sort((a, b) => a.row.stamp - b.row.stamp || compareText(a.row.userId, b.row.userId));
  const turn = due.slice(0, values.number(3)).sort((a, b) => (a.person.stamp ?? 0) - (b.person.stamp ?? 0));
  let goneNumber = values.number(2);
  let honoured = 0;
  for (const { person, row } of turn) {
    const isInTime = person.state === 'waiting' || person.state === 'skipped';
    if (isInTime) {
      goneNumber += 1;
      honoured += 1;
      if (hasGone(tables, by, campaignId, goneNumber))
        throw new ConstraintError(UNIQUE_VIOLATION, 'withdrawals', 'withdrawals_gone');
      writePerson(tables, by, { ...person, state: 'withdrawn' });
    }
    const decided = { ...row, honoured: isInTime, goneNumber: isInTime ? goneNumber : null };
    tables.withdrawals.write(keyOf(person), decided, by);
  }
  return rowsOf([{ honoured, more: due.length > turn.length }]);
};

function hasGone(tables: LedgerTables, by: Transaction, campaignId: number, goneNumber: number): boolean {
  return tables.withdrawals
    .rows(by)
    .some(row => row.campaignId === campaignId && row.goneNumber === goneNumber);
}

/** Records moves of these users, in stamp order. */
function noteMoves(
  tables: LedgerTables,
  by: Transaction,
  after: number,
  people: readonly PersonRow[],
  moveOf: (person: PersonRow) => 'gone' | 'back' | 'returned',
): number {
  const inOrder = people.toSorted((a, b) => (a.stamp ?? 0) - (b.stamp ?? 0));
  for (const [index, person] of inOrder.entries()) {
    const { campaignId, userId } = person;
    const goneNumber = after + index + 1;
    const key = `${campaignId}/${goneNumber}`;
    if (tables.roomMoves.get(key, by) !== undefined)
      throw new ConstraintError(UNIQUE_VIOLATION, 'room_moves', 'room_moves_pkey');
    tables.roomMoves.write(key, { campaignId, goneNumber, userId, move: moveOf(person) }, by);
  }
  return people.length;
}

const skipAbsent: Statement = (tables, by, values) => {
  const [absentMs, goneCount, limit] = [values.number(2), values.number(3), values.number(4)];
  const away = peopleOf(tables, by, values.number(1))
    .filter(row => isInLine(row) && row.absentSinceMs !== null && row.absentSinceMs <= absentMs)
    .sort((a, b) => (a.absentSinceMs ?? 0) - (b.absentSinceMs ?? 0))
    .slice(0, limit);
  for (const person of away) writePerson(tables, by, { ...person, state: 'skipped' });
  return changed(noteMoves(tables, by, goneCount, away, () => 'gone'));
};

const takeBack: Statement = (tables, by, values) => {
  const [settledStamp, goneCount] = [values.number(2), values.number(3)];
  const back = peopleOf(tables, by, values.number(1))
    .filter(({ state, absentSinceMs }) => state === 'skipped' && absentSinceMs === null)
    .sort((a, b) => (a.stamp ?? 0) - (b.stamp ?? 0))
    .slice(0, values.number(4));
  for (const person of back) writePerson(tables, by, { ...person, state: 'waiting' });
  const moveOf = ({ stamp }: PersonRow) => ((stamp ?? 0) <= settledStamp ? 'returned' : 'back');
  return changed(noteMoves(tables, by, goneCount, back, moveOf));
};

const expireVisits: Statement = (tables, by, values) => {
  const over = peopleOf(tables, by, values.number(1))
    .filter(row => isInside(row) && row.dueMs !== null && row.dueMs <= values.number(2))
    .sort((a, b) => (a.dueMs ?? 0) - (b.dueMs ?? 0) || compareText(a.userId, b.userId))
    .slice(0, values.number(3));
  for (const person of over) writePerson(tables, by, { ...person, state: 'expired' });
  return changed(over.length);
};

const countInside: Statement = (tables, by, values) =>
  rowsOf([{ inside: peopleOf(tables, by, values.number(1)).filter(isInside).length }]);

const readFirst: Statement = (tables, by, values) => {
  const first = peopleOf(tables, by, values.number(1)).filter(isInLine).slice(0, values.number(2));
  for (const person of first) tables.people.lock(keyOf(person), by);
  return rowsOf(first.map(({ userId, stamp }) => ({ userId, stamp })));
};

const saveAdmitted: Statement = (tables, by, values) => {
  const [campaignId, afterSerial, settledStamp] = [values.number(1), values.number(2), values.number(3)];
  const [goneCount, admittedUs, dueMs] = [values.number(4), values.number(5), values.number(6)];
  const serials = new Map(
    tables.grants
      .rows(by)
      .filter(grant => grant.campaignId === campaignId && grant.serial > afterSerial)
      .map(({ userId, serial }) => [userId, serial]),
  );
  const admitted = peopleOf(tables, by, campaignId).filter(({ userId }) => serials.has(userId));
  for (const person of admitted) {
    const serial = serials.get(person.userId) ?? null;
    writePerson(tables, by, { ...person, state: 'admitted', serial, admittedUs, dueMs });
  }
  const passedBy = admitted.filter(({ stamp }) => stamp !== null && stamp <= settledStamp);
  return changed(noteMoves(tables, by, goneCount, passedBy, () => 'gone'));
};

const readMoves: Statement = (tables, by, values) => {
  const [campaignId, after, limit] = [values.number(1), values.number(2), values.number(3)];
  const withdrawn = tables.withdrawals
    .rows(by)
    .flatMap(({ goneNumber, ...row }) => (goneNumber === null ? [] : [{ ...row, goneNumber, move: 'gone' }]));
  const moves = [...tables.roomMoves.rows(by), ...withdrawn]
    .filter(row => row.campaignId === campaignId && row.goneNumber > after)
    .sort((a, b) => a.goneNumber - b.goneNumber)
    .slice(0, limit);
  return rowsOf(
    moves.map(({ goneNumber, userId, move }) => {
      const entryStamp = tables.people.get(keyOf({ campaignId, userId }), by)?.stamp ?? 0;
      return { goneNumber, userId, entryStamp, move };
    }),
  );
};

export const ROOM_TURN_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^with taken as \( insert into room_people as held/, takeIn],
  [/^select exists \(select from room_people where .* as "anyWaits"/, readLine],
  [/ update room_people p set state = 'withdrawn'/, decideRoomWithdrawals],
  [/ update room_people p set state = 'skipped'/, skipAbsent],
  [/^with here as \( select user_id from room_people .* set state = 'waiting'/, takeBack],
  [/^with over as \( select user_id from room_people .* set state = 'expired'/, expireVisits],
  [/^select count\(\*\) as inside from room_people/, countInside],
  [/^select user_id as "userId", stamp from room_people/, readFirst],
  [/^with admitted as \( update room_people p set state = 'admitted'/, saveAdmitted],
  [/^select number as "goneNumber"/, readMoves],
];
