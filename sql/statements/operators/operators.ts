/**
 * Statements on accounts of operators and the links by which they enrol. sql/migrations/0037_operators.sql says what the database
 * itself holds: one name for each, and at least one owner from the first one on.
 */
import type { Queryable } from '../../database.ts';
import type { Role } from './operator-tokens.ts';

export interface OperatorAccount {
  readonly operatorId: number;
  readonly name: string;
  readonly role: Role;
  readonly madeBy: string;
  readonly madeAt: Date;
  /** Null until the link of the invitation was used. */
  readonly enrolledAt: Date | null;
  readonly lastLoginAt: Date | null;
  readonly disabledAt: Date | null;
  readonly disabledBy: string | null;
  /** Of the link by which the account can enrol now; null if there is none. */
  readonly linkMadeBy: string | null;
  readonly linkExpiresAt: Date | null;
  /** Counts changes of the role and of what disables. */
  readonly version: number;
  /** The identity provider that keeps password, second factor and role; null: the account has its own. */
  readonly issuer: string | null;
  /** Whose account it is at the provider. */
  readonly subject: string | null;
}

/** With what an operator logs in. */
export interface Credentials {
  readonly passwordHash: string;
  readonly totpSealed: Uint8Array;
  /** The step of the code that was accepted last. */
  readonly totpStep: number;
}

const COLUMNS = `operator_id as "operatorId", name, role, made_by as "madeBy", made_at as "madeAt", enrolled_at as "enrolledAt",
  last_login_at as "lastLoginAt", disabled_at as "disabledAt", disabled_by as "disabledBy",
  (select link.made_by from operator_links link where link.operator_id = operators.operator_id and link.expires_at > now()) as "linkMadeBy",
  (select link.expires_at from operator_links link where link.operator_id = operators.operator_id and link.expires_at > now()) as "linkExpiresAt",
  version, issuer, subject`;

/** Invites an account; undefined if its name, in any letter case, is that of another account or of a valid token. */
export async function insertOperator(
  db: Queryable,
  { name, role, madeBy }: Pick<OperatorAccount, 'name' | 'role' | 'madeBy'>,
): Promise<OperatorAccount | undefined> {
  const { rows } = await db.query<OperatorAccount>(
    `insert into operators (name, role, made_by, made_at) values ($1, $2, $3, now())
     on conflict (lower(name)) do nothing returning ${COLUMNS}`,
    [name, role, madeBy],
  );
  return rows[0];
}

/** Enrols an account, or enrols it again with other credentials. Undefined if it is disabled. */
export async function enrolOperator(
  db: Queryable,
  operatorId: number,
  { passwordHash, totpSealed, totpStep }: Credentials,
): Promise<OperatorAccount | undefined> {
  const { rows } = await db.query<OperatorAccount>(
    `update operators
        set enrolled_at = coalesce(enrolled_at, now()), password_hash = $2, totp_sealed = $3, totp_step = $4
      where operator_id = $1 and disabled_at is null returning ${COLUMNS}`,
    [operatorId, passwordHash, totpSealed, totpStep],
  );
  return rows[0];
}

export async function getOperator(db: Queryable, operatorId: number): Promise<OperatorAccount | undefined> {
  const { rows } = await db.query<OperatorAccount>(
    `select ${COLUMNS} from operators where operator_id = $1`,
    [operatorId],
  );
  return rows[0];
}

/** The same, and nobody else changes it until the end of the transaction. */
export async function lockOperator(db: Queryable, operatorId: number): Promise<OperatorAccount | undefined> {
  const { rows } = await db.query<OperatorAccount>(
    `select ${COLUMNS} from operators where operator_id = $1 for no key update`,
    [operatorId],
  );
  return rows[0];
}

