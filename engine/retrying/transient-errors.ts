/** Transient errors: the server is away for now, and the same request can be repeated. */
import pg from 'pg';

/** SQLSTATE codes of a Postgres that will be available soon: it is starting, stopping, or has no free connection. */
const TRANSIENT = new Set(['57P01', '57P02', '57P03', '53300']);

/** Whether waiting helps. An AggregateError is transient if all its errors are. */
export function isTransient(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return TRANSIENT.has(error.code ?? '');
  // Network errors carry a code; for any other error waiting would not help.
  if (error instanceof AggregateError) return error.errors.every(isTransient);
  return (
    error instanceof Error &&
    ('syscall' in error || /timeout|timed out|terminated|connection is closed/i.test(error.message))
  );
}
