/** Statements on fans' accounts beside those of the library that makes them (gateway/accounts/library/library.ts). */
import type { Queryable } from '../../database.ts';

/** Notes that the fan reads the e-mails to their address: a password was reset by a link in one. */
export async function markFanVerified(db: Queryable, fanId: string): Promise<void> {
  await db.query(
    'update fans set email_verified = true, updated_at = now() where id = $1 and not email_verified',
    [fanId],
  );
}

/** Ends what was granted to the fan before: sessions, links to reset the password and for another address, and known browsers. */
export async function endFanGrants(db: Queryable, fanId: string): Promise<void> {
  await db.query(
    `with renewed as (
       update fans set credential_version = gen_random_uuid(), updated_at = now() where id = $1
     ), links as (
       delete from fan_verifications where value = $1
     )
     delete from fan_sessions where fan_id = $1`,
    [fanId],
  );
}

/** Removes the password of an account whose address is not verified: somebody else has signed up with it as well. */
export async function dropUnverifiedPassword(db: Queryable, fanId: string): Promise<void> {
  await db.query(
    `update fan_credentials c set password = null, updated_at = now()
       from fans f where f.id = $1 and c.fan_id = f.id and not f.email_verified`,
    [fanId],
  );
}

export interface AddressChange {
  readonly fanId: string;
  readonly from: string;
  readonly to: string;
  readonly credentialVersion: string;
}

/**
 * Changes the address of a fan who still has the former one and this credential version; false if not. Sessions stay, links to reset the
 * password end: they went to the former address. Rejects with unique_violation if somebody has the new address.
 */
export async function changeFanAddress(db: Queryable, change: AddressChange): Promise<boolean> {
  const { rows } = await db.query(
    `with changed as (
       update fans set email = $3, credential_version = gen_random_uuid(), updated_at = now()
        where id = $1 and email = $2 and credential_version = $4 returning id, credential_version
     ), kept as (
       update fan_sessions s set credential_version = c.credential_version
         from changed c where s.fan_id = c.id and s.credential_version = $4
     ), links as (
       delete from fan_verifications v using changed c where v.value = c.id
     )
     select 1 from changed`,
    [change.fanId, change.from, change.to, change.credentialVersion],
  );
  return rows.length > 0;
}

/** What a login and a link are bound to; undefined if no account has this normalised address. */
export async function findCredentialVersion(db: Queryable, address: string): Promise<string | undefined> {
  const { rows } = await db.query<{ version: string }>(
    'select credential_version as version from fans where email = $1',
    [address],
  );
  return rows[0]?.version;
}

/** The present address of the fan for whom a link to reset the password was made; `identifier` as the library stores it. */
export async function findResetAddress(db: Queryable, identifier: string): Promise<string | undefined> {
  const { rows } = await db.query<{ address: string }>(
    'select f.email as address from fan_verifications v join fans f on f.id = v.value where v.identifier = $1',
    [identifier],
  );
  return rows[0]?.address;
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
    'delete from fans where not email_verified and email is not null and created_at < now() - make_interval(days => $1)',
    [unverifiedDays],
  );
}
