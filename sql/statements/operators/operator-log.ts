/**
 * Statements on the log of what operators did. sql/migrations/0032_operator_log.sql says how rows are chained, and
 * engine/verify/log/log-row.ts which bytes a hash covers.
 */
import type { Queryable } from '../../database.ts';
import type { Role } from './operator-tokens.ts';

/** What an operator does. */
export interface Act {
  readonly operator: string;
  /** Null for an account, whose name is never anybody else's, and for the engines' own token. */
  readonly tokenId: number | null;
  readonly role: Role;
  /** The operation of the API. */
  readonly action: string;
  /** `campaign 12` */
  readonly target: string;
  readonly reason: string | null;
  /** Canonical JSON: an object. */
  readonly details: string;
}

/** A row of the log. */
export interface LoggedAct extends Act {
  readonly seq: number;
  readonly at: Date;
  readonly hash: Buffer;
}

/** The end of the log after an act. */
export interface LogHead {
  readonly seq: number;
  readonly hash: Buffer;
}

export interface SignedLogHead extends LogHead {
  /** When it was signed. */
  readonly at: Date;
  /** 8 bytes in lower-case hex. */
  readonly keyId: string;
  readonly signature: Buffer;
}

/**
 * Writes a row. Call it last in the transaction of the act: it waits for other operators' transactions, and makes them wait
 * until the commit.
 */
export async function insertAct(db: Queryable, act: Act): Promise<void> {
  await db.query(
    `insert into operator_log (operator, token_id, role, action, target, reason, details)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [act.operator, act.tokenId, act.role, act.action, act.target, act.reason, act.details],
  );
}

const ACT_COLUMNS = `seq, at, operator, token_id as "tokenId", role, action, target, reason, details, hash`;
const HEAD_COLUMNS = 'seq, hash, at, key_id as "keyId", signature';

interface Page {
  readonly after: number;
  readonly limit: number;
}

/** Rows above `after`, in order, at most `limit`. */
export async function listActs(db: Queryable, { after, limit }: Page): Promise<readonly LoggedAct[]> {
  const { rows } = await db.query<LoggedAct>(
    `select ${ACT_COLUMNS} from operator_log where seq > $1 order by seq limit $2`,
    [after, limit],
  );
  return rows;
}

/** Signed heads above `after`, in order, at most `limit`. */
export async function listLogHeads(db: Queryable, { after, limit }: Page): Promise<readonly SignedLogHead[]> {
  const { rows } = await db.query<SignedLogHead>(
    `select ${HEAD_COLUMNS} from operator_log_heads where seq > $1 order by seq limit $2`,
    [after, limit],
  );
  return rows;
}

/** The last signed head; undefined if there is none yet. */
export async function readLastLogHead(db: Queryable): Promise<SignedLogHead | undefined> {
  const { rows } = await db.query<SignedLogHead>(
    `select ${HEAD_COLUMNS} from operator_log_heads order by seq desc limit 1`,
  );
  return rows[0];
}

/**
 * The head to sign: undefined if no operator has acted since the last one that was signed, if that was signed less than `everyMs`
 * ago, or if another engine is about to sign; in a transaction, at whose end others may. A head from a future that some clock
 * has shown delays no other one.
 */
export async function takeHeadToSign(client: Queryable, everyMs: number): Promise<LogHead | undefined> {
  const { rows: locks } = await client.query<{ taken: boolean }>(
    `select pg_try_advisory_xact_lock(hashtext('fairline operator log heads')) as taken`,
  );
  if (locks[0]?.taken !== true) return undefined;
  const { rows } = await client.query<LogHead>(
    `select seq, hash from operator_log_head
      where seq > (select coalesce(max(seq), 0) from operator_log_heads)
        and not exists (select from operator_log_heads
                         where abs(extract(epoch from clock_timestamp() - at)) * 1000 < $1::integer)`,
    [everyMs],
  );
  return rows[0];
}

export async function insertLogHead(db: Queryable, head: SignedLogHead): Promise<void> {
  await db.query(
    `insert into operator_log_heads (seq, hash, at, key_id, signature) values ($1, $2, $3, $4, $5)`,
    [head.seq, head.hash, head.at, head.keyId, head.signature],
  );
}
