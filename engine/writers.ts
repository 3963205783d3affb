/**
 * Who may write to the log. A gateway is given its number by Redis alone, but the log must know its writer by something
 * that the engine can end: so the keeper prepares free numbers ahead, each with an identity at the log (log/log.ts).
 *
 * An identity stands in the ledger before Redis has it, under the epoch that was begun last. So whoever ends a number, or
 * begins an epoch, finds every identity that somebody may write with, has the log refuse it, and goes on when the log has
 * answered. A keeper that was held up writes none down for an epoch that is over, and retires none that was prepared since for
 * somebody else: that would end a healthy gateway.
 */
import type { Logger } from 'pino';
import type { Pool } from '../sql/database.ts';
import type { GatewayRow } from '../sql/gateways.ts';
import { insertLogWriters, markLogWritersRetired, readOpenLogWriters } from '../sql/log-writers.ts';
import { INCARNATIONS_PER_EPOCH } from '../sql/watermarks.ts';
import type { Keys } from './contract/keys.ts';
import { type PreparedNumber, putUpNumbers, type Registry, readRegistry } from './contract/lease/lease.ts';
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

  /** Has the log refuse what the holder of a lease writes with, and nothing that the number was prepared for since. */
  async retireLease(lease: PreparedNumber): Promise<void> {
    await this.#retire([lease]);
  }

  /**
   * Has the log refuse what an incarnation writes with that lives in the ledger and holds no lease: whatever its number was
   * prepared for up to its epoch, but for what somebody holds, or is free to take. The registry is read behind the ledger, so
   * what was taken from it meanwhile is not among them.
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

  /** Has the log refuse whatever was prepared before that epoch, and nothing that a later attempt has prepared. */
  async retireBefore(epoch: number): Promise<void> {
    const { pool, logName } = this.#options;
    await this.#retire(await this.#open(() => readOpenLogWriters(pool, { logName, epoch: epoch - 1 })));
  }

  async #open(read: () => Promise<readonly PreparedNumber[]>): Promise<readonly PreparedNumber[]> {
    return this.#options.fencing.usesTokens ? await read() : [];
  }

  async #retire(named: readonly PreparedNumber[]): Promise<void> {
    const { pool, fencing, logName, partitions, log } = this.#options;
    // A lease that was given by a version without tokens names none.
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

/** A fence of no incarnation; intake passes over it. */
function retirement(gateway: number): Buffer {
  return encodeHead({ kind: 'fence', gateway, incarnation: 0, sliceNumber: 0, throughUs: 0, rankedUs: 0 });
}
