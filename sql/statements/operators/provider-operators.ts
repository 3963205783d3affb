/** Statements on accounts of operators that an identity provider keeps; sql/migrations/0039_provider_operators.sql. */
import type { Queryable } from '../../database.ts';
import type { Role } from './operator-tokens.ts';

/** Whose account it is: `sub` is one person's at `iss` only. */
export interface Subject {
  readonly issuer: string;
  readonly subject: string;
}

/** The number of the account, which nobody else changes until the end of the transaction; undefined if there is none. */
export async function lockProviderOperator(
  db: Queryable,
  { issuer, subject }: Subject,
): Promise<number | undefined> {
  const { rows } = await db.query<{ operatorId: number }>(
    'select operator_id as "operatorId" from operators where issuer = $1 and subject = $2 for no key update',
    [issuer, subject],
  );
  return rows[0]?.operatorId;
}

/** Held to the end of the transaction: nobody else takes a name of operators meanwhile. */
export async function lockOperatorNames(db: Queryable): Promise<void> {
  await db.query(`select pg_advisory_xact_lock(hashtext('fairline operator names'))`);
}

/** The first of these names that no account and no valid token has, in any letter case. */
export async function firstFreeName(db: Queryable, names: readonly string[]): Promise<string | undefined> {
  const { rows } = await db.query<{ name: string }>(
    `select name from unnest($1::text[]) with ordinality as wanted (name, place)
      where lower(name) <> 'operator'
        and not exists (select from operators where lower(operators.name) = lower(wanted.name))
        and not exists (select from operator_tokens where lower(operator_tokens.name) = lower(wanted.name) and revoked_at is null)
      order by place limit 1`,
    [names],
  );
  return rows[0]?.name;
}

/** Makes the account, whose name is free; returns its number. */
export async function insertProviderOperator(
  db: Queryable,
  { issuer, subject, name, role }: Subject & { readonly name: string; readonly role: Role },
): Promise<number> {
  const { rows } = await db.query<{ operatorId: number }>(
    `insert into operators (name, role, made_by, made_at, enrolled_at, issuer, subject)
     values ($1, $2, $1, now(), now(), $3, $4) returning operator_id as "operatorId"`,
    [name, role, issuer, subject],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('an account that was made is missing');
  return row.operatorId;
}
