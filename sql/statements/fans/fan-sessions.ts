/**
 * Statements on fans' sessions. A session is valid while its row exists, has the fan's credential version, and PostgreSQL's clock has not
 * reached expires_at; no other clock decides. Its token never changes: a renewal only moves expires_at, so it can be repeated, and of two at once none loses.
 */
import type { Queryable } from '../../database.ts';

export type Locale = 'en' | 'ko';

/** A valid session with its fan. */
export interface FoundSession {
  readonly sessionId: string;
  readonly token: string;
  readonly fanId: string;
  /** null: the shop keeps the account. */
  readonly address: string | null;
  readonly isVerified: boolean;
  readonly locale: Locale;
  readonly credentialVersion: string;
  readonly madeAt: Date;
}

const VALID_SESSIONS = `from fan_sessions s join fans f on f.id = s.fan_id and f.credential_version = s.credential_version
            where s.token = any($1::text[]) and s.expires_at > now()`;

/** The valid sessions among these tokens. */
export async function findFanSessions(
  db: Queryable,
  tokens: readonly string[],
): Promise<readonly FoundSession[]> {
  const { rows } = await db.query<FoundSession>({
    name: 'find fan sessions',
    text: `select s.id as "sessionId", s.token, f.id as "fanId", f.email as address, f.email_verified as "isVerified", f.locale,
                  f.credential_version as "credentialVersion", f.created_at as "madeAt"
             ${VALID_SESSIONS}`,
    values: [tokens],
  });
  return rows;
}

/** What a ticket takes of a valid session. */
export interface TicketSession {
  readonly token: string;
  readonly fanId: string;
  readonly isOfShop: boolean;
  /** Seconds since the epoch, by PostgreSQL's clock. */
  readonly nowS: number;
  /** Seconds until it expires. */
  readonly leftS: number;
  /** Seconds since its last renewal; null if there was none. */
  readonly renewedAgoS: number | null;
}

/** The valid sessions among these tokens, for tickets: most look-ups are for one, and each column costs the reader time. */
export async function findTicketSessions(
  db: Queryable,
  tokens: readonly string[],
): Promise<readonly TicketSession[]> {
  const { rows } = await db.query<TicketSession>({
    name: 'find ticket sessions',
    text: `select s.token, f.id as "fanId", f.email is null as "isOfShop", extract(epoch from now())::float8 as "nowS",
                  extract(epoch from s.expires_at - now())::float8 as "leftS",
                  case when s.updated_at > s.created_at then extract(epoch from now() - s.updated_at)::float8 end as "renewedAgoS"
             ${VALID_SESSIONS}`,
    values: [tokens],
  });
  return rows;
}

export interface NewSession {
  readonly token: string;
  /** Read before the password was looked at. */
  readonly credentialVersion: string;
  /** How long it lasts, in seconds. */
  readonly lifeS: number;
}

/**
 * Makes the session of a login valid from now on, by PostgreSQL's clock, if the fan still has this version. If not (the password was reset
 * meanwhile, or a logout ended all sessions) it ends the session and resolves with false.
 */
export async function admitFanSession(
  db: Queryable,
  { token, credentialVersion, lifeS }: NewSession,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update fan_sessions s set credential_version = f.credential_version, created_at = now(), updated_at = now(),
                               expires_at = now() + make_interval(secs => $3)
       from fans f where s.token = $1 and f.id = s.fan_id and f.credential_version = $2`,
    [token, credentialVersion, lifeS],
  );
  if (rowCount !== 1) await deleteFanSessionByToken(db, token);
  return rowCount === 1;
}

/** Lets a valid session last for `lifeS` seconds from now; false if it is valid no longer. */
export async function extendFanSession(db: Queryable, token: string, lifeS: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `update fan_sessions set expires_at = greatest(expires_at, now() + make_interval(secs => $2)), updated_at = now()
      where token = $1 and expires_at > now()`,
    [token, lifeS],
  );
  return rowCount === 1;
}

export interface ListedSession {
  readonly sessionId: string;
  readonly network: string;
  readonly userAgent: string;
  readonly madeAt: Date;
  /** When it was last renewed; `madeAt` if never. */
  readonly renewedAt: Date;
  readonly expiresAt: Date;
}

/** The valid sessions of a fan, the newest first; a login keeps their number low. */
export async function listFanSessions(db: Queryable, fanId: string): Promise<readonly ListedSession[]> {
  const { rows } = await db.query<ListedSession>(
    `select s.id as "sessionId", s.ip_address as network, s.user_agent as "userAgent", s.created_at as "madeAt",
            s.updated_at as "renewedAt", s.expires_at as "expiresAt"
       from fan_sessions s join fans f on f.id = s.fan_id and f.credential_version = s.credential_version
      where s.fan_id = $1 and s.expires_at > now() order by s.created_at desc, s.id`,
    [fanId],
  );
  return rows;
}

/** Ends one session of a fan; false if they have none with this id. */
export async function deleteFanSession(db: Queryable, fanId: string, sessionId: string): Promise<boolean> {
  const { rowCount } = await db.query('delete from fan_sessions where fan_id = $1 and id = $2', [
    fanId,
    sessionId,
  ]);
  return rowCount === 1;
}

/** Ends the session with this token, if there is one. */
export async function deleteFanSessionByToken(db: Queryable, token: string): Promise<void> {
  await db.query('delete from fan_sessions where token = $1', [token]);
}

/** Ends all valid sessions of a fan but the newest `most`. It locks the row of the fan first, like all that ends several sessions. */
export async function keepNewestFanSessions(db: Queryable, fanId: string, most: number): Promise<void> {
  await db.query(
    `with fan as (
       select id, credential_version as version from fans where id = $1 for no key update
     )
     delete from fan_sessions s using fan where s.fan_id = fan.id and s.id in
       (select id from fan_sessions where fan_id = $1 and credential_version = fan.version order by created_at desc, id offset $2)`,
    [fanId, most],
  );
}