/** Accounts above `after`, by id, at most `limit`. */
export async function listOperators(
  db: Queryable,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly OperatorAccount[]> {
  const { rows } = await db.query<OperatorAccount>(
    `select ${COLUMNS} from operators where operator_id > $1 order by operator_id limit $2`,
    [Math.min(page.after, 2 ** 31 - 1), page.limit],
  );
  return rows;
}

/** Fails by the constraint operators_keep_owner if nobody else is an owner. */
export async function setOperatorRole(
  db: Queryable,
  operatorId: number,
  role: Role,
): Promise<OperatorAccount | undefined> {
  const { rows } = await db.query<OperatorAccount>(
    `update operators set role = $2, version = version + 1 where operator_id = $1 returning ${COLUMNS}`,
    [operatorId, role],
  );
  return rows[0];
}

/** `disabledBy`: null enables the account again. Fails by the constraint operators_keep_owner if nobody else is an owner. */
export async function setOperatorDisabled(
  db: Queryable,
  operatorId: number,
  disabledBy: string | null,
): Promise<OperatorAccount | undefined> {
  const { rows } = await db.query<OperatorAccount>(
    `update operators
        set disabled_by = $2, disabled_at = case when $2::text is null then null else now() end, version = version + 1
      where operator_id = $1 returning ${COLUMNS}`,
    [operatorId, disabledBy],
  );
  return rows[0];
}

/** Whether an owner has enrolled with a password and is not disabled. From the first one on there is always one. */
export async function hasOwner(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ has: boolean }>(
    `select exists (select from operators
                     where role = 'owner' and enrolled_at is not null and disabled_at is null and issuer is null) as has`,
  );
  return rows[0]?.has === true;
}

/** Held to the end of the transaction: nobody else becomes or stops being an owner meanwhile. */
export async function lockOwners(db: Queryable): Promise<void> {
  await db.query(`select pg_advisory_xact_lock(hashtext('fairline owners'))`);
}

/** What a login needs to know of the account with this name. */
export interface LoginRow extends Credentials {
  readonly operatorId: number;
  readonly name: string;
}

/**
 * The account with this name in any letter case, if it can log in, with the ledger's clock. `folded`: the name by the fold that finds an
 * account, which no other code has to imitate.
 */
