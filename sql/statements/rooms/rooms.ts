/** Statements on rooms: their terms, their progress, and the number of users in each state. */
import { type Queryable, queryRepeated } from '../../database.ts';
import type { FoundWork } from '../campaigns/settling.ts';
import { aheadMs } from '../progress/availability.ts';

export interface RoomSettings {
  readonly perSecond: number;
  readonly capacity: number | null;
  readonly paused: boolean;
}

export interface NewRoom extends RoomSettings {
  readonly graceMs: number;
  readonly passMs: number;
  readonly visitMs: number | null;
  readonly singleUse: boolean;
}

export interface Room extends NewRoom {
  readonly campaignId: number;
  readonly version: number;
  readonly nextUs: number;
  /** In the format of the judge of rooms. */
  readonly recent: readonly (readonly [atUs: number, count: number, backUs?: number])[];
  readonly takenStamp: number;
  readonly availableMs: number;
  readonly availableThroughMs: number;
  readonly availableMovedUs: number;
  readonly emptySinceMs: number | null;
  readonly busyUs: number;
  readonly busySinceUs: number | null;
  /** The database's clock at the read, microseconds since the epoch. */
  readonly nowUs: number;
  /** availability.available_ms. */
  readonly serviceAvailableMs: number;
}

const NOW_US = '(extract(epoch from clock_timestamp()) * 1000000)::bigint';

const COLUMNS = `
  r.campaign_id as "campaignId", r.version, r.per_second as "perSecond", r.capacity, r.paused, r.grace_ms as "graceMs",
  r.pass_ms as "passMs", r.visit_ms as "visitMs", r.single_use as "singleUse", r.next_us as "nextUs", r.recent,
  r.taken_stamp as "takenStamp", r.available_ms as "availableMs", r.available_through_ms as "availableThroughMs",
  r.available_moved_us as "availableMovedUs", r.empty_since_ms as "emptySinceMs", r.busy_us as "busyUs",
  r.busy_since_us as "busySinceUs", ${NOW_US} as "nowUs", a.available_ms as "serviceAvailableMs"`;

/** Creates the room of a campaign that was created in the same transaction. */
export async function createRoom(db: Queryable, campaignId: number, room: NewRoom): Promise<void> {
  await db.query(
    `insert into rooms (campaign_id, per_second, capacity, paused, grace_ms, pass_ms, visit_ms, single_use, available_through_ms)
     select $1, $2, $3, $4, $5, $6, $7, $8, available_ms from availability`,
    [
      campaignId,
      room.perSecond,
      room.capacity,
      room.paused,
      room.graceMs,
      room.passMs,
      room.visitMs,
      room.singleUse,
    ],
  );
  await keepTerms(db, campaignId);
}

export async function getRoom(db: Queryable, campaignId: number): Promise<Room | undefined> {
  const { rows } = await db.query<Room>(
    `select ${COLUMNS} from rooms r cross join availability a where r.campaign_id = $1`,
    [campaignId],
  );
  return rows[0];
}

/** A room, locked for a step. */
export interface TakenRoom extends Room {
  /**
   * The room has entries up to `through` that it has not taken in. All of them were in the ledger before the step began, so
   * they are visible here, although this statement may wait for the row.
   */
  readonly hasDue: boolean;
  /** By how much serviceAvailableMs may still advance for time before the instant that was asked for. */
  readonly aheadMs: number;
}

/**
 * Takes a room for the rest of the transaction; nobody else sets its terms meanwhile, or changes who is there. `nowMs`: the
 * shared clock, milliseconds since the epoch.
 */
export async function takeRoom(
  db: Queryable,
  campaignId: number,
  { through, nowMs }: { readonly through: number; readonly nowMs: number },
): Promise<TakenRoom> {
  const { rows } = await db.query<TakenRoom>({
    name: 'take_room',
    text: `select ${COLUMNS},
            exists (select from entries e
                     where e.campaign_id = $1 and e.stamp > r.taken_stamp and e.stamp <= $2) as "hasDue",
            ${aheadMs('$3')} as "aheadMs"
       from rooms r cross join availability a where r.campaign_id = $1 for no key update of r`,
    values: [campaignId, through, nowMs],
  });
  const [room] = rows;
  if (room === undefined) throw new Error(`campaign ${campaignId} is a room but has no row in rooms`);
  return room;
}

/** Sets the terms and records them as a version, which it returns; undefined if there is no such room. In a transaction. */
export async function setTerms(
  db: Queryable,
  campaignId: number,
  { perSecond, capacity, paused }: RoomSettings,
): Promise<number | undefined> {
  // Locks the campaign before the room, as settling does, and increases its revision, because the board shows the terms.
  await db.query('update campaigns set title = title where campaign_id = $1', [campaignId]);
  const { rows } = await db.query<{ version: number }>(
    `update rooms set per_second = $2, capacity = $3, paused = $4, version = version + 1 where campaign_id = $1
     returning version`,
    [campaignId, perSecond, capacity, paused],
  );
  if (rows[0] === undefined) return undefined;
  await keepTerms(db, campaignId);
  return rows[0].version;
}

async function keepTerms(db: Queryable, campaignId: number): Promise<void> {
  await db.query(
    `insert into room_terms (campaign_id, version, per_second, capacity, paused)
     select campaign_id, version, per_second, capacity, paused from rooms where campaign_id = $1`,
    [campaignId],
  );
}

