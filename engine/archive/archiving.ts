/**
 * One archive or restore runs at a time. All writes use the connection that holds the lock: if a process is killed, PostgreSQL
 * may still be executing its last statement, and nobody else starts until that is done; and a process that lost the lock
 * together with its connection writes nothing any more.
 */
import type { Connection, Pool } from '../../sql/database.ts';
import { giveArchivingBack, takeArchiving } from '../../sql/statements/campaigns/archives.ts';

export class ArchivingTaken extends Error {}

export interface Archiving {
  /** For reads. */
  readonly pool: Pool;
  /** Holds the lock. */
  readonly writer: Connection;
}

/** Rejects with ArchivingTaken while another process, or a statement of a killed one, is at work. */
export async function archiving<T>(pool: Pool, work: (archiving: Archiving) => Promise<T>): Promise<T> {
  const writer = await pool.connect();
  try {
    if (!(await takeArchiving(writer))) throw new ArchivingTaken('another archive or restore is running');
    return await work({ pool, writer });
  } finally {
    // The next process need not wait for the end of the connection, which would release the lock too.
    await giveArchivingBack(writer).catch(() => undefined);
    writer.release(true);
  }
}
