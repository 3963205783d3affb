/**
 * Migrates a database to the newest schema: runs each file of `migrations/` once, in the order of their numbers, all pending
 * ones in one transaction.
 */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type RunnerOption, runner } from 'node-pg-migrate';
import pg from 'pg';

export const MIGRATIONS_DIRECTORY = fileURLToPath(new URL('../migrations/', import.meta.url));

/** Where node-pg-migrate records which files were run. */
export const MIGRATIONS_TABLE = 'schema_migrations';

const CONNECT_TIMEOUT_MS = 5_000;

/** Called with a line for each migration that runs, and for errors. */
export type MigrationLog = (line: string) => void;

/**
 * Runs all pending migrations and returns their names, '0001_ledger' and so on. Engines that start at once wait at an
 * advisory lock for the first of them and then find the work done. Rejects with Postgres' error; then nothing has changed.
 * `direction` 'down' reverts the last migration. `count` limits their number; absent: all that are pending.
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
  // If the connection is lost between two statements, the next one fails; without a listener this error would end the process.
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

/** The files of all migrations, in the order in which they run. */
export async function migrationFiles(): Promise<readonly string[]> {
  const files = await readdir(MIGRATIONS_DIRECTORY);
  return files.filter(file => file.endsWith('.sql')).sort();
}

function ignore(): void {}
