/**
 * Deletes what has ended, in statements of so many rows each that none meets a limit on its time or keeps a login waiting for long. Rows that
 * another transaction holds are left for the next sweep: what it does to them makes them be wanted again.
 */
import type { Queryable } from '../../database.ts';

/** Some 100 ms where deletions cascade to two tables. */
const ROWS_A_STATEMENT = 5_000;

interface Ended {
  readonly table: 'fans' | 'fan_sessions';
  /** The condition on a row `t`. */
  readonly where: string;
  readonly parameters?: readonly unknown[];
}

/** Deletes sessions that have ended, accounts whose address nobody verified for `unverifiedDays`, and fans of the shop without a session. */
export async function deleteEndedFanRows(db: Queryable, unverifiedDays: number): Promise<void> {
  await deleteAll(db, { table: 'fan_sessions', where: 't.expires_at <= now()' });
  // Of logins that were ended half-way. The process has set created_at, whose clock may be off.
  await deleteAll(db, {
    table: 'fan_sessions',
    where: `t.credential_version is null and t.created_at < now() - interval '1 day'`,
  });
  await deleteAll(db, {
    table: 'fans',
    where:
      'not t.email_verified and t.email is not null and t.created_at < now() - make_interval(days => $2)',
    parameters: [unverifiedDays],
  });
  // A login moves updated_at, which is looked at again once the row is locked, so it never takes the new session along.
  await deleteAll(db, {
    table: 'fans',
    where: `t.email is null and t.updated_at < now() - interval '1 hour'
        and not exists (select from fan_sessions s where s.fan_id = t.id)`,
  });
}

async function deleteAll(db: Queryable, { table, where, parameters = [] }: Ended): Promise<void> {
  for (let deleted = ROWS_A_STATEMENT; deleted === ROWS_A_STATEMENT; ) {
    const { rowCount } = await db.query(
      `delete from ${table} where id in (select t.id from ${table} t where ${where} limit $1 for update of t skip locked)`,
      [ROWS_A_STATEMENT, ...parameters],
    );
    deleted = rowCount ?? 0;
  }
}
