/** Statements on blocks: users and networks that may not enter, claim or redeem. */
import type { Queryable } from '../../database.ts';
import { textArray } from '../arrays.ts';

/** Whom a block is about: a user by exact id, or a network in CIDR notation. */
export type BlockOf = { readonly userId: string } | { readonly network: string };

export interface Block {
  readonly blockId: number;
  /** One of the two is null. */
  readonly userId: string | null;
  readonly network: string | null;
  readonly reason: string;
  readonly madeBy: string;
  readonly madeAt: Date;
  /** Of the whole list, when this block was made or lifted. */
  readonly revision: number;
  /** Null until every gateway is known to refuse by it. */
  readonly inForceAt: Date | null;
  readonly liftedAt: Date | null;
  readonly liftedBy: string | null;
  readonly liftReason: string | null;
}

const COLUMNS = `block_id as "blockId", user_id as "userId", network::text, reason, made_by as "madeBy",
  made_at as "madeAt", revision, in_force_at as "inForceAt", lifted_at as "liftedAt", lifted_by as "liftedBy",
  lift_reason as "liftReason"`;

/** Takes the lock under which blocks change, and returns how many are not lifted. */
export async function lockBlocks(db: Queryable): Promise<number> {
  await db.query('select from block_list for update');
  const { rows } = await db.query<{ count: number }>(
    'select count(*)::integer as count from blocks where lifted_at is null',
  );
  return rows[0]?.count ?? 0;
}

export async function insertBlock(
  db: Queryable,
  of: BlockOf,
  { reason, madeBy }: Pick<Block, 'reason' | 'madeBy'>,
): Promise<Block> {
  const { rows } = await db.query<Block>(
    `insert into blocks (user_id, network, reason, made_by) values ($1, $2, $3, $4) returning ${COLUMNS}`,
    ['userId' in of ? of.userId : null, 'network' in of ? of.network : null, reason, madeBy],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('insert into blocks returned no row');
  return row;
}

/** Undefined if it is lifted already, or does not exist. */
export async function liftBlock(
  db: Queryable,
  blockId: number,
  { liftedBy, liftReason }: { readonly liftedBy: string; readonly liftReason: string },
): Promise<Block | undefined> {
  const { rows } = await db.query<Block>(
    `update blocks set lifted_at = now(), lifted_by = $2, lift_reason = $3
      where block_id = $1 and lifted_at is null returning ${COLUMNS}`,
    [blockId, liftedBy, liftReason],
  );
  return rows[0];
}

const GREATEST_ID = 2 ** 31 - 1;

export async function getBlock(db: Queryable, blockId: number): Promise<Block | undefined> {
  if (blockId > GREATEST_ID) return undefined;
  const { rows } = await db.query<Block>(`select ${COLUMNS} from blocks where block_id = $1`, [blockId]);
  return rows[0];
}

/** The block of exactly this user or network that is not lifted. */
export async function findBlock(db: Queryable, of: BlockOf): Promise<Block | undefined> {
  const [column, value] = 'userId' in of ? ['user_id', of.userId] : ['network', of.network];
  const { rows } = await db.query<Block>(
    `select ${COLUMNS} from blocks where ${column} = $1 and lifted_at is null`,
    [value],
  );
  return rows[0];
}

/** Blocks with a greater id than `after`, by id, at most `limit`, lifted ones too. */
export async function listBlocks(
  db: Queryable,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly Block[]> {
  if (page.after > GREATEST_ID) return [];
  const { rows } = await db.query<Block>(
    `select ${COLUMNS} from blocks where block_id > $1 order by block_id limit $2`,
    [page.after, page.limit],
  );
  return rows;
}

/** All that gateways are told: who is blocked now, as of one revision. */
export interface BlockList {
  readonly revision: number;
  readonly users: readonly string[];
  readonly networks: readonly string[];
}

export async function readBlockList(db: Queryable): Promise<BlockList> {
  const { rows } = await db.query<BlockList>(
    `select revision,
            array(select user_id from blocks where lifted_at is null and user_id is not null order by user_id) as users,
            array(select network::text from blocks where lifted_at is null and network is not null
                   order by network) as networks
       from block_list`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('block_list has no row');
  return row;
}

/** The revision, if a gateway may not act on it yet. */
export async function readUntoldRevision(db: Queryable): Promise<number | undefined> {
  const { rows } = await db.query<{ revision: number }>(
    'select revision from block_list where in_force < revision',
  );
  return rows[0]?.revision;
}

/** Notes that every gateway acts on this revision of the list. */
export async function noteInForce(db: Queryable, revision: number): Promise<void> {
  await db.query(
    `with list as (update block_list set in_force = greatest(in_force, $1))
     update blocks set in_force_at = now() where lifted_at is null and in_force_at is null and revision <= $1`,
    [revision],
  );
}

/**
 * Those of these users that are blocked, in a transaction: a block that is made later is not committed before this transaction, so what is
 * decided by the answer is committed before the block.
 */
export async function readBlockedUsers(
  db: Queryable,
  userIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (userIds.length === 0) return new Set();
  const { rows } = await db.query<{ userId: string }>(
    `select user_id as "userId" from blocked_users($1::text[]) as user_id`,
    [textArray(userIds)],
  );
  return new Set(rows.map(row => row.userId));
}
