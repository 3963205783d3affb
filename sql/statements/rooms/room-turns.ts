/**
 * Statements of one step of a room, in the order of settling (engine/settling/room-settling.ts), and reads of its moves. All
 * that write require locks on the rows of campaign and room.
 */
import type { Queryable } from '../../database.ts';
import type { StampRange } from '../entries/entries.ts';
import { type DecidedWithdrawals, NOBODY_LEFT } from '../entries/withdrawals.ts';

/** Inserts the entries of a range; they are absent until a gateway reports a stream. */
export async function takeIn(
  db: Queryable,
  turn: StampRange & { readonly absentSinceMs: number },
): Promise<{ readonly taken: number; readonly lastStamp: number | null }> {
  const { rows } = await db.query<{ taken: number; lastStamp: number | null }>({
    name: 'take_in',
    text: `with taken as (
       insert into room_people as held (campaign_id, user_id, stamp, absent_since_ms)
       select campaign_id, user_id, stamp, $5::bigint from entries
        where campaign_id = $1 and stamp > $2 and stamp <= $3 order by stamp limit $4
       on conflict (campaign_id, user_id) do update set stamp = excluded.stamp
       returning stamp)
     select count(*) as taken, max(stamp) as "lastStamp" from taken`,
    values: [turn.campaignId, turn.after, turn.through, turn.limit, turn.absentSinceMs],
  });
  return rows[0] ?? { taken: 0, lastStamp: null };
}

/** The work in a room: a step skips the statements that have none. */
export interface Line {
  readonly anyWaits: boolean;
  /** A waiting user is present. */
  readonly anyPresent: boolean;
  /** Since when the longest absent waiting user has been away, in the room's available time; null: all are present. */
  readonly awaySinceMs: number | null;
  /** A skipped user is present again. */
  readonly anyBack: boolean;
  /** When the first pass or visit is over (availability.available_ms); null: none will be. */
  readonly firstDueMs: number | null;
}

/** Call this with the room locked: nobody comes, goes or is admitted meanwhile, so absent work stays absent. */
export async function readLine(db: Queryable, campaignId: number): Promise<Line> {
  const { rows } = await db.query<Line>({
    name: 'read_line',
    text: `select exists (select from room_people
                     where campaign_id = $1 and state = 'waiting' and stamp is not null) as "anyWaits",
            exists (select from room_people
                     where campaign_id = $1 and state = 'waiting' and stamp is not null
                       and absent_since_ms is null) as "anyPresent",
            (select min(absent_since_ms) from room_people
              where campaign_id = $1 and state = 'waiting' and stamp is not null) as "awaySinceMs",
            (select min(stamp) from room_people
              where campaign_id = $1 and state = 'skipped' and absent_since_ms is null) is not null as "anyBack",
            (select min(due_ms) from room_people
              where campaign_id = $1 and state in ('admitted', 'inside')) as "firstDueMs"`,
    values: [campaignId],
  });
  const [line] = rows;
  if (line === undefined) throw new Error('a select of values gave no row');
  return line;
}

/**
 * Decides undecided withdrawals, the first `limit` by their stamps: honours those of waiting or skipped users, and refuses
 * the others. Returns how many it honoured, and whether there are more.
 */
export async function decideRoomWithdrawals(
  db: Queryable,
  turn: { readonly campaignId: number; readonly goneCount: number; readonly limit: number },
): Promise<DecidedWithdrawals> {
  const { rows } = await db.query<DecidedWithdrawals>(
    `with due as (
       select p.user_id, p.stamp, p.state in ('waiting', 'skipped') as in_time,
              row_number() over (order by w.stamp, w.user_id) as turn_order
         from withdrawals w join room_people p using (campaign_id, user_id)
        where w.campaign_id = $1 and w.honoured is null and p.stamp is not null
        order by w.stamp, w.user_id limit $3::integer + 1),
     turn as (
       select user_id, in_time, row_number() over (partition by in_time order by stamp) as number
         from due where turn_order <= $3),
     decided as (
       update withdrawals w
          set honoured = turn.in_time, gone_number = case when turn.in_time then $2::integer + turn.number end
         from turn where w.campaign_id = $1 and w.user_id = turn.user_id),
     left_line as (
       update room_people p set state = 'withdrawn'
         from turn where p.campaign_id = $1 and p.user_id = turn.user_id and turn.in_time)
     select count(*) filter (where in_time) as honoured, (select count(*) from due) > $3 as more from turn`,
    [turn.campaignId, turn.goneCount, turn.limit],
  );
  return rows[0] ?? NOBODY_LEFT;
}

/** Skips users who have been absent since `absentMs` or longer, the earliest first, at most `limit`; returns how many. */
export async function skipAbsent(
  db: Queryable,
  turn: {
    readonly campaignId: number;
    readonly absentMs: number;
    readonly goneCount: number;
    readonly limit: number;
  },
): Promise<number> {
  const { rowCount } = await db.query(
    `with away as (
       select user_id from room_people
        where campaign_id = $1 and state = 'waiting' and stamp is not null and absent_since_ms <= $2
        order by absent_since_ms limit $4 for no key update),
     skipped as (
       update room_people p set state = 'skipped'
         from away where p.campaign_id = $1 and p.user_id = away.user_id returning p.user_id, p.stamp)
     insert into room_moves (campaign_id, gone_number, user_id, move)
     select $1, $3::integer + row_number() over (order by stamp), user_id, 'gone' from skipped`,
    [turn.campaignId, turn.absentMs, turn.goneCount, turn.limit],
  );
  return rowCount ?? 0;
}

