/** Errors that pass by themselves: a server that is away for now, to which the same is said again. */
import pg from 'pg';

/** Answers of a Postgres that will serve in a while: it starts, it stops, it has no connection left. */
const PASSING = new Set(['57P01', '57P02', '57P03', '53300']);

export function mayPass(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return PASSING.has(error.code ?? '');
  // Errors of the network carry a code; of everything else waiting would mend nothing.
  if (error instanceof AggregateError) return error.errors.every(mayPass);
  return (
    error instanceof Error &&
    ('syscall' in error || /timeout|timed out|terminated|connection is closed/i.test(error.message))
  );
}
