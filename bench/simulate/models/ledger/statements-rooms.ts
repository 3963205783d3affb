/**
 * What the statements of sql/statements/rooms/rooms.ts, sql/statements/rooms/room-turns.ts and
 * sql/statements/rooms/presence.ts do to the simulated ledger, each beside the words its text begins with.
 */
import {
  CHECK_VIOLATION,
  ConstraintError,
  changed,
  type LedgerTables,
  NOTHING,
  type PersonRow,
  type RoomRow,
  rowsOf,
  type Statement,
  UNIQUE_VIOLATION,
  type Values,
  type WithdrawalRow,
} from './ledger-tables.ts';
import { us } from './statements-campaigns.ts';
import { compareText, entriesBetween } from './statements-entries.ts';
import { Blocked, type Transaction } from './table.ts';

const ONE_ROW = 'one';

const FROM_THE_START = { epoch: 0, position: '0-0' };
/** Each way that somebody can go. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  waiting: ['skipped', 'withdrawn', 'admitted'],
  skipped: ['waiting', 'withdrawn'],
  admitted: ['inside', 'left', 'expired'],
  inside: ['left', 'expired'],
};

function keyOf({ campaignId, userId }: { readonly campaignId: number; readonly userId: string }): string {
  return `${campaignId}/${userId}`;
}

function peopleOf(tables: LedgerTables, by: Transaction, campaignId: number): PersonRow[] {
  return tables.people
    .rows(by)
    .filter(row => row.campaignId === campaignId)
    .sort((a, b) => (a.stamp ?? 0) - (b.stamp ?? 0));
}

function write(tables: LedgerTables, by: Transaction, row: PersonRow): void {
  const old = tables.people.get(keyOf(row), by);
  if (old !== undefined && old.state !== row.state && !WAYS[old.state]?.includes(row.state))
    throw new ConstraintError(CHECK_VIOLATION, 'room_people', 'room_people_states');
  if (
    old !== undefined &&
    old.serial !== null &&
    (old.serial !== row.serial || old.admittedUs !== row.admittedUs)
  )
    throw new ConstraintError(CHECK_VIOLATION, 'room_people', 'room_people_keep');
  tables.people.write(keyOf(row), row, by);
}

function isInLine({ state, stamp }: PersonRow): boolean {
  return state === 'waiting' && stamp !== null;
}

function isInside({ state }: PersonRow): boolean {
  return state === 'admitted' || state === 'inside';
}

function nowUs(tables: LedgerTables): number {
  return us(tables.now());
}

function heardMs(tables: LedgerTables, by: Transaction): number {
  return tables.hearing.get(ONE_ROW, by)?.heardMs ?? 0;
}

/** Up to there what was not heard yet may still count. */
const LONGEST_AHEAD_MS = 4_000;

function aheadMs(tables: LedgerTables, by: Transaction): number {
  const behindMs = tables.now().getTime() - (tables.hearing.get(ONE_ROW, by)?.throughMs ?? 0);
  return behindMs >= 0 && behindMs <= LONGEST_AHEAD_MS ? behindMs : 0;
}

const createRoom: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const row: RoomRow = {
    campaignId,
    version: 1,
    perSecond: values.number(2),
    capacity: values.optional(3),
    paused: values.raw(4) === true,
    graceMs: values.number(5),
    passMs: values.number(6),
    visitMs: values.optional(7),
    singleUse: values.raw(8) === true,
    nextUs: 0,
    recent: [],
    takenStamp: -1,
    heardMs: 0,
    heardAtMs: heardMs(tables, by),
    heardMovedUs: 0,
    emptySinceMs: null,
    busyUs: 0,
    busySinceUs: null,
  };
  tables.rooms.write(String(campaignId), row, by);
  return changed(1);
};

const setTerms: Statement = (tables, by, values) => {
  const key = String(values.number(1));
  if (tables.rooms.get(key, by) === undefined) return NOTHING;
  tables.rooms.lock(key, by);
  const old = tables.rooms.get(key, by);
  if (old === undefined) return NOTHING;
  const [perSecond, capacity] = [values.number(2), values.optional(3)];
  const version = old.version + 1;
  tables.rooms.write(key, { ...old, perSecond, capacity, paused: values.flag(4), version }, by);
  return rowsOf([{ version }]);
};

const keepTerms: Statement = (tables, by, values) => {
  const row = tables.rooms.get(String(values.number(1)), by);
  if (row === undefined) return NOTHING;
  const { campaignId, version, perSecond, capacity, paused } = row;
  const kept = { campaignId, version, perSecond, capacity, paused };
  tables.roomTerms.write(`${campaignId}/${version}`, kept, by);
  return changed(1);
};

