/** Statements on presence: ingesting the gateways' stream reports once, and ending what ends with a gateway. */
import { type Queryable, queryRepeated } from '../../database.ts';
import { bigintArray, textArray } from '../arrays.ts';
import { aheadMs } from '../progress/availability.ts';

export interface PresencePosition {
  readonly epoch: number;
  readonly position: string;
}

/** Locks the position up to which presence was read, for the rest of the transaction. Undefined if another engine reads. */
export async function takePresenceLog(db: Queryable): Promise<PresencePosition | undefined> {
  const { rows } = await db.query<PresencePosition>(
    'select epoch, position from presence_log for update skip locked',
  );
  return rows[0];
}

export async function movePresenceLog(db: Queryable, to: PresencePosition): Promise<void> {
  await db.query('update presence_log set epoch = $1, position = $2', [to.epoch, to.position]);
}

export interface PresenceState extends PresencePosition {
  /** Some room has not finished, so presence matters. */
  readonly isWanted: boolean;
  /** Some gateway that reported streams has ended, and its streams have not. */
  readonly anyEnded: boolean;
}

/** The state of presence, without locking anything. */
export async function readPresenceState(db: Queryable): Promise<PresenceState> {
  const { rows } = await queryRepeated<PresenceState>(db, {
    name: 'presence_state',
    text: `select epoch, position,
            exists (select from campaigns where kind = 'room' and finished_at is null and stage <> 'draft') as "isWanted",
            exists (select from presence_gateways p join gateways g using (incarnation)
                     where g.state = 'ended') as "anyEnded"
       from presence_log`,
    values: [],
  });
  const [state] = rows;
  if (state === undefined) throw new Error('presence_log has no row; migration 0009 makes it');
  return state;
}

/**
 * Locks these rooms, as far as they have not finished, or all such rooms if none are named, as their turns do: presence
 * changes between two turns.
 */
export async function takeRooms(db: Queryable, campaignIds: readonly number[] | undefined): Promise<void> {
  await db.query(
    `select from rooms r join campaigns c using (campaign_id)
      where c.finished_at is null and ($1::bigint[] is null or r.campaign_id = any ($1::bigint[]))
      order by r.campaign_id for no key update of r`,
    [campaignIds === undefined ? null : bigintArray(campaignIds)],
  );
}

/** For rooms that have not finished: available time since their last turn counts as nobody's absence. */
export async function forgetUntold(db: Queryable): Promise<void> {
  await db.query(
    `update rooms r set available_through_ms = a.available_ms
       from availability a, campaigns c
      where c.campaign_id = r.campaign_id and c.finished_at is null and r.available_through_ms < a.available_ms`,
  );
}

/** Records that an incarnation has reported streams; false if it has ended, so that its reports do not count. */
export async function noteIncarnation(db: Queryable, incarnation: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `with ended as (select from gateways where incarnation = $1 and state = 'ended'),
     noted as (
       insert into presence_gateways (incarnation) select $1 where not exists (select from ended) on conflict do nothing)
     select where not exists (select from ended)`,
    [incarnation],
  );
  return rowCount === 1;
}

/** The users whose streams at an incarnation are reported, room by room. */
interface Streams {
  readonly incarnation: number;
  readonly rooms: readonly { readonly campaignId: number; readonly userIds: readonly string[] }[];
}

function columnsOf({ rooms }: Streams): readonly [campaignIds: number[], userIds: string[]] {
  const campaignIds = rooms.flatMap(({ campaignId, userIds }) => userIds.map(() => campaignId));
  return [campaignIds, rooms.flatMap(({ userIds }) => userIds)];
}

/**
 * Adds streams of these users at the incarnation, except in a finished room: a report may come long afterwards, when the room
 * is archived, and a new row would keep the archived one from being restored.
 */
export async function addStreams(db: Queryable, streams: Streams): Promise<void> {
  const [campaignIds, userIds] = columnsOf(streams);
  if (userIds.length === 0) return;
  await db.query(
    `insert into room_people as held (campaign_id, user_id, incarnations)
     select r.campaign_id, told.user_id, array[$1::bigint]
       from (select distinct campaign_id, user_id
               from unnest($2::bigint[], $3::text[]) as sent (campaign_id, user_id)) as told
       join rooms r on r.campaign_id = told.campaign_id
       join campaigns c on c.campaign_id = r.campaign_id
      where c.finished_at is null
     on conflict (campaign_id, user_id) do update
       set incarnations = array_append(array_remove(held.incarnations, $1::bigint), $1::bigint), absent_since_ms = null`,
    [streams.incarnation, bigintArray(campaignIds), textArray(userIds)],
  );
}

// The room's current available time, at most: it is stored up to the last turn, and a later advance may be for time before this
// moment. If nobody was present after the last turn, nothing counts up to the next one (engine/settling/room-settling.ts).
function availableMs(nowMs: `$${number}`): string {
  return `(select r.available_ms + ${aheadMs(nowMs)}
         + case when r.taken_stamp >= 0 and r.empty_since_ms is null then a.available_ms - r.available_through_ms else 0 end
  from rooms r cross join availability a where r.campaign_id = p.campaign_id)`;
}

/** These users have no stream at the incarnation any more, since before `nowMs` by the shared clock. */
export async function removeStreams(db: Queryable, streams: Streams, nowMs: number): Promise<void> {
  const [campaignIds, userIds] = columnsOf(streams);
  if (userIds.length === 0) return;
  await db.query(
    `update room_people p
        set incarnations = array_remove(incarnations, $1::bigint),
            absent_since_ms = case when array_remove(incarnations, $1::bigint) = '{}'
                                   then coalesce(absent_since_ms, ${availableMs('$4')}) end
       from unnest($2::bigint[], $3::text[]) as told (campaign_id, user_id)
      where p.campaign_id = told.campaign_id and p.user_id = told.user_id collate "C"`,
    [streams.incarnation, bigintArray(campaignIds), textArray(userIds), nowMs],
  );
}

/**
 * Ends the streams of one incarnation that has ended before `nowMs` by the shared clock, for at most `limit` users. The
 * incarnation's own row is deleted with the last of them.
 */
export async function endStreams(db: Queryable, limit: number, nowMs: number): Promise<void> {
  const { rows } = await db.query<{ incarnation: number | null; count: number }>(
    `with ended as (
       select incarnation from presence_gateways join gateways using (incarnation)
        where state = 'ended' order by incarnation limit 1
     ), told as (
       select p.campaign_id, p.user_id from room_people p, ended
        where ended.incarnation = any (p.incarnations)
          and p.campaign_id in (select campaign_id from rooms join campaigns using (campaign_id) where finished_at is null)
        order by p.campaign_id, p.user_id limit $1
     ), gone as (
       update room_people p
          set incarnations = array_remove(incarnations, ended.incarnation),
              absent_since_ms = case when array_remove(incarnations, ended.incarnation) = '{}'
                                     then coalesce(absent_since_ms, ${availableMs('$2')}) end
         from told, ended where p.campaign_id = told.campaign_id and p.user_id = told.user_id
       returning p.user_id)
     select (select incarnation from ended) as incarnation, (select count(*) from gone) as count`,
    [limit, nowMs],
  );
  const { incarnation = null, count = 0 } = rows[0] ?? {};
  if (incarnation !== null && count < limit)
    await db.query('delete from presence_gateways where incarnation = $1', [incarnation]);
}
