/** Reads about people, which leave a row in the operator log: who read and by what, never about whom. */
import { type Pool, type Queryable, transaction } from '../../sql/database.ts';
import { type Actor, noteAct } from './acts.ts';

export interface NotedRead<T> {
  /** What was read: `people`. */
  readonly target: string;
  readonly read: (db: Queryable) => Promise<T>;
  /** The details of the act, nothing about a person; undefined for a read that needs no row. */
  readonly details: (of: T) => Readonly<Record<string, unknown>> | undefined;
}

/** Reads in the transaction that writes the row. */
export async function notedRead<T>(
  pool: Pool,
  actor: Actor,
  { target, read, details }: NotedRead<T>,
): Promise<T> {
  return await transaction(pool, async db => {
    const result = await read(db);
    const noted = details(result);
    if (noted !== undefined) await noteAct(db, actor, { target, details: noted });
    return result;
  });
}
