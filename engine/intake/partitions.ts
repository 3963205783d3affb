/**
 * Shares the partitions of the log among engines: each holds locks on its fair share, ceil(partitions / engines at work). An
 * engine that dies loses its locks with its connection, and the others take its partitions at their next poll. If two engines
 * hold the same partition for a moment, no harm is done: the position in the ledger moves by compare-and-set.
 */
import { randomUUID } from 'node:crypto';
import type { Pool } from '../../sql/database.ts';
import { heartbeat, signOff } from '../../sql/statements/progress/engines.ts';
import type { PartitionOwnership } from '../contract/log/owning.ts';
import type { Locks } from '../locks.ts';

/**
 * An engine not heard of for this long has no share; polls come once a second. Longer: the partitions of a killed engine wait
 * that long for a reader. Shorter: while an engine stalls, others try in vain to take what it still holds.
 */
const FORGET_MS = 2_500;

export class LockedPartitions implements PartitionOwnership {
  readonly #pool: Pool;
  readonly #locks: Locks;
  readonly #partitions: number;
  readonly #engineId = randomUUID();
  #owned: number[] = [];

  /** The owner of `locks` closes it. */
  constructor(pool: Pool, locks: Locks, partitions: number) {
    this.#pool = pool;
    this.#locks = locks;
    this.#partitions = partitions;
  }

  async poll(): Promise<readonly number[]> {
    const engines = await heartbeat(this.#pool, this.#engineId, FORGET_MS);
    const share = Math.ceil(this.#partitions / engines);
    const owned: number[] = [];
    for (const partition of this.#owned) {
      if (owned.length === share) await this.#locks.release({ name: 'partition', partition });
      else if (await this.#locks.take({ name: 'partition', partition })) owned.push(partition);
    }
    for (let partition = 0; partition < this.#partitions && owned.length < share; partition++) {
      if (owned.includes(partition)) continue;
      if (await this.#locks.take({ name: 'partition', partition })) owned.push(partition);
    }
    this.#owned = owned;
    return owned;
  }

  async giveBack(): Promise<void> {
    for (const partition of this.#owned) await this.#locks.release({ name: 'partition', partition });
    this.#owned = [];
    await signOff(this.#pool, this.#engineId);
  }
}
