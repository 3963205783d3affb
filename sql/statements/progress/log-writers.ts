/** Statements on identities at the log that were prepared for gateways; see migrations 0010 and 0014. */
import type { Queryable } from '../../database.ts';
import { bigintArray, textArray } from '../arrays.ts';

export interface LogWriterRow {
  readonly gateway: number;
  readonly token: string;
}

/**
 * Records identities prepared under that epoch; false if a later one has begun. The epoch's row stays locked until the
 * transaction ends, so a later beginEpoch finds them.
 */
export async function insertLogWriters(
  db: Queryable,
  of: { readonly logName: string; readonly epoch: number; readonly writers: readonly LogWriterRow[] },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into log_writers (log_name, gateway, token, epoch)
     select $1, sent.gateway, sent.token, watermarks.epoch
       from watermarks, unnest($3::bigint[], $4::text[]) as sent (gateway, token)
      where watermarks.epoch = $2
        for share of watermarks`,
    [
      of.logName,
      of.epoch,
      bigintArray(of.writers.map(writer => writer.gateway)),
      textArray(of.writers.map(writer => writer.token)),
    ],
  );
  return (rowCount ?? 0) > 0;
}

/**
 * Records identities that the ledger may lack because it was restored from a backup, under the epoch in which they were
 * prepared. Those that it has stay as they are.
 */
export async function adoptLogWriters(
  db: Queryable,
  of: { readonly logName: string; readonly epoch: number; readonly writers: readonly LogWriterRow[] },
): Promise<void> {
  await db.query(
    `insert into log_writers (log_name, gateway, token, epoch)
     select $1, sent.gateway, sent.token, $2
       from unnest($3::bigint[], $4::text[]) as sent (gateway, token)
         on conflict (log_name, token) do nothing`,
    [
      of.logName,
      of.epoch,
      bigintArray(of.writers.map(writer => writer.gateway)),
      textArray(of.writers.map(writer => writer.token)),
    ],
  );
}

/** The identities that the log may still accept and that were prepared under no later epoch, of one gateway number or of all. */
export async function readOpenLogWriters(
  db: Queryable,
  of: { readonly logName: string; readonly epoch: number; readonly gateway?: number },
): Promise<readonly LogWriterRow[]> {
  const { rows } = await db.query<LogWriterRow>(
    `select gateway, token from log_writers
      where log_name = $1 and retired_at is null and epoch <= $2 and ($3::integer is null or gateway = $3)
      order by gateway, token`,
    [of.logName, of.epoch, of.gateway ?? null],
  );
  return rows;
}

/** Marks identities that the log refuses from now on. */
export async function markLogWritersRetired(
  db: Queryable,
  logName: string,
  tokens: readonly string[],
): Promise<void> {
  await db.query(
    'update log_writers set retired_at = now() where log_name = $1 and token = any ($2::text[]) and retired_at is null',
    [logName, textArray(tokens)],
  );
}
