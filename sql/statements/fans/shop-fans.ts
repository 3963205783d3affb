/** Statements on fans whose account the shop keeps: a row while they have a session, under an id that names its source. */
import type { Queryable } from '../../database.ts';
import type { Locale } from './fan-sessions.ts';

export interface ShopFanSession {
  /** `<name of the provider>:<sub>`, at most 128 bytes. */
  readonly fanId: string;
  readonly locale: Locale;
  readonly sessionId: string;
  /** As the library makes them: 32 letters and digits. */
  readonly token: string;
  /** How long it lasts, in seconds. */
  readonly lifeS: number;
  readonly network: string;
  readonly userAgent: string;
}

/** Makes a session, and the fan if they have none yet; resolves with when the fan's row was made. */
export async function admitShopFan(db: Queryable, session: ShopFanSession): Promise<Date> {
  const { fanId, locale, sessionId, token, lifeS, network, userAgent } = session;
  const { rows } = await db.query<{ madeAt: Date }>(
    `with fan as (
       insert into fans (id, name, email, email_verified, locale, created_at, updated_at)
       values ($1, '', null, false, $2, now(), now())
       on conflict (id) do update set locale = excluded.locale, updated_at = now()
       returning id, credential_version, created_at
     ), made as (
       insert into fan_sessions (id, fan_id, token, expires_at, ip_address, user_agent, created_at, updated_at, credential_version)
       select $3, id, $4, now() + make_interval(secs => $5), $6, $7, now(), now(), credential_version from fan
     )
     select created_at as "madeAt" from fan`,
    [fanId, locale, sessionId, token, lifeS, network, userAgent],
  );
  const [fan] = rows;
  if (fan === undefined) throw new Error('an insert that returns its row returned none');
  return fan.madeAt;
}

/** The issuer whose people have ids with this name; it becomes this one if there is none yet, or if it is `former`. */
export async function claimProviderName(
  db: Queryable,
  name: string,
  issuer: string,
  former: string,
): Promise<string> {
  await db.query(
    `insert into fan_providers as p (name, issuer) values ($1, $2)
     on conflict (name) do update set issuer = excluded.issuer where p.issuer = $3`,
    [name, issuer, former],
  );
  const { rows } = await db.query<{ issuer: string }>('select issuer from fan_providers where name = $1', [
    name,
  ]);
  const [provider] = rows;
  if (provider === undefined) throw new Error('a row that was inserted is not there');
  return provider.issuer;
}
