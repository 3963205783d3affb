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
