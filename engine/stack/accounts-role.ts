/** The role of the process of accounts on the private PostgreSQL, to which the migrations give rights on the tables of fans only. */
import { createHmac } from 'node:crypto';
import pg from 'pg';

const ROLE = 'fairline_accounts';

/**
 * Makes the role, before the first migration, with a password that follows from `secret` (that of accounts); `databaseUrl` is that of a
 * superuser. Resolves with the URL for it.
 */
export async function makeAccountsRole(databaseUrl: string, secret: string): Promise<string> {
  const password = createHmac('sha256', secret).update(`the password of ${ROLE}`).digest('hex');
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query('select 1 from pg_roles where rolname = $1', [ROLE]);
    const verb = rows.length === 0 ? 'create' : 'alter';
    await client.query(`${verb} role ${ROLE} login password '${password}'`);
  } finally {
    await client.end();
  }
  const url = new URL(databaseUrl);
  url.username = ROLE;
  url.password = password;
  return url.href;
}
