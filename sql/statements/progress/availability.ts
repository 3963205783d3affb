/**
 * Statements on heard time: how long the service could hear the people who wait. What counts stands in
 * engine/settling/availability-clock.ts.
 */
import type { Queryable } from '../../database.ts';

export interface Heard {
  /** In all, milliseconds; only ever grows. */
  readonly heardMs: number;
  /** Up to which instant of the shared clock that counts, milliseconds since the epoch. */
  readonly throughMs: number;
}

/**
 * By how much heard time may get ahead, at most, by what went by before now: the watermark follows late, and moves heard time
 * in steps. What is further back counts for nothing (LONGEST_BEHIND_MS in engine/settling/availability-clock.ts, and a
 * second between clocks); were this shorter, that would count as the absence of somebody who went only now. Of `hearing h`.
 */
export const AHEAD_MS = `(
  select case when behind between 0 and 4000 then behind else 0 end
    from (select (extract(epoch from clock_timestamp()) * 1000)::bigint - h.through_ms as behind) as late)`;

export async function readHeard(db: Queryable): Promise<Heard> {
  const { rows } = await db.query<Heard>(
    'select heard_ms as "heardMs", through_ms as "throughMs" from hearing',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('hearing has no row; migration 0007 makes it');
  return row;
}

/** Moves on from what was read; false, and nothing written, where another engine has done so since. */
export async function moveHeard(db: Queryable, from: Heard, to: Heard): Promise<boolean> {
  const { rowCount } = await db.query(
    'update hearing set heard_ms = $1, through_ms = $2 where through_ms = $3 and heard_ms <= $1',
    [to.heardMs, to.throughMs, from.throughMs],
  );
  return rowCount === 1;
}
