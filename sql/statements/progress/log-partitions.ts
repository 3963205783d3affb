/** Statements on log_partitions: the position to continue reading from, moved only by compare-and-set. */
import type { Queryable } from '../../database.ts';

/** The position to continue reading a partition from; '' for one that was never read, whose row this inserts. */
export async function nextPosition(db: Queryable, logName: string, partition: number): Promise<string> {
  await db.query(
    `insert into log_partitions (log_name, partition, next_position) values ($1, $2, '') on conflict do nothing`,
    [logName, partition],
  );
  const { rows } = await db.query<{ next_position: string }>(
    'select next_position from log_partitions where log_name = $1 and partition = $2',
    [logName, partition],
  );
  return rows[0]?.next_position ?? '';
}

/**
 * Moves the position from `from` to `next`; false if the ledger is not at `from`, because another consumer has moved it. The
 * row stays locked until the transaction ends, so no two consumers write rows of one partition at once.
 */
export async function moveOn(
  db: Queryable,
  move: {
    readonly logName: string;
    readonly partition: number;
    readonly from: string;
    readonly next: string;
  },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update log_partitions set next_position = $4
      where log_name = $1 and partition = $2 and next_position = $3`,
    [move.logName, move.partition, move.from, move.next],
  );
  return rowCount === 1;
}

/** How far each partition of a log has been read. */
export async function readPositions(
  db: Queryable,
  logName: string,
): Promise<readonly { readonly partition: number; readonly position: string }[]> {
  const { rows } = await db.query<{ partition: number; position: string }>(
    'select partition, next_position as position from log_partitions where log_name = $1 order by partition',
    [logName],
  );
  return rows;
}
