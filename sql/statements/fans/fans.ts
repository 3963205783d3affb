/** Statements on fans' accounts beside those of the library that makes them (gateway/accounts/library/library.ts). */
import { type Pool, type Queryable, transaction } from '../../database.ts';
import type { Locale } from './fan-sessions.ts';

/** The row of a fan that statements about an address need. */
export interface FanRow {
  readonly fanId: string;
  readonly isVerified: boolean;
  readonly locale: Locale;
  readonly credentialVersion: string;
  /** The argon2id hash; null if there is none. */
  readonly password: string | null;
}

/** The fan with this normalised address. */
export async function findFan(db: Queryable, address: string): Promise<FanRow | undefined> {
  const { rows } = await db.query<FanRow>(
    `select f.id as "fanId", f.email_verified as "isVerified", f.locale, f.credential_version as "credentialVersion", c.password
       from fans f left join fan_credentials c on c.fan_id = f.id and c.provider_id = 'credential'
      where f.email = $1`,
    [address],
  );
  return rows[0];
}

/** The argon2id hash of a fan's password; undefined if there is none. */
export async function findFanPassword(db: Queryable, fanId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ password: string | null }>(
    `select password from fan_credentials where fan_id = $1 and provider_id = 'credential'`,
    [fanId],
  );
  return rows[0]?.password ?? undefined;
}

/** What a link that resets the password is bound to. */
export interface ResetGrant {
  readonly fanId: string;
  readonly address: string;
  readonly credentialVersion: string;
}

/** Whether the fan still has this address and credential version. */
export async function isResetOpen(
  db: Queryable,
  { fanId, address, credentialVersion }: ResetGrant,
): Promise<boolean> {
  const { rows } = await db.query(
    'select 1 from fans where id = $1 and email = $2 and credential_version = $3',
    [fanId, address, credentialVersion],
  );
  return rows.length > 0;
}

/*
 * What ends or moves a fan's grants locks the row of the fan before any other, so that two of them wait for each other and never deadlock:
 * their further parts read the rows that the first one returns.
 */

/**
 * Sets the password of a fan who still has this address and credential version, and ends what was granted before, all or nothing: sessions,
 * links, known browsers. The link proves the address. Resolves with what is new; undefined if the link is void.
 */
export async function resetFanPassword(
  db: Queryable,
  { fanId, address, credentialVersion, password }: ResetGrant & { readonly password: string },
): Promise<{ readonly credentialVersion: string; readonly locale: Locale } | undefined> {
  const { rows } = await db.query<{ credentialVersion: string; locale: Locale }>(
    `with reset as (
       update fans set credential_version = gen_random_uuid(), email_verified = true, updated_at = now()
        where id = $1 and email = $2 and credential_version = $3 returning id, credential_version, locale
     ), set as (
       update fan_credentials c set password = $4, updated_at = now()
         from reset r where c.fan_id = r.id and c.provider_id = 'credential'
     ), ended as (
       delete from fan_sessions s using reset r where s.fan_id = r.id
     )
     select credential_version as "credentialVersion", locale from reset`,
    [fanId, address, credentialVersion, password],
  );
  return rows[0];
}

/** Ends what was granted to the fan before: sessions, links to reset the password and for another address, and known browsers. */
export async function endFanGrants(db: Queryable, fanId: string): Promise<void> {
  await db.query(
    `with renewed as (
       update fans set credential_version = gen_random_uuid(), updated_at = now() where id = $1 returning id
     )
     delete from fan_sessions s using renewed r where s.fan_id = r.id`,
    [fanId],
  );
}

/**
 * Deletes the account with its sessions and password, if it still has this credential version; false if not. Links are void without it.
 */
export async function deleteFan(db: Queryable, fanId: string, credentialVersion: string): Promise<boolean> {
  const { rowCount } = await db.query('delete from fans where id = $1 and credential_version = $2', [
    fanId,
    credentialVersion,
  ]);
  return rowCount === 1;
}

/**
 * Removes the password of an account whose address is not verified: somebody else has signed up with it as well. Beside a reset the row of
 * the fan decides which came first: the password that a reset has set stays.
 */
export async function dropUnverifiedPassword(db: Queryable, fanId: string): Promise<void> {
  await db.query(
    `with fan as (
       select id from fans where id = $1 and not email_verified for no key update
     )
     update fan_credentials c set password = null, updated_at = now() from fan where c.fan_id = fan.id`,
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
 * Changes the address of a fan who still has the former one and this credential version. Sessions stay; links end, and known browsers. An
 * account that has the new address and never verified it is deleted: the link was opened where the e-mails to it arrive. Resolves with the
 * fan's language; undefined if the change is void. Rejects with unique_violation if somebody has verified the new address.
 */
export async function changeFanAddress(pool: Pool, change: AddressChange): Promise<Locale | undefined> {
  const { fanId, from, to, credentialVersion } = change;
  return await transaction(pool, async client => {
    const { rows } = await client.query<{ locale: Locale }>(
      'select locale from fans where id = $1 and email = $2 and credential_version = $3 for update',
      [fanId, from, credentialVersion],
    );
    if (rows.length === 0) return undefined;
    await client.query('delete from fans where email = $1 and not email_verified', [to]);
    await client.query(
      `with changed as (
         update fans set email = $2, credential_version = gen_random_uuid(), updated_at = now() where id = $1
         returning id, credential_version
       )
       update fan_sessions s set credential_version = c.credential_version
         from changed c where s.fan_id = c.id and s.credential_version = $3`,
      [fanId, to, credentialVersion],
    );
    return rows[0]?.locale;
  });
}

/** What a login and a link are bound to; undefined if no account has this normalised address. */
export async function findCredentialVersion(db: Queryable, address: string): Promise<string | undefined> {
  const { rows } = await db.query<{ version: string }>(
    'select credential_version as version from fans where email = $1',
    [address],
  );
  return rows[0]?.version;
}