export async function findLogin(
  db: Queryable,
  name: string,
): Promise<{ readonly nowMs: number; readonly folded: string; readonly login: LoginRow | undefined }> {
  const { rows } = await db.query<
    Partial<LoginRow> & { nowMs: number; folded: string; operatorId: number | null }
  >(
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs", lower($1) as folded, operator_id as "operatorId", name,
            password_hash as "passwordHash", totp_sealed as "totpSealed", totp_step as "totpStep"
       from (select 1) one
       left join operators on lower(name) = lower($1) and password_hash is not null and disabled_at is null`,
    [name],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('a row is missing that every database answers');
  const { nowMs, folded, ...found } = row;
  return { nowMs, folded, login: found.operatorId === null ? undefined : (found as LoginRow) };
}

/** Who logs in, as they were found: with other credentials, or disabled meanwhile, nobody does. */
type Found = Pick<LoginRow, 'operatorId' | 'passwordHash'>;

/**
 * Admits an operator by the code of this step. The row is the lock: of two with one code one is admitted, and none with an older
 * code. Undefined if it is not.
 */
export async function admitByStep(
  db: Queryable,
  { operatorId, passwordHash }: Found,
  step: number,
): Promise<OperatorAccount | undefined> {
  const { rows } = await db.query<OperatorAccount>(
    `update operators set totp_step = $3
      where operator_id = $1 and password_hash = $2 and totp_step < $3 and disabled_at is null returning ${COLUMNS}`,
    [operatorId, passwordHash, step],
  );
  return rows[0];
}

/** Admits a login by a recovery code, which is used up. Undefined if it is not admitted. */
export async function admitByRecoveryCode(
  db: Queryable,
  { operatorId, passwordHash }: Found,
  codeHash: Uint8Array,
): Promise<OperatorAccount | undefined> {
  // The account first, as everywhere: an enrolment that replaces the codes holds its row.
  const { rows } = await db.query<OperatorAccount>(
    `select ${COLUMNS} from operators
      where operator_id = $1 and password_hash = $2 and disabled_at is null for no key update`,
    [operatorId, passwordHash],
  );
  const { rowCount } = await db.query(
    'delete from operator_recovery_codes where operator_id = $1 and code_hash = $2',
    [operatorId, codeHash],
  );
  return rowCount === 1 ? rows[0] : undefined;
}

/** Of an account that `admitBy…` has locked. */
export async function setOperatorPassword(
  db: Queryable,
  operatorId: number,
  passwordHash: string,
): Promise<void> {
  await db.query('update operators set password_hash = $2 where operator_id = $1', [
    operatorId,
    passwordHash,
  ]);
}

/** Whether this recovery code can still be used. */
export async function hasRecoveryCode(
  db: Queryable,
  operatorId: number,
  codeHash: Uint8Array,
): Promise<boolean> {
  const { rowCount } = await db.query(
    'select from operator_recovery_codes where operator_id = $1 and code_hash = $2',
    [operatorId, codeHash],
  );
  return rowCount === 1;
}

/** Replaces all recovery codes of an account. */
export async function replaceRecoveryCodes(
  db: Queryable,
  operatorId: number,
  codeHashes: readonly Uint8Array[],
): Promise<void> {
  await db.query('delete from operator_recovery_codes where operator_id = $1', [operatorId]);
  await db.query(
    'insert into operator_recovery_codes (operator_id, code_hash) select $1, unnest($2::bytea[])',
    [operatorId, codeHashes],
  );
}

export async function countRecoveryCodes(db: Queryable, operatorId: number): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    'select count(*)::integer as count from operator_recovery_codes where operator_id = $1',
    [operatorId],
  );
  return rows[0]?.count ?? 0;
}

/** A link that works. */
export interface OperatorLink {
  /** Null: it makes the first owner. */
  readonly operatorId: number | null;
  readonly expiresAt: Date;
}

/** Makes a link, in place of the former one of this account. */
export async function putOperatorLink(
  db: Queryable,
  link: {
    readonly secretHash: Uint8Array;
    readonly operatorId: number | null;
    readonly madeBy: string;
    readonly lifeS: number;
  },
): Promise<OperatorLink> {
  const { rows } = await db.query<OperatorLink>(
    `insert into operator_links (secret_hash, operator_id, made_by, made_at, expires_at)
     values ($1, $2, $3, now(), now() + make_interval(secs => $4))
     on conflict on constraint operator_links_operator do update
        set secret_hash = excluded.secret_hash, made_by = excluded.made_by, made_at = excluded.made_at, expires_at = excluded.expires_at
     returning operator_id as "operatorId", expires_at as "expiresAt"`,
    [link.secretHash, link.operatorId, link.madeBy, link.lifeS],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('a link that was made is missing');
  return row;
}

/** A link that works, with its account, and the ledger's clock. */
export interface FoundLink extends OperatorLink {
  readonly name: string | null;
  readonly role: Role | null;
  readonly nowMs: number;
}

/** Undefined if it was used or replaced, has expired, or its account is disabled. */
export async function findOperatorLink(
  db: Queryable,
  secretHash: Uint8Array,
): Promise<FoundLink | undefined> {
  const { rows } = await db.query<FoundLink>(
    `select operator_id as "operatorId", expires_at as "expiresAt", name, role,
            (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs"
       from operator_links left join operators using (operator_id)
      where secret_hash = $1 and expires_at > now() and disabled_at is null`,
    [secretHash],
  );
  return rows[0];
}

/** Uses a link up: of two at once one gets it. */
export async function takeOperatorLink(
  db: Queryable,
  secretHash: Uint8Array,
): Promise<OperatorLink | undefined> {
  const { rows } = await db.query<OperatorLink>(
    `delete from operator_links where secret_hash = $1 and expires_at > now()
     returning operator_id as "operatorId", expires_at as "expiresAt"`,
    [secretHash],
  );
  return rows[0];
}

/** Voids the links that somebody has made for others, and returns how many. */
export async function deleteLinksMadeBy(db: Queryable, name: string): Promise<number> {
  const { rowCount } = await db.query('delete from operator_links where made_by = $1', [name]);
  return rowCount ?? 0;
}

/** Voids the link of an account, if it has one. */
export async function deleteOperatorLink(db: Queryable, operatorId: number): Promise<void> {
  await db.query('delete from operator_links where operator_id = $1', [operatorId]);
}