const takeRoom: Statement = (tables, by, values) => {
  const key = String(values.number(1));
  tables.rooms.lock(key, by);
  const row = tables.rooms.get(key, by);
  if (row === undefined) return NOTHING;
  const { campaignId, takenStamp: after } = row;
  const due = entriesBetween(tables, by, { campaignId, after, through: values.number(2), limit: 1 });
  const times = {
    nowUs: nowUs(tables),
    serviceHeardMs: heardMs(tables, by),
    aheadMs: aheadMs(tables, by),
  };
  return rowsOf([{ ...row, ...times, hasDue: due.length > 0 }]);
};

const getRoom: Statement = (tables, by, values) => {
  const row = tables.rooms.get(String(values.number(1)), by);
  if (row === undefined) return NOTHING;
  return rowsOf([
    { ...row, nowUs: nowUs(tables), serviceHeardMs: heardMs(tables, by), aheadMs: aheadMs(tables, by) },
  ]);
};

const findRooms: Statement = (tables, by, values) => {
  const [watermarkUs, desertedMs] = [values.number(1), values.number(2)];
  const serviceMs = heardMs(tables, by);
  const found = tables.rooms.rows(by).filter(room => {
    const { campaignId, takenStamp, emptySinceMs, heardAtMs } = room;
    const campaign = tables.campaigns.get(String(campaignId), by);
    if (campaign === undefined) return false;
    const people = peopleOf(tables, by, campaignId);
    if (people.some(person => isInside(person) && person.dueMs !== null && person.dueMs <= serviceMs))
      return true;
    if (campaign.finishedAt !== null || campaign.stage === 'draft') return false;
    if (us(campaign.opensAt) > watermarkUs) return false;
    const line = people.filter(isInLine);
    const isDue = !room.paused && room.nextUs <= nowUs(tables);
    const through = (watermarkUs - us(campaign.opensAt)) * 1024 + 1023;
    const isDeserted = emptySinceMs !== null && serviceMs - emptySinceMs > desertedMs;
    return (
      (takenStamp >= 0 && emptySinceMs === null && serviceMs > heardAtMs) ||
      ((emptySinceMs !== null || isDue) && line.some(({ absentSinceMs }) => absentSinceMs === null)) ||
      entriesBetween(tables, by, { campaignId, after: takenStamp, through, limit: 1 }).length > 0 ||
      people.some(({ state, absentSinceMs }) => state === 'skipped' && absentSinceMs === null) ||
      (us(campaign.closesAt) <= watermarkUs && (line.length === 0 || (serviceMs > heardAtMs && isDeserted)))
    );
  });
  return rowsOf(
    found.map(({ campaignId, heardAtMs }) => {
      const revision = tables.campaigns.get(String(campaignId), by)?.revision ?? 0;
      return { campaignId, progress: revision + heardAtMs };
    }),
  );
};

const saveRoom: Statement = (tables, by, values) => {
  const key = String(values.number(1));
  const old = tables.rooms.get(key, by);
  if (old === undefined) return NOTHING;
  const row: RoomRow = {
    ...old,
    nextUs: values.number(2),
    recent: JSON.parse(values.text(3)),
    takenStamp: values.number(4),
    heardMs: values.number(5),
    heardAtMs: values.number(6),
    busyUs: values.number(7),
    busySinceUs: values.optional(8),
    heardMovedUs: values.number(9),
    emptySinceMs: values.optional(10),
  };
  tables.rooms.write(key, row, by);
  return changed(1);
};

const takeIn: Statement = (tables, by, values) => {
  const [campaignId, after, through, limit] = [1, 2, 3, 4].map(number => values.number(number));
  const range = { campaignId: campaignId ?? 0, after: after ?? 0, through: through ?? 0, limit: limit ?? 0 };
  const entries = entriesBetween(tables, by, range);
  for (const { userId, stamp } of entries) {
    const old = tables.people.get(keyOf({ campaignId: range.campaignId, userId }), by);
    write(
      tables,
      by,
      old === undefined
        ? { ...newPerson(range.campaignId, userId), stamp, absentSinceMs: values.number(5) }
        : { ...old, stamp },
    );
  }
  return rowsOf([{ taken: entries.length, lastStamp: entries.at(-1)?.stamp ?? null }]);
};

