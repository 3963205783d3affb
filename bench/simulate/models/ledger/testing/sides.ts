/** The two sides of the comparison, PostgreSQL and the model, and outcomes in a comparable form. */
import type { Pool, Queryable } from '../../../../../sql/database.ts';
import { standIn } from '../../../kernel/stand-in.ts';
import { partsOf, type QueryInput } from '../ledger.ts';
import { LedgerTables } from '../ledger-tables.ts';
import { Session } from '../session.ts';
import type { Result } from '../statement.ts';

export const OPENS_MS = Date.UTC(2030, 0, 1);
export const LENGTH_MS = 1;

/** The last campaign has claims. */
export const CAMPAIGNS = 4;
/** The id of the room, which is created after the other campaigns. */
export const ROOM = 5;
export const USERS = ['a', 'b', 'c', 'd', 'é'] as const;

export type Call = (db: Queryable) => Promise<unknown>;

/** A pool on either side; the model has one session. */
export function poolOf(db: Queryable): Pool {
  if ('connect' in db) return db as Pool;
  const { query } = db;
  return standIn<Pool>('pool', { query, connect: async () => ({ query, release: () => undefined }) });
}

export async function outcomeOf(call: Call, db: Queryable): Promise<unknown> {
  try {
    return comparable(await call(db));
  } catch (error) {
    if (error instanceof Error && 'code' in error) return { code: error.code };
    throw error;
  }
}

/** Leaves out differences: current times, and the order of unordered rows. */
export function comparable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (value instanceof Date)
    return Math.abs(value.getTime() - OPENS_MS) > 60_000 ? 'now' : value.getTime() - OPENS_MS;
  if (Array.isArray(value))
    return value
      .map(comparable)
      .map(each => JSON.stringify(each))
      .sort();
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, comparable(member)] as const);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function modelOf(): Queryable {
  const session = new Session(
    new LedgerTables(() => new Date()),
    { nowUs: () => 0, after: () => undefined },
    () => undefined,
  );
  const query = (input: QueryInput, values: readonly unknown[] = []): Promise<Result> =>
    new Promise((resolve, reject) => {
      session.execute(...partsOf(input, values), outcome =>
        outcome instanceof Error ? reject(outcome) : resolve(outcome),
      );
    });
  return standIn<Queryable>('session', { query });
}
