/** Statements on engines at work, which share the partitions of a log that does not share them by itself. */
import type { Queryable } from '../../database.ts';

/**
 * Records that this engine is at work, forgets engines not heard of for `forgetMs`, and returns how many there are. A row from
 * later than now is of a clock that PostgreSQL no longer has, as after a failover: an engine that still works records itself
 * anew with its next call.
 */
export async function heartbeat(db: Queryable, engineId: string, forgetMs: number): Promise<number> {
  await db.query(
    `insert into engines (engine_id) values ($1) on conflict (engine_id) do update set seen_at = now()`,
    [engineId],
  );
  await db.query(
    `delete from engines
      where seen_at not between now() - make_interval(secs => $1) and now() + make_interval(secs => $1)`,
    [forgetMs / 1000],
  );
  const { rows } = await db.query<{ live: number }>('select count(*) as live from engines');
  return Math.max(1, rows[0]?.live ?? 1);
}

/** An engine that stops cleanly removes itself, so that others need not wait. */
export async function signOff(db: Queryable, engineId: string): Promise<void> {
  await db.query('delete from engines where engine_id = $1', [engineId]);
}