function newPerson(campaignId: number, userId: string): PersonRow {
  return {
    campaignId,
    userId,
    stamp: null,
    state: 'waiting',
    incarnations: [],
    absentSinceMs: null,
    serial: null,
    admittedUs: null,
    dueMs: null,
  };
}

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
      write(tables, by, { ...person, state: 'withdrawn' });
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

/** Notes moves of these people, in stamp order. */
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
  for (const person of away) write(tables, by, { ...person, state: 'skipped' });
  return changed(noteMoves(tables, by, goneCount, away, () => 'gone'));
};

const takeBack: Statement = (tables, by, values) => {
  const [settledStamp, goneCount] = [values.number(2), values.number(3)];
  const back = peopleOf(tables, by, values.number(1))
    .filter(({ state, absentSinceMs }) => state === 'skipped' && absentSinceMs === null)
    .sort((a, b) => (a.stamp ?? 0) - (b.stamp ?? 0))
    .slice(0, values.number(4));
  for (const person of back) write(tables, by, { ...person, state: 'waiting' });
  const moveOf = ({ stamp }: PersonRow) => ((stamp ?? 0) <= settledStamp ? 'returned' : 'back');
  return changed(noteMoves(tables, by, goneCount, back, moveOf));
};

const expireVisits: Statement = (tables, by, values) => {
  const over = peopleOf(tables, by, values.number(1))
    .filter(row => isInside(row) && row.dueMs !== null && row.dueMs <= values.number(2))
    .sort((a, b) => (a.dueMs ?? 0) - (b.dueMs ?? 0) || compareText(a.userId, b.userId))
    .slice(0, values.number(3));
  for (const person of over) write(tables, by, { ...person, state: 'expired' });
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
    write(tables, by, { ...person, state: 'admitted', serial, admittedUs, dueMs });
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

/** Whether some engine has taken the reports of streams for itself. */
export function areReportsTaken(tables: LedgerTables): boolean {
  return tables.presenceLog.heldBy(ONE_ROW) !== undefined;
}

export const takePresenceLog: Statement = (tables, by) => {
  if (tables.presenceLog.heldBy(ONE_ROW, by) !== undefined) return NOTHING;
  const row = tables.presenceLog.get(ONE_ROW, by) ?? FROM_THE_START;
  tables.presenceLog.write(ONE_ROW, row, by);
  return rowsOf([row]);
};

const movePresenceLog: Statement = (tables, by, values) => {
  tables.presenceLog.write(ONE_ROW, { epoch: values.number(1), position: values.text(2) }, by);
  return changed(1);
};

function hasEnded(tables: LedgerTables, by: Transaction, incarnation: number): boolean {
  return tables.gateways.rows(by).some(row => row.incarnation === incarnation && row.state === 'ended');
}

const readPresenceState: Statement = (tables, by) => {
  const row = tables.presenceLog.get(ONE_ROW, by) ?? FROM_THE_START;
  const isWanted = tables.campaigns.rows(by).some(each => each.kind === 'room' && each.finishedAt === null);
  const anyEnded = tables.presenceGateways
    .rows(by)
    .some(({ incarnation }) => hasEnded(tables, by, incarnation));
  return rowsOf([{ ...row, isWanted, anyEnded }]);
};

function openRooms(tables: LedgerTables, by: Transaction): readonly RoomRow[] {
  return tables.rooms
    .rows(by)
    .filter(({ campaignId }) => tables.campaigns.get(String(campaignId), by)?.finishedAt === null);
}

const takeRooms: Statement = (tables, by, values) => {
  const named = values.raw(1) === null ? undefined : new Set(values.numbers(1));
  const open = openRooms(tables, by).filter(({ campaignId }) => named?.has(campaignId) ?? true);
  for (const { campaignId } of open) tables.rooms.lock(String(campaignId), by);
  return rowsOf(open.map(() => ({})));
};

const forgetUntold: Statement = (tables, by) => {
  const heardAtMs = heardMs(tables, by);
  const behind = openRooms(tables, by).filter(room => room.heardAtMs < heardAtMs);
  for (const room of behind) {
    tables.rooms.lock(String(room.campaignId), by);
    tables.rooms.write(String(room.campaignId), { ...room, heardAtMs }, by);
  }
  return changed(behind.length);
};

const noteIncarnation: Statement = (tables, by, values) => {
  const incarnation = values.number(1);
  if (hasEnded(tables, by, incarnation)) return NOTHING;
  const key = String(incarnation);
  const holder = tables.presenceGateways.heldBy(key, by);
  if (holder !== undefined) throw new Blocked(holder);
  if (tables.presenceGateways.get(key, by) === undefined)
    tables.presenceGateways.write(key, { incarnation }, by);
  return rowsOf([{}]);
};

const addStreams: Statement = (tables, by, values) => {
  const [incarnation, campaignIds] = [values.number(1), values.numbers(2)];
  const open = new Set(openRooms(tables, by).map(({ campaignId }) => campaignId));
  const told = values
    .texts(3)
    .map((userId, index) => newPerson(campaignIds[index] ?? 0, userId))
    .filter(({ campaignId }) => open.has(campaignId));
  const people = new Map(told.map(person => [keyOf(person), person]));
  for (const [key, person] of people) {
    const old = tables.people.get(key, by) ?? person;
    const incarnations = [...old.incarnations.filter(each => each !== incarnation), incarnation];
    write(tables, by, { ...old, incarnations, absentSinceMs: null });
  }
  return changed(people.size);
};

/** The streams at an incarnation of these people are gone. */
function dropStreams(
  tables: LedgerTables,
  by: Transaction,
  incarnation: number,
  people: readonly PersonRow[],
): number {
  for (const row of people) {
    const room = tables.rooms.get(String(row.campaignId), by);
    const wasThere = room !== undefined && room.takenStamp >= 0 && room.emptySinceMs === null;
    const sinceTurnMs = wasThere ? heardMs(tables, by) - room.heardAtMs : 0;
    const roomHeardMs = (room?.heardMs ?? 0) + sinceTurnMs + aheadMs(tables, by);
    const incarnations = row.incarnations.filter(each => each !== incarnation);
    const absentSinceMs = incarnations.length > 0 ? null : (row.absentSinceMs ?? roomHeardMs);
    write(tables, by, { ...row, incarnations, absentSinceMs });
  }
  return people.length;
}

const removeStreams: Statement = (tables, by, values: Values) => {
  const [incarnation, campaignIds] = [values.number(1), values.numbers(2)];
  const told = values.texts(3).map((userId, index) => keyOf({ campaignId: campaignIds[index] ?? 0, userId }));
  const people = [...new Set(told)].flatMap(key => tables.people.get(key, by) ?? []);
  return changed(dropStreams(tables, by, incarnation, people));
};

const endStreams: Statement = (tables, by, values) => {
  const ended = tables.presenceGateways.rows(by).filter(row => hasEnded(tables, by, row.incarnation));
  const [incarnation] = ended.map(row => row.incarnation).sort((a, b) => a - b);
  if (incarnation === undefined) return rowsOf([{ incarnation: null, count: 0 }]);
  const open = new Set(openRooms(tables, by).map(({ campaignId }) => campaignId));
  const told = tables.people
    .rows(by)
    .filter(row => row.incarnations.includes(incarnation) && open.has(row.campaignId))
    .sort((a, b) => a.campaignId - b.campaignId || compareText(a.userId, b.userId))
    .slice(0, values.number(1));
  return rowsOf([{ incarnation, count: dropStreams(tables, by, incarnation, told) }]);
};

const forgetIncarnation: Statement = (tables, by, values) => {
  tables.presenceGateways.write(String(values.number(1)), undefined, by);
  return changed(1);
};

export const ROOM_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^insert into rooms \(campaign_id, per_second/, createRoom],
  [/^update rooms set per_second = \$2/, setTerms],
  [/^insert into room_terms/, keepTerms],
  [/ from rooms r cross join hearing h where r.campaign_id = \$1 for no key update of r$/, takeRoom],
  [/ from rooms r cross join hearing h where r.campaign_id = \$1$/, getRoom],
  [/^with recursive present as \(/, findRooms],
  [/^update rooms set next_us = \$2/, saveRoom],
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
  [/^select epoch, position from presence_log for update skip locked$/, takePresenceLog],
  [/^update presence_log set epoch = \$1/, movePresenceLog],
  [/^update rooms r set heard_at_ms = h\.heard_ms from hearing h, campaigns c /, forgetUntold],
  [/^select epoch, position, exists .* from presence_log$/, readPresenceState],
  [/^select from rooms r join campaigns c/, takeRooms],
  [/^with ended as \(select from gateways where incarnation = \$1/, noteIncarnation],
  [/^insert into room_people as held \(campaign_id, user_id, incarnations\)/, addStreams],
  [/^update room_people p set incarnations = array_remove\(incarnations, \$1::bigint\)/, removeStreams],
  [/^delete from presence_gateways where incarnation = \$1$/, forgetIncarnation],
  [/^with ended as \( select incarnation from presence_gateways/, endStreams],
];
