/** Statements on visits: admitted users, and a shop's reports about them. Gateways run them, off the hot path. */
import type { Queryable } from '../../database.ts';

export interface Visit {
  readonly userId: string;
  readonly serial: number;
  /** The id of the pass. */
  readonly code: string;
  readonly state: 'admitted' | 'inside' | 'left' | 'expired';
  /** The time to use the pass, or to be inside, is over; the next turn of the room changes the state. */
  readonly isOver: boolean;
  readonly singleUse: boolean;
  /** What is left of the time to use the pass, or to be inside, milliseconds of available time; null if it has no end. */
  readonly leftMs: number | null;
}

const COLUMNS = `
  p.user_id as "userId", p.serial, g.code, p.state, p.due_ms is not null and p.due_ms <= a.available_ms as "isOver",
  r.single_use as "singleUse", p.due_ms - a.available_ms as "leftMs"`;
const FROM = `
  room_people p
  join grants g on g.campaign_id = p.campaign_id and g.serial = p.serial
  join rooms r on r.campaign_id = p.campaign_id
 cross join availability a`;

/** The visit of a user; undefined if they were not admitted. */
export async function findVisit(
  db: Queryable,
  campaignId: number,
  userId: string,
): Promise<Visit | undefined> {
  const { rows } = await db.query<Visit>(
    `select ${COLUMNS} from ${FROM} where p.campaign_id = $1 and p.user_id = $2`,
    [campaignId, userId],
  );
  return rows[0];
}

export async function readVisit(
  db: Queryable,
  campaignId: number,
  serial: number,
): Promise<Visit | undefined> {
  const { rows } = await db.query<Visit>(
    `select ${COLUMNS} from ${FROM} where p.campaign_id = $1 and p.serial = $2`,
    [campaignId, serial],
  );
  return rows[0];
}

/**
 * Uses the pass of an admission, once: true for exactly one call, however many are made at the same time. False if it was
 * used before, its time is over, or the pass names another admission.
 */
export async function usePass(
  db: Queryable,
  {
    campaignId,
    serial,
    userId,
    code,
    session,
  }: { campaignId: number; serial: number; userId: string; code: string; session: string | null },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update room_people p set state = 'inside', due_ms = a.available_ms + r.visit_ms, session = $3
       from rooms r cross join availability a
      where p.campaign_id = $1 and p.serial = $2 and p.state = 'admitted' and p.due_ms > a.available_ms
        and r.campaign_id = p.campaign_id and p.user_id = $4
        and exists (select from grants g where g.campaign_id = $1 and g.serial = $2 and g.code = $5)`,
    [campaignId, serial, session, userId, code],
  );
  return rowCount === 1;
}

/** Whether the pass of an admission was used by this session of the shop. */
export async function wasUsedBy(
  db: Queryable,
  { campaignId, serial, session }: { campaignId: number; serial: number; session: string },
): Promise<boolean> {
  const { rows } = await db.query<{ same: boolean }>(
    'select session = $3 as same from room_people where campaign_id = $1 and serial = $2',
    [campaignId, serial, session],
  );
  return rows[0]?.same === true;
}

/** Ends a visit, or an admission whose pass was never used, and frees its capacity. False if it was over before. */
export async function endVisit(
  db: Queryable,
  { campaignId, serial, how }: { campaignId: number; serial: number; how: 'left' | 'expired' },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update room_people set state = $3
      where campaign_id = $1 and serial = $2 and state in ('admitted', 'inside')`,
    [campaignId, serial, how],
  );
  return rowCount === 1;
}
