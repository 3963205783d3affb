/** Statements on one person's account, for those who help them. No token and no password is read. */
import type { Queryable } from '../../database.ts';
import type { Locale } from '../fans/fan-sessions.ts';

export interface PersonAccount {
  /** Null: the shop keeps the account, and this row lasts as long as they have a session. */
  readonly address: string | null;
  readonly isVerified: boolean;
  readonly locale: Locale;
  readonly createdAt: Date;
}

/** Undefined if there is none here: it was deleted, or the shop signs the tickets itself. */
export async function readPersonAccount(db: Queryable, userId: string): Promise<PersonAccount | undefined> {
  const { rows } = await db.query<PersonAccount>(
    `select email as address, email_verified as "isVerified", locale, created_at as "createdAt" from fans where id = $1`,
    [userId],
  );
  return rows[0];
}

export interface PersonSession {
  /** The first address of the network, '' if unknown. */
  readonly network: string;
  readonly userAgent: string;
  readonly createdAt: Date;
  /** When it was last renewed. */
  readonly renewedAt: Date;
  readonly expiresAt: Date;
}

/** The valid sessions, the newest first, at most `limit`. */
export async function readPersonSessions(
  db: Queryable,
  userId: string,
  limit: number,
): Promise<readonly PersonSession[]> {
  const { rows } = await db.query<PersonSession>(
    `select s.ip_address as network, s.user_agent as "userAgent", s.created_at as "createdAt",
            s.updated_at as "renewedAt", s.expires_at as "expiresAt"
       from fan_sessions s join fans f on f.id = s.fan_id and f.credential_version = s.credential_version
      where s.fan_id = $1 and s.expires_at > now() order by s.created_at desc, s.id limit $2`,
    [userId, limit],
  );
  return rows;
}

export interface PersonBlock {
  readonly blockId: number;
  readonly reason: string;
  readonly madeAt: Date;
}

/** The block of the user that is not lifted; undefined if there is none. */
export async function readPersonBlock(db: Queryable, userId: string): Promise<PersonBlock | undefined> {
  const { rows } = await db.query<PersonBlock>(
    `select block_id as "blockId", reason, made_at as "madeAt" from blocks where user_id = $1 and lifted_at is null`,
    [userId],
  );
  return rows[0];
}
