/** How careful intake is about rows that are there already: see Care. */
import { CARE, type Care, isClash } from '../../sql/statements/entries/entries.ts';

/**
 * After a clash with a row that was there, this many batches are inserted with care before hope is tried again: so
 * that of a flow with repeated requests few batches are inserted twice, and one of newcomers soon goes fast again.
 */
const CAREFUL_BATCHES = 50;

/** How careful inserts have to be, as far as the last ones tell. */
export class Caution {
  #level = 0;
  #batchesLeft = 0;

  /** Calls `insert` with as much care as seems needed, and with more when it clashes. */
  async insert<T>(insert: (care: Care) => Promise<T>): Promise<T> {
    if (this.#batchesLeft > 0) this.#batchesLeft -= 1;
    else this.#level = 0;
    for (let level = this.#level; ; level += 1) {
      const care = CARE[level] ?? 'all';
      try {
        return await insert(care);
      } catch (error) {
        if (care === 'all' || !isClash(error)) throw error;
        this.#level = Math.max(this.#level, level + 1);
        this.#batchesLeft = CAREFUL_BATCHES;
      }
    }
  }
}
