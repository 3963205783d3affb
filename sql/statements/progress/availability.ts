/**
 * Statements on heard time: how long the service could hear the users who wait. engine/settling/availability-clock.ts
 * explains what counts.
 */
import type { Queryable } from '../../database.ts';

export interface Heard {
  /** The total, milliseconds; it only increases. */
  readonly heardMs: number;
  /** The instant of the shared clock up to which it counts, milliseconds since the epoch. */
  readonly throughMs: number;
}

/**
 * By how much heard time may still advance for time that has already passed: the watermark follows late, and moves heard time
 * in steps. Anything further back never counts (LONGEST_BEHIND_MS in engine/settling/availability-clock.ts, and a second
 * between clocks). If this were shorter, that time would count as the absence of a user who left only now. For `hearing h`.
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

/** Advances from what was read; false, with nothing written, if another engine has advanced it since. */
export async function moveHeard(db: Queryable, from: Heard, to: Heard): Promise<boolean> {
  const { rowCount } = await db.query(
    'update hearing set heard_ms = $1, through_ms = $2 where through_ms = $3 and heard_ms <= $1',
    [to.heardMs, to.throughMs, from.throughMs],
  );
  return rowCount === 1;
}
