/** Fans with an account and sessions, as rows. */
import { randomBytes } from 'node:crypto';
import type { Pool } from '../../../sql/database.ts';

export const GRACE = 'grace.hopper@example.com';
/** Each session's token begins with it. */
export const SESSION_TOKEN = 'a-token-that-is-never-shown';

/** Makes the account and returns its id; with so many sessions, `agent 1` the oldest. `address` is normalised. */
export async function addFan(
  pool: Pool,
  address: string,
  { sessions = 0 }: { readonly sessions?: number } = {},
): Promise<string> {
  const id = randomBytes(16).toString('hex');
  await pool.query(
    `insert into fans (id, name, email, email_verified, locale, created_at, updated_at)
     values ($1, '', $2, true, 'en', now(), now())`,
    [id, address],
  );
  await pool.query(
    `insert into fan_sessions (id, fan_id, token, expires_at, ip_address, user_agent, created_at, updated_at, credential_version)
     select id || number, id, $2 || id || number, now() + interval '1 hour', '203.0.113.0', 'agent ' || number,
            now() + number * interval '1 s', now(), credential_version
       from fans cross join generate_series(1, $3::integer) number where id = $1`,
    [id, SESSION_TOKEN, sessions],
  );
  return id;
}
