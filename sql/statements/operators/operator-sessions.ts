/** Statements on the sessions of operators' accounts. */
import type { Queryable } from '../../database.ts';
import type { Role } from './operator-tokens.ts';

export interface OperatorSession {
  readonly sessionId: number;
  readonly userAgent: string;
  readonly madeAt: Date;
  readonly expiresAt: Date;
  /** Up to a minute old. */
  readonly lastUsedAt: Date;
}

const COLUMNS = `session_id as "sessionId", user_agent as "userAgent", made_at as "madeAt", expires_at as "expiresAt",
  last_used_at as "lastUsedAt"`;

export async function insertOperatorSession(
  db: Queryable,
  session: {
    readonly operatorId: number;
    readonly secretHash: Uint8Array;
    readonly userAgent: string;
    readonly lifeS: number;
  },
): Promise<OperatorSession> {
  await db.query('update operators set last_login_at = now() where operator_id = $1', [session.operatorId]);
  // Nothing else removes sessions that nobody ended. Two logins at once must not wait for each other's rows.
  await db.query(
    `delete from operator_sessions where session_id in
       (select session_id from operator_sessions where expires_at <= now() for update skip locked)`,
  );
  const { rows } = await db.query<OperatorSession>(
    `insert into operator_sessions (operator_id, secret_hash, user_agent, made_at, expires_at, last_used_at)
     values ($1, $2, $3, now(), now() + make_interval(secs => $4), now()) returning ${COLUMNS}`,
    [session.operatorId, session.secretHash, session.userAgent, session.lifeS],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('a session that was made is missing');
  return row;
}

/** Whose session it is. */
export interface FoundSession {
  readonly sessionId: number;
  readonly operatorId: number;
  readonly name: string;
  /** As it is now. */
  readonly role: Role;
  /** Its last use was noted within the last minute. */
  readonly isUseNoted: boolean;
}

/** The session with this hash; undefined if it has ended, or its account is disabled. */
export async function findOperatorSession(
  db: Queryable,
  secretHash: Uint8Array,
): Promise<FoundSession | undefined> {
  const { rows } = await db.query<FoundSession>(
    `select session_id as "sessionId", operator_id as "operatorId", name, role,
            last_used_at >= now() - interval '1 minute' as "isUseNoted"
       from operator_sessions join operators using (operator_id)
      where secret_hash = $1 and expires_at > now() and disabled_at is null`,
    [secretHash],
  );
  return rows[0];
}

/** Notes a use, at most once a minute. */
export async function noteSessionUse(db: Queryable, sessionId: number): Promise<void> {
  await db.query(
    `update operator_sessions set last_used_at = now()
      where session_id = $1 and last_used_at < now() - interval '1 minute'`,
    [sessionId],
  );
}

/** The sessions of an account, the latest first, at most `limit`. */
export async function listOperatorSessions(
  db: Queryable,
  operatorId: number,
  limit: number,
): Promise<readonly OperatorSession[]> {
  const { rows } = await db.query<OperatorSession>(
    `select ${COLUMNS} from operator_sessions where operator_id = $1 and expires_at > now() order by session_id desc limit $2`,
    [operatorId, limit],
  );
  return rows;
}

/** Ends a session of this account; false if it has no such session. */
export async function endOperatorSession(
  db: Queryable,
  operatorId: number,
  sessionId: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    'delete from operator_sessions where operator_id = $1 and session_id = $2',
    [operatorId, sessionId],
  );
  return rowCount === 1;
}

/** Ends all sessions of an account, but for `exceptId`, and returns how many. */
export async function endOperatorSessions(
  db: Queryable,
  operatorId: number,
  exceptId: number | null = null,
): Promise<number> {
  const { rowCount } = await db.query(
    'delete from operator_sessions where operator_id = $1 and session_id is distinct from $2',
    [operatorId, exceptId],
  );
  return rowCount ?? 0;
}
