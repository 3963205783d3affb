/** Statements on fans' accounts beside those of the library that makes them (gateway/accounts/library/library.ts). */
import type { Queryable } from '../../database.ts';

/** Notes that the fan reads the e-mails to their address: a password was reset by a link in one. */
export async function markFanVerified(db: Queryable, fanId: string): Promise<void> {
  await db.query(
    'update fans set email_verified = true, updated_at = now() where id = $1 and not email_verified',
    [fanId],
  );
}

/** Whether an account has this normalised address. */
export async function hasFan(db: Queryable, address: string): Promise<boolean> {
  const { rows } = await db.query('select 1 from fans where email = $1', [address]);
  return rows.length > 0;
}

/** Deletes what has ended: sessions, links, and accounts whose address nobody verified for `unverifiedDays`. */
export async function deleteEndedFanRows(db: Queryable, unverifiedDays: number): Promise<void> {
  await db.query('delete from fan_sessions where expires_at <= now()');
  await db.query('delete from fan_verifications where expires_at <= now()');
  await db.query(
    'delete from fans where not email_verified and created_at < now() - make_interval(days => $1)',
    [unverifiedDays],
  );
}