/**
 * Rooms with possible work at this watermark (us since the epoch); finished ones only if passes or visits are over. A room in
 * which nobody waits costs a look at its row and at the end of its entries; one that all waiting users have left costs no more.
 * `desertedMs`: see EMPTY_MS of settling, after which a closed one finishes.
 *
 * Presence and due rows are found from room to room in indexes that contain nothing else: as many steps as there are such
 * rooms, however many users are in them (a loose index scan; PostgreSQL makes none of `distinct`).
 */
export async function findRooms(
  db: Queryable,
  watermarkUs: number,
  desertedMs: number,
): Promise<readonly FoundWork[]> {
  const { rows } = await queryRepeated<FoundWork>(db, {
    name: 'find_rooms',
    text: `with recursive present as (
       (select campaign_id from room_people
         where state = 'waiting' and stamp is not null and absent_since_ms is null order by campaign_id limit 1)
       union all
       select next.campaign_id
         from present cross join lateral (
           select p.campaign_id from room_people p
            where p.state = 'waiting' and p.stamp is not null and p.absent_since_ms is null
              and p.campaign_id > present.campaign_id
            order by p.campaign_id limit 1) as next),
     inside as (
       (select campaign_id, due_ms from room_people
         where state in ('admitted', 'inside') order by campaign_id, due_ms limit 1)
       union all
       select next.campaign_id, next.due_ms
         from inside cross join lateral (
           select p.campaign_id, p.due_ms from room_people p
            where p.state in ('admitted', 'inside') and p.campaign_id > inside.campaign_id
            order by p.campaign_id, p.due_ms limit 1) as next)
     select c.campaign_id as "campaignId", c.revision + r.available_through_ms as progress
       from campaigns c
       join rooms r using (campaign_id)
      cross join availability a
      cross join lateral (
        select (extract(epoch from c.opens_at) * 1000000)::bigint as opens_us,
               (extract(epoch from c.closes_at) * 1000000)::bigint as closes_us) as instant
      where c.campaign_id in (select inside.campaign_id from inside where inside.due_ms <= (select available_ms from availability))
         or (c.finished_at is null and c.stage <> 'draft' and opens_us <= $1 and (
               -- Somebody was there when it was last looked at: their time goes on, or it is noted that they have left.
               (r.taken_stamp >= 0 and r.empty_since_ms is null and a.available_ms > r.available_through_ms)
               or ((r.empty_since_ms is not null or (not r.paused and r.next_us <= ${NOW_US}))
                   and c.campaign_id in (select present.campaign_id from present))
               or exists (select from entries e where e.campaign_id = c.campaign_id and e.stamp > r.taken_stamp
                             and e.stamp <= ($1 - opens_us) * 1024 + 1023)
               or c.campaign_id in (select p.campaign_id from room_people p
                                     where p.state = 'skipped' and p.absent_since_ms is null)
               or (closes_us <= $1 and (
                     (a.available_ms > r.available_through_ms and a.available_ms - r.empty_since_ms > $2)
                     or not exists (select from room_people p
                                     where p.campaign_id = c.campaign_id and p.state = 'waiting' and p.stamp is not null)))))
      order by c.campaign_id`,
    values: [watermarkUs, desertedMs],
  });
  return rows;
}

export type RoomProgress = Pick<
  Room,
  | 'nextUs'
  | 'recent'
  | 'takenStamp'
  | 'availableMs'
  | 'availableThroughMs'
  | 'availableMovedUs'
  | 'emptySinceMs'
  | 'busyUs'
  | 'busySinceUs'
>;

export async function saveRoom(db: Queryable, campaignId: number, progress: RoomProgress): Promise<void> {
  await db.query({
    name: 'save_room',
    text: `update rooms set next_us = $2, recent = $3::jsonb, taken_stamp = $4, available_ms = $5, available_through_ms = $6, busy_us = $7,
                      busy_since_us = $8, available_moved_us = $9, empty_since_ms = $10
      where campaign_id = $1`,
    values: [
      campaignId,
      progress.nextUs,
      JSON.stringify(progress.recent),
      progress.takenStamp,
      progress.availableMs,
      progress.availableThroughMs,
      progress.busyUs,
      progress.busySinceUs,
      progress.availableMovedUs,
      progress.emptySinceMs,
    ],
  });
}

/** The number of users of a room in each state. */
export interface RoomCounts {
  readonly waiting: number;
  /** How many of the waiting users are absent at the moment. */
  readonly absent: number;
  readonly skipped: number;
  readonly withdrawn: number;
  readonly admitted: number;
  readonly inside: number;
  readonly left: number;
  readonly expired: number;
}

export async function countPeople(db: Queryable, campaignId: number): Promise<RoomCounts> {
  const { rows } = await db.query<RoomCounts>(
    `select count(*) filter (where state = 'waiting') as waiting,
            count(*) filter (where state = 'waiting' and absent_since_ms is not null) as absent,
            count(*) filter (where state = 'skipped') as skipped,
            count(*) filter (where state = 'withdrawn') as withdrawn,
            count(*) filter (where state = 'admitted') as admitted,
            count(*) filter (where state = 'inside') as inside,
            count(*) filter (where state = 'left') as "left",
            count(*) filter (where state = 'expired') as expired
       from room_people where campaign_id = $1 and stamp is not null`,
    [campaignId],
  );
  const [counts] = rows;
  if (counts === undefined) throw new Error('a count gave no row');
  return counts;
}
