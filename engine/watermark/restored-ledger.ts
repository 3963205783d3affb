/**
 * A ledger that was restored from a backup is older than what Redis shows: campaigns made since are on the board and not in
 * the ledger, and decisions since, with their codes, are made again. If the registry was opened again since the backup, its
 * epoch shows that, and the lease reaper closes it. Otherwise the board is compared with the ledger: it is published from the
 * ledger, so in a ledger that lost nothing no campaign is missing, and none is at an earlier revision.
 *
 * That shows only until the decisions are repeated, so an engine looks before it reads the log or decides anything. All
 * engines are stopped during a restore (OPERATING.md).
 */
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import { countAhead, reserveNumbers } from '../../sql/statements/campaigns/ahead.ts';
import { adoptLogWriters } from '../../sql/statements/progress/log-writers.ts';
import type { LogFencing } from '../contract/log/log.ts';
import { readBoard } from '../contract/redis/board/board.ts';
import type { Keys } from '../contract/redis/keys.ts';
import { closeRegistry, readRegistry } from '../contract/redis/lease/lease.ts';
import { type RedisClient, waitForRedis } from '../contract/redis/redis.ts';
import type { LogIntake } from '../intake/log-intake.ts';

export interface RestoredLedgerParts {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly fencing: Pick<LogFencing, 'usesTokens'>;
  readonly intake: Pick<LogIntake, 'name'>;
}

/** An engine that starts while Redis is gone starts this much later. */
const WAIT_MS = 2_000;

/**
 * Closes the registry if the ledger is older than the board, so that everything in Redis is rebuilt under another epoch, and
 * gives no number on the board to another campaign. Rejects if a server does not answer.
 */
export async function closeIfRestored(parts: RestoredLedgerParts, log: Logger): Promise<void> {
  const { pool, redis, keys, fencing, intake } = parts;
  await waitForRedis(redis, WAIT_MS);
  const { epoch, leases, prepared } = await readRegistry(redis, keys.leases);
  if (epoch === undefined) return;
  // Before the ledger: what is published meanwhile is in it.
  const { campaigns, strangers } = await readBoard(redis, keys, { epoch: '', version: 0 });
  const shown = [...campaigns, ...strangers];
  const ahead = await countAhead(pool, shown);
  if (ahead === 0) return;
  log.error(
    { campaigns: ahead },
    'the ledger is older than the board, as after a restore: closing the registry and rebuilding all projections',
  );
  await reserveNumbers(
    pool,
    shown.reduce((most, { campaignId }) => Math.max(most, campaignId), 0),
  );
  // The ledger may lack the identities of gateways that joined since: with them, the next epoch makes the log refuse them.
  const writers = [...leases, ...prepared].filter(({ token }) => token !== '');
  if (fencing.usesTokens) await adoptLogWriters(pool, { logName: intake.name, epoch, writers });
  await closeRegistry(redis, keys.leases, epoch);
}
