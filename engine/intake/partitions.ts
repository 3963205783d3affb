/**
 * Shares the partitions of the log among engines: each holds locks on its fair share, ceil(partitions / engines at work). An
 * engine that dies loses its locks with its connection, and the others take its partitions at their next poll. Two engines that both believe in a partition for a moment do no harm:
 * the position in the ledger moves by compare-and-set.
 */
import { randomUUID } from 'node:crypto';
import type { Pool } from '../../sql/database.ts';
import { heartbeat, signOff } from '../../sql/statements/progress/engines.ts';
import type { PartitionOwnership } from '../contract/log/owning.ts';
import type { Locks } from '../locks.ts';

/**
 * An engine not heard of for this long has no share; polls come once a second. Longer, and the partitions of one that was
 * killed wait that long for a reader; shorter, and one that stalls finds others asking for what it holds, in vain.
 */
const FORGET_MS = 2_500;

export class LockedPartitions implements PartitionOwnership {
  readonly #pool: Pool;
  readonly #locks: Locks;
  readonly #partitions: number;
  readonly #engineId = randomUUID();
  #owned: number[] = [];

  /** `locks` stays its owner's to close. */
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
