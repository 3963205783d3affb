/** Migrates the database as soon as it is available. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { openPool } from '../sql/database.ts';
import { migrate } from '../sql/schema/migrate.ts';
import { checkSchema } from '../sql/schema/schema.ts';
import { isTransient } from './retrying/transient-errors.ts';

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 3_000;

/**
 * Migrates and checks the schema. Waits for an unavailable Postgres until `signal` is aborted. Rejects with errors that waiting
 * would not fix: a refused password, a missing database, a failed migration, SchemaMismatch.
 */
export async function prepareDatabase(databaseUrl: string, log: Logger, signal: AbortSignal): Promise<void> {
  let isAwaited = false;
  for (let waitMs = FIRST_BACKOFF_MS; ; waitMs = Math.min(2 * waitMs, MAX_BACKOFF_MS)) {
    try {
      await migrate(databaseUrl, line => log.info(line));
      await check(databaseUrl, log);
      return;
    } catch (err) {
      if (!isTransient(err)) throw err;
      log[isAwaited ? 'debug' : 'warn']({ err }, 'Postgres is not reachable yet; trying again until it is');
      isAwaited = true;
    }
    await sleep(waitMs, undefined, { signal });
  }
}

async function check(databaseUrl: string, log: Logger): Promise<void> {
  const pool = openPool(databaseUrl, {
    max: 1,
    applicationName: 'fairline schema',
    onError: error => log.warn({ reason: error.message }, 'lost a connection to Postgres'),
  });
  try {
    await checkSchema(pool);
  } finally {
    await pool.end();
  }
}
