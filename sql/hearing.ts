/** Statements on heard time: how long the service could hear the people who wait. What counts stands in engine/hearing.ts. */
import type { Queryable } from './database.ts';

export interface Heard {
  /** In all, milliseconds; only ever grows. */
  readonly heardMs: number;
  /** Up to which instant of the shared clock that counts, milliseconds since the epoch. */
  readonly throughMs: number;
}

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