/** Puts skipped users who are present again back into the line at their own stamp, at most `limit`; returns how many. */
export async function takeBack(
  db: Queryable,
  turn: {
    readonly campaignId: number;
    readonly settledStamp: number;
    readonly goneCount: number;
    readonly limit: number;
  },
): Promise<number> {
  const { rowCount } = await db.query(
    `with here as (
       select user_id from room_people
        where campaign_id = $1 and state = 'skipped' and absent_since_ms is null
        order by stamp limit $4 for no key update),
     back as (
       update room_people p set state = 'waiting'
         from here where p.campaign_id = $1 and p.user_id = here.user_id returning p.user_id, p.stamp)
     insert into room_moves (campaign_id, gone_number, user_id, move)
     select $1, $3::integer + row_number() over (order by stamp), user_id,
            case when stamp <= $2 then 'returned' else 'back' end
       from back`,
    [turn.campaignId, turn.settledStamp, turn.goneCount, turn.limit],
  );
  return rowCount ?? 0;
}

/**
 * Ends unused passes and visits that are over by `availableMs` (availability.available_ms), at most `limit`; returns how many.
 */
export async function expireVisits(
  db: Queryable,
  turn: { readonly campaignId: number; readonly availableMs: number; readonly limit: number },
): Promise<number> {
  const { rowCount } = await db.query(
    `with over as (
       select user_id from room_people
        where campaign_id = $1 and state in ('admitted', 'inside') and due_ms <= $2
        order by due_ms, user_id limit $3 for no key update)
     update room_people p set state = 'expired'
       from over where p.campaign_id = $1 and p.user_id = over.user_id`,
    [turn.campaignId, turn.availableMs, turn.limit],
  );
  return rowCount ?? 0;
}

/** The number of users inside, or with a pass that they may use at any moment. */
export async function countInside(db: Queryable, campaignId: number): Promise<number> {
  const { rows } = await db.query<{ inside: number }>({
    name: 'count_inside',
    text: `select count(*) as inside from room_people where campaign_id = $1 and state in ('admitted', 'inside')`,
    values: [campaignId],
  });
  return rows[0]?.inside ?? 0;
}

/** The first waiting users, in stamp order. */
export async function readFirst(
  db: Queryable,
  campaignId: number,
  limit: number,
): Promise<readonly { readonly userId: string; readonly stamp: number }[]> {
  const { rows } = await db.query<{ userId: string; stamp: number }>({
    name: 'read_first',
    text: `select user_id as "userId", stamp from room_people
      where campaign_id = $1 and state = 'waiting' and stamp is not null order by stamp limit $2 for no key update`,
    values: [campaignId, limit],
  });
  return rows;
}

/**
 * Admits the users who were granted a serial in this transaction, from `first` on. Those with stamps up to `settledStamp` had
 * returned to the line, and leave it now. Returns how many those are.
 */
export async function saveAdmitted(
  db: Queryable,
  turn: {
    readonly campaignId: number;
    readonly afterSerial: number;
    readonly settledStamp: number;
    readonly goneCount: number;
    readonly nowUs: number;
    readonly dueMs: number;
  },
): Promise<number> {
  const { rowCount } = await db.query(
    `with admitted as (
       update room_people p set state = 'admitted', serial = g.serial, admitted_us = $5, due_ms = $6
         from grants g
        where g.campaign_id = $1 and g.serial > $2 and p.campaign_id = $1 and p.user_id = g.user_id
       returning p.user_id, p.stamp)
     insert into room_moves (campaign_id, gone_number, user_id, move)
     select $1, $4::integer + row_number() over (order by stamp), user_id, 'gone' from admitted where stamp <= $3`,
    [turn.campaignId, turn.afterSerial, turn.settledStamp, turn.goneCount, turn.nowUs, turn.dueMs],
  );
  return rowCount ?? 0;
}

export interface RoomMove {
  readonly goneNumber: number;
  readonly userId: string;
  readonly entryStamp: number;
  readonly move: 'gone' | 'back' | 'returned';
}

/** Users who left the line of a room and who returned to it, including honoured withdrawals, above a number. */
export async function readMoves(
  db: Queryable,
  campaignId: number,
  after: number,
  limit: number,
): Promise<readonly RoomMove[]> {
  const { rows } = await db.query<RoomMove>(
    `select number as "goneNumber", user_id as "userId", p.stamp as "entryStamp", move
       from (select campaign_id, gone_number as number, user_id, move from room_moves
              where campaign_id = $1 and gone_number > $2
             union all
             select campaign_id, gone_number, user_id, 'gone' from withdrawals
              where campaign_id = $1 and gone_number > $2) as moved
       join room_people p using (campaign_id, user_id)
      order by number limit $3`,
    [campaignId, after, limit],
  );
  return rows;
}
