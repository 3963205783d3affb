/**
 * Statements on available time: how long the service was available to the users who wait. engine/settling/availability-clock.ts
 * explains what counts.
 */
import type { Queryable } from '../../database.ts';

export interface Availability {
  /** The total, milliseconds; it only increases. */
  readonly availableMs: number;
  /** The instant of the shared clock up to which it counts, milliseconds since the epoch. */
  readonly throughMs: number;
  /** The watermark that it was moved by; behind `throughMs` where it has jumped. */
  readonly watermarkMs: number;
}

/**
 * By how much available time may still advance for time before `nowMs`, the parameter with an instant of the shared clock: the
 * watermark follows late, and moves available time in steps. Anything further back never counts (LONGEST_BEHIND_MS in
 * engine/settling/availability-clock.ts, and a second between readings of the clock). If this were shorter, that time would
 * count as the absence of a user who left only now. PostgreSQL's clock would not do: available time follows the shared clock,
 * and the two differ as long as an operator's statement on them stands. For `availability a`.
 */
export function aheadMs(nowMs: `$${number}`): string {
  return `(
  select case when behind between 0 and 4000 then behind else 0 end
    from (select ${nowMs}::bigint - a.through_ms as behind) as late)`;
}

export async function readAvailability(db: Queryable): Promise<Availability> {
  const { rows } = await db.query<Availability>(
    'select available_ms as "availableMs", through_ms as "throughMs", watermark_ms as "watermarkMs" from availability',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('availability has no row; migration 0007 makes it');
  return row;
}

/** Advances from what was read; false, with nothing written, if another engine has advanced it since. */
export async function moveAvailability(
  db: Queryable,
  from: Availability,
  to: Availability,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update availability set available_ms = $1, through_ms = $2, watermark_ms = $3
      where through_ms = $4 and watermark_ms = $5 and available_ms <= $1`,
    [to.availableMs, to.throughMs, to.watermarkMs, from.throughMs, from.watermarkMs],
  );
  return rowCount === 1;
}
