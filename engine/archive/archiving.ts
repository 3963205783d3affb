/**
 * One archive is made, or put back, at a time. Everything is written over the connection that holds the lock for it: a process
 * that is killed may leave a statement behind that PostgreSQL goes on with, and as long as it does nobody else begins; and one
 * that has lost the lock with its connection writes nothing any more.
 */
import type { Connection, Pool } from '../../sql/database.ts';
import { giveArchivingBack, takeArchiving } from '../../sql/statements/campaigns/archives.ts';

export class ArchivingTaken extends Error {}

export interface Archiving {
  /** For what is only read. */
  readonly pool: Pool;
  /** Has the lock. */
  readonly writer: Connection;
}

/** Rejects with ArchivingTaken while another process, or a statement of one that was killed, is at it. */
export async function archiving<T>(pool: Pool, work: (archiving: Archiving) => Promise<T>): Promise<T> {
  const writer = await pool.connect();
  try {
    if (!(await takeArchiving(writer)))
      throw new ArchivingTaken('another archive is being made, or put back, at this moment');
    return await work({ pool, writer });
  } finally {
    // Who comes next need not wait for the end of the connection, with which it ends in any case.
    await giveArchivingBack(writer).catch(() => undefined);
    writer.release(true);
  }
}
