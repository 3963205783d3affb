/**
 * The writers of the log. A gateway gets its number from Redis alone, but the log must know the writer by an identity that
 * the engine can end: so the lease reaper prepares free numbers ahead, each with an identity in the log (contract/log/log.ts).
 *
 * An identity is in the ledger before it is in Redis, under the latest epoch. So an engine that ends a number, or begins an
 * epoch, finds every identity that may be in use, makes the log refuse it, and continues after the log has confirmed. A
 * delayed reaper records no identity for an epoch that is over, and retires none that was prepared since for another
 * gateway: that would end a healthy gateway.
 */
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import type { GatewayRow } from '../../sql/statements/progress/gateways.ts';
import {
  insertLogWriters,
  markLogWritersRetired,
  readOpenLogWriters,
} from '../../sql/statements/progress/log-writers.ts';
import { INCARNATIONS_PER_EPOCH } from '../../sql/statements/progress/watermarks.ts';
import { type LogFencing, partitionOf } from '../contract/log/log.ts';
import { encodeHead } from '../contract/record/record.ts';
import { GATEWAY_COUNT } from '../contract/record/stamp.ts';
import type { Keys } from '../contract/redis/keys.ts';
import {
  type PreparedNumber,
  putUpNumbers,
  type Registry,
  readRegistry,
} from '../contract/redis/lease/lease.ts';
import type { RedisClient } from '../contract/redis/redis.ts';

/** If more gateways than this join within one turn of the lease reaper, 100 ms, the rest wait for the next turn. */
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

  /** Prepares numbers until enough are available. */
  async putUp(epoch: number, { leases, prepared }: Pick<Registry, 'leases' | 'prepared'>): Promise<void> {
    const { pool, redis, keys, fencing, logName } = this.#options;
    const taken = new Set([...prepared, ...leases].map(({ gateway }) => gateway));
    const numbers: PreparedNumber[] = [];
    for (let gateway = 0; gateway < GATEWAY_COUNT; gateway++) {
      if (prepared.length + numbers.length >= SPARE_NUMBERS) break;
      if (!taken.has(gateway)) numbers.push({ gateway, token: await fencing.prepare() });
    }
    if (numbers.length === 0) return;
    if (fencing.usesTokens && !(await insertLogWriters(pool, { logName, epoch, writers: numbers }))) return;
    await putUpNumbers(redis, keys.leases, epoch, numbers);
  }

  /** Makes the log refuse the identity of a lease holder, but none that was prepared for the number since. */
  async retireLease(lease: PreparedNumber): Promise<void> {
    await this.#retire([lease]);
  }

  /**
   * Makes the log refuse an incarnation that is live in the ledger without a lease: all identities prepared for its number up
   * to its epoch, except those that are leased or free to take. The registry is read after the ledger, so identities taken
   * meanwhile are excluded.
   */
  async retireLost({ gateway, incarnation }: Pick<GatewayRow, 'gateway' | 'incarnation'>): Promise<void> {
    const { pool, redis, keys, logName } = this.#options;
    const epoch = Math.floor(incarnation / INCARNATIONS_PER_EPOCH);
    const known = await this.#open(() => readOpenLogWriters(pool, { logName, epoch, gateway }));
    if (known.length === 0) return;
    const { leases, prepared } = await readRegistry(redis, keys.leases);
    const held = new Set([...leases, ...prepared].map(({ token }) => token));
    await this.#retire(known.filter(({ token }) => !held.has(token)));
  }

  /** Makes the log refuse every identity prepared before that epoch, but none prepared by a later attempt. */
  async retireBefore(epoch: number): Promise<void> {
    const { pool, logName } = this.#options;
    await this.#retire(await this.#open(() => readOpenLogWriters(pool, { logName, epoch: epoch - 1 })));
  }

  async #open(read: () => Promise<readonly PreparedNumber[]>): Promise<readonly PreparedNumber[]> {
    return this.#options.fencing.usesTokens ? await read() : [];
  }

  async #retire(named: readonly PreparedNumber[]): Promise<void> {
    const { pool, fencing, logName, partitions, log } = this.#options;
    // A lease granted by a version without tokens has none.
    const writers = named.filter(({ token }) => token !== '');
    if (!fencing.usesTokens || writers.length === 0) return;
    for (const { gateway, token } of writers) {
      await fencing.retire(partitionOf(gateway, partitions), token, retirement(gateway));
    }
    await markLogWritersRetired(
      pool,
      logName,
      writers.map(({ token }) => token),
    );
    log.info({ count: writers.length }, 'writer identities of the log retired');
  }
}

/** A fence without an incarnation; intake ignores it. */
function retirement(gateway: number): Buffer {
  return encodeHead({ kind: 'fence', gateway, incarnation: 0, sliceNumber: 0, throughUs: 0, rankedUs: 0 });
}
