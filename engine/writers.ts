/**
 * Who may write to the log. A gateway is given its number by Redis alone, but the log must know its writer by something
 * that the engine can end: so the keeper prepares free numbers ahead, each with an identity at the log (log/log.ts).
 *
 * An identity stands in the ledger before Redis has it, under the epoch that was begun last. So whoever ends a number, or
 * begins an epoch, finds every identity that somebody may write with: `retire` has the log refuse it, and is over when the
 * log has answered. A keeper that was held up writes none down for an epoch that is over.
 */
import type { Logger } from 'pino';
import type { Pool } from '../sql/database.ts';
import { insertLogWriters, markLogWritersRetired, readOpenLogWriters } from '../sql/log-writers.ts';
import type { Keys } from './contract/keys.ts';
import { type PreparedNumber, putUpNumbers, type Registry } from './contract/lease/lease.ts';
import { type LogFencing, partitionOf } from './contract/log/log.ts';
import { encodeHead } from './contract/record.ts';
import type { RedisClient } from './contract/redis.ts';
import { GATEWAY_COUNT } from './contract/stamp.ts';

/** More gateways than this that join within one turn of the keeper, 100 ms, wait for the next. */
const SPARE_NUMBERS = 16;

export interface WritersOptions {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly fencing: LogFencing;
  /** The name of the log that is consumed; see LogConsumer. */
  readonly logName: string;
  readonly partitions: number;
  readonly log: Logger;
}

export class Writers {
  readonly #options: WritersOptions;

  constructor(options: WritersOptions) {
    this.#options = options;
  }

  /** Puts up numbers until enough are there to be taken. */
  async putUp(epoch: number, { leases, prepared }: Pick<Registry, 'leases' | 'prepared'>): Promise<void> {
    const { pool, redis, keys, fencing, logName } = this.#options;
    const taken = new Set([...prepared, ...leases.map(lease => lease.gateway)]);
    const numbers: PreparedNumber[] = [];
    for (let gateway = 0; gateway < GATEWAY_COUNT; gateway++) {
      if (prepared.length + numbers.length >= SPARE_NUMBERS) break;
      if (!taken.has(gateway)) numbers.push({ gateway, token: await fencing.prepare() });
    }
    if (numbers.length === 0) return;
    if (fencing.usesTokens && !(await insertLogWriters(pool, { logName, epoch, writers: numbers }))) return;
    await putUpNumbers(redis, keys.leases, epoch, numbers);
  }

  /**
   * Has the log refuse every identity that was prepared for this number, or for any; and the one of a lease, which a ledger
   * that was restored may not know.
   */
  async retire(gateway: number | undefined, lease?: PreparedNumber): Promise<void> {
    const { pool, fencing, logName, partitions, log } = this.#options;
    if (!fencing.usesTokens) return;
    const known = await readOpenLogWriters(pool, logName, gateway);
    const isKnown =
      lease === undefined || lease.token === '' || known.some(({ token }) => token === lease.token);
    const open = isKnown ? known : [...known, lease];
    if (open.length === 0) return;
    for (const { gateway, token } of open) {
      await fencing.retire(partitionOf(gateway, partitions), token, retirement(gateway));
    }
    await markLogWritersRetired(
      pool,
      logName,
      open.map(({ token }) => token),
    );
    log.info({ gateway, count: open.length }, 'identities at the log are retired');
  }
}

/** A fence of no incarnation; intake passes over it. */
function retirement(gateway: number): Buffer {
  return encodeHead({ kind: 'fence', gateway, incarnation: 0, sliceNumber: 0, throughUs: 0, rankedUs: 0 });
}
