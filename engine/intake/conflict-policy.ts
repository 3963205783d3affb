/** Chooses the conflict policy of inserts by whether the last ones met rows that were there. */
import { CONFLICT_POLICIES, type ConflictPolicy, isClash } from '../../sql/statements/entries/entries.ts';

/**
 * After a clash with a row that was there, this many batches are inserted under the stricter policy before the optimistic
 * one is tried again. A flow with repeated requests inserts few batches twice, and one of newcomers is soon fast again.
 */
const STRICT_BATCHES = 50;

/** The conflict policy that inserts need, as far as the last ones tell. */
export class AdaptiveConflictPolicy {
  #level = 0;
  #batchesLeft = 0;

  /** Calls `insert` under the policy that seems to be needed, and under a stricter one when it clashes. */
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
