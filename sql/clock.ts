/** Statements on PostgreSQL's clock, as one of those that vouch for the time (engine/clock-agreement.ts). */
import type { Queryable } from './database.ts';

/** What the clock shows, microseconds since the epoch. */
export async function readClock(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ readonly nowUs: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000000)::bigint as "nowUs"',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('clock_timestamp() gave no row');
  return row.nowUs;
}
