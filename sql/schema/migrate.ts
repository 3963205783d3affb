/**
 * Brings a database to the newest schema: the files in `migrations/`, in the order of their numbers, each once, all
 * pending ones in one transaction.
 */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type RunnerOption, runner } from 'node-pg-migrate';
import pg from 'pg';

export const MIGRATIONS_DIRECTORY = fileURLToPath(new URL('../migrations/', import.meta.url));

/** Where node-pg-migrate notes which files were run. */
export const MIGRATIONS_TABLE = 'schema_migrations';

const CONNECT_TIMEOUT_MS = 5_000;

/** Told of each migration that is run, and of what went wrong, a line each. */
export type MigrationLog = (line: string) => void;

/**
 * Runs what has not been run yet and returns the names of it, '0001_ledger' and so on. Engines that start at once wait
 * for the first of them at an advisory lock and then find it done. Rejects with what Postgres said; then nothing has
 * changed. `direction` 'down' takes the last one back. `count` is how many at most, all that are pending when left out.
 */
export async function migrate(
  databaseUrl: string,
  log: MigrationLog,
  direction: RunnerOption['direction'] = 'up',
  count?: number,
): Promise<readonly string[]> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'fairline migrate',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // A connection lost between two statements is told by the next one; without a listener it would end the process.
  client.on('error', error => log(`migrate: ${error.message}`));
  await client.connect();
  try {
    const done = await runner({
      dbClient: client,
      dir: MIGRATIONS_DIRECTORY,
      direction,
      ...(count === undefined ? {} : { count }),
      schema: 'public',
      migrationsTable: MIGRATIONS_TABLE,
      singleTransaction: true,
      advisoryLockMode: 'wait',
      logger: { debug: ignore, info: ignore, warn: log, error: log },
    });
    for (const { name } of done) log(`migrate: ${name} ${direction}`);
    return done.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

/** The files of all migrations, in the order in which they are run. */
export async function migrationFiles(): Promise<readonly string[]> {
  const files = await readdir(MIGRATIONS_DIRECTORY);
  return files.filter(file => file.endsWith('.sql')).sort();
}

function ignore(): void {}
