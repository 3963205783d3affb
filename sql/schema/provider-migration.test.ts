/** Accounts of an identity provider become invitations when they are no longer known, and nobody stays logged in. */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import pg from 'pg';
import { emptyDatabase } from '../../engine/test/support.ts';
import { migrate, migrationFiles } from './migrate.ts';

const database = await emptyDatabase();
const client = new pg.Client({ connectionString: database.url });
after(async () => {
  await client.end();
  await database.drop();
});

const quiet = (): void => undefined;

it('reverts with such accounts in use, owners among them, and keeps those with a password', async () => {
  const files = await migrationFiles();
  await migrate(database.url, quiet);
  await client.connect();
  await client.query(
    `insert into operators (name, role, made_by, made_at, enrolled_at, issuer, subject)
       values ('ada', 'owner', 'ada', now(), now(), 'https://id.example.com', 'u-1');
     insert into operators (name, role, made_by, made_at, enrolled_at, password_hash, totp_sealed, totp_step)
       values ('grace', 'owner', 'operator', now(), now(), '$argon2id$x', '\\x00', 1);
     insert into operator_sessions (operator_id, secret_hash, user_agent, made_at, expires_at, last_used_at)
       select operator_id, sha256(name::bytea), '', now(), now() + interval '1 h', now() from operators`,
  );
  for (let last = files.length - 1; !files[last]?.startsWith('0038'); last--) {
    await migrate(database.url, quiet, 'down');
  }
  const { rows } = await client.query(
    `select name, role, enrolled_at is not null as enrolled, count(session_id)::integer as sessions
       from operators left join operator_sessions using (operator_id) group by operator_id order by operator_id`,
  );
  assert.deepEqual(rows, [
    { name: 'ada', role: 'owner', enrolled: false, sessions: 0 },
    { name: 'grace', role: 'owner', enrolled: true, sessions: 1 },
  ]);
  await migrate(database.url, quiet);
  await assert.rejects(
    client.query(`update operators set role = 'viewer' where name = 'grace'`),
    /is the last owner/,
  );
});
