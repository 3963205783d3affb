/** Chooses the conflict policy of inserts: whether recent inserts met existing rows decides. */
import { CONFLICT_POLICIES, type ConflictPolicy, isClash } from '../../sql/statements/entries/entries.ts';

/**
 * After a clash with an existing row, this many batches are inserted under the stricter policy before the optimistic one is
 * tried again. With repeated requests few batches are inserted twice, and with new users inserts are soon fast again.
 */
const STRICT_BATCHES = 50;

/** The conflict policy that inserts need, judged by the most recent ones. */
export class AdaptiveConflictPolicy {
  #level = 0;
  #batchesLeft = 0;

  /** Calls `insert` under the policy that is likely to be needed, and under a stricter one if it clashes. */
  async insert<T>(insert: (policy: ConflictPolicy) => Promise<T>): Promise<T> {
    if (this.#batchesLeft > 0) this.#batchesLeft -= 1;
    else this.#level = 0;
    for (let level = this.#level; ; level += 1) {
      const policy = CONFLICT_POLICIES[level] ?? 'all';
      try {
        return await insert(policy);
      } catch (error) {
        if (policy === 'all' || !isClash(error)) throw error;
        this.#level = Math.max(this.#level, level + 1);
        this.#batchesLeft = STRICT_BATCHES;
      }
    }
  }
}
