/** The statements of sql/statements/rooms/rooms.ts. */
import type { RoomRow } from '../../rows.ts';
import { changed, NOTHING, rowsOf, type Statement } from '../../statement.ts';
import { entriesBetween, us } from '../common.ts';
import { aheadMs, availableMs, nowUs } from './availability.ts';
import { isInLine, isInside, peopleOf } from './people.ts';

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
    availableMs: 0,
    availableThroughMs: availableMs(tables, by),
    availableMovedUs: 0,
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
    serviceAvailableMs: availableMs(tables, by),
    aheadMs: aheadMs(tables, by, values.number(3)),
  };
  return rowsOf([{ ...row, ...times, hasDue: due.length > 0 }]);
};

const getRoom: Statement = (tables, by, values) => {
  const row = tables.rooms.get(String(values.number(1)), by);
  if (row === undefined) return NOTHING;
  return rowsOf([{ ...row, nowUs: nowUs(tables), serviceAvailableMs: availableMs(tables, by) }]);
};

const findRooms: Statement = (tables, by, values) => {
  const [watermarkUs, desertedMs] = [values.number(1), values.number(2)];
  const serviceMs = availableMs(tables, by);
  const found = tables.rooms.rows(by).filter(room => {
    const { campaignId, takenStamp, emptySinceMs, availableThroughMs } = room;
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
      (takenStamp >= 0 && emptySinceMs === null && serviceMs > availableThroughMs) ||
      ((emptySinceMs !== null || isDue) && line.some(({ absentSinceMs }) => absentSinceMs === null)) ||
      entriesBetween(tables, by, { campaignId, after: takenStamp, through, limit: 1 }).length > 0 ||
      people.some(({ state, absentSinceMs }) => state === 'skipped' && absentSinceMs === null) ||
      (us(campaign.closesAt) <= watermarkUs &&
        (line.length === 0 || (serviceMs > availableThroughMs && isDeserted)))
    );
  });
  return rowsOf(
    found.map(({ campaignId, availableThroughMs }) => {
      const revision = tables.campaigns.get(String(campaignId), by)?.revision ?? 0;
      return { campaignId, progress: revision + availableThroughMs };
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
    availableMs: values.number(5),
    availableThroughMs: values.number(6),
    busyUs: values.number(7),
    busySinceUs: values.optional(8),
    availableMovedUs: values.number(9),
    emptySinceMs: values.optional(10),
  };
  tables.rooms.write(key, row, by);
  return changed(1);
};

export const ROOM_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^insert into rooms \(campaign_id, per_second/, createRoom],
  [/^update rooms set per_second = \$2/, setTerms],
  [/^insert into room_terms/, keepTerms],
  [/ from rooms r cross join availability a where r.campaign_id = \$1 for no key update of r$/, takeRoom],
  [/ from rooms r cross join availability a where r.campaign_id = \$1$/, getRoom],
  [/^with recursive present as \(/, findRooms],
  [/^update rooms set next_us = \$2/, saveRoom],
];
