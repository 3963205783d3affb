/** The statements of sql/statements/rooms/presence.ts. */
import type { LedgerTables } from '../../ledger-tables.ts';
import type { PersonRow, RoomRow } from '../../rows.ts';
import { changed, NOTHING, rowsOf, type Statement, type Values } from '../../statement.ts';
import { Blocked, type Transaction } from '../../table.ts';
import { compareText, keyOf, ONE_ROW } from '../common.ts';
import { aheadMs, availableMs } from './availability.ts';
import { newPerson, writePerson } from './people.ts';

const FROM_THE_START = { epoch: 0, position: '0-0' };

/** Whether some engine has taken over the reports of streams. */
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
  const isWanted = tables.campaigns
    .rows(by)
    .some(({ kind, finishedAt, stage }) => kind === 'room' && finishedAt === null && stage !== 'draft');
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
  const availableThroughMs = availableMs(tables, by);
  const behind = openRooms(tables, by).filter(room => room.availableThroughMs < availableThroughMs);
  for (const room of behind) {
    tables.rooms.lock(String(room.campaignId), by);
    tables.rooms.write(String(room.campaignId), { ...room, availableThroughMs }, by);
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
    writePerson(tables, by, { ...old, incarnations, absentSinceMs: null });
  }
  return changed(people.size);
};

/** Removes these users' streams at an incarnation. */
function dropStreams(
  tables: LedgerTables,
  by: Transaction,
  { incarnation, nowMs }: { readonly incarnation: number; readonly nowMs: number },
  people: readonly PersonRow[],
): number {
  for (const row of people) {
    const room = tables.rooms.get(String(row.campaignId), by);
    const wasThere = room !== undefined && room.takenStamp >= 0 && room.emptySinceMs === null;
    const sinceTurnMs = wasThere ? availableMs(tables, by) - room.availableThroughMs : 0;
    const roomAvailableMs = (room?.availableMs ?? 0) + sinceTurnMs + aheadMs(tables, by, nowMs);
    const incarnations = row.incarnations.filter(each => each !== incarnation);
    const absentSinceMs = incarnations.length > 0 ? null : (row.absentSinceMs ?? roomAvailableMs);
    writePerson(tables, by, { ...row, incarnations, absentSinceMs });
  }
  return people.length;
}

const removeStreams: Statement = (tables, by, values: Values) => {
  const [incarnation, campaignIds, nowMs] = [values.number(1), values.numbers(2), values.number(4)];
  const told = values.texts(3).map((userId, index) => keyOf({ campaignId: campaignIds[index] ?? 0, userId }));
  const people = [...new Set(told)].flatMap(key => tables.people.get(key, by) ?? []);
  return changed(dropStreams(tables, by, { incarnation, nowMs }, people));
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
  const count = dropStreams(tables, by, { incarnation, nowMs: values.number(2) }, told);
  return rowsOf([{ incarnation, count }]);
};

const forgetIncarnation: Statement = (tables, by, values) => {
  tables.presenceGateways.write(String(values.number(1)), undefined, by);
  return changed(1);
};

export const PRESENCE_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^select epoch, position from presence_log for update skip locked$/, takePresenceLog],
  [/^update presence_log set epoch = \$1/, movePresenceLog],
  [
    /^update rooms r set available_through_ms = a\.available_ms from availability a, campaigns c /,
    forgetUntold,
  ],
  [/^select epoch, position, exists .* from presence_log$/, readPresenceState],
  [/^select from rooms r join campaigns c/, takeRooms],
  [/^with ended as \(select from gateways where incarnation = \$1/, noteIncarnation],
  [/^insert into room_people as held \(campaign_id, user_id, incarnations\)/, addStreams],
  [/^update room_people p set incarnations = array_remove\(incarnations, \$1::bigint\)/, removeStreams],
  [/^delete from presence_gateways where incarnation = \$1$/, forgetIncarnation],
  [/^with ended as \( select incarnation from presence_gateways/, endStreams],
];
