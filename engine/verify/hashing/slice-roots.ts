/** The roots over the items of slices; each item is an entry of the book or one of the slice's other leaves. */
import { FREE_AT } from './lanes.ts';
import { copyHash, HASH_WORDS, type TreeHasher } from './merkle.ts';

/** In the table of slots: 0 is empty, an entry is its index + 1, another leaf its index + 1 with this bit. */
export const IS_OTHER = 0x8000_0000;
export const NOWHERE = -1;

/** Consecutive slices. */
export interface RootsJob {
  readonly kind: 'roots';
  /** Where in `slots` the items of each slice begin; NOWHERE if its root is not computed. */
  readonly starts: Float64Array;
  readonly counts: Uint32Array;
  readonly slots: Uint32Array;
  /** Pieces of the list of the entries' leaf hashes, and of the list of the others'. */
  readonly leaves: readonly Uint32Array[];
  readonly others: readonly Uint32Array[];
  /** Receives the roots, HASH_WORDS words each. */
  readonly roots: Uint32Array;
}

export function rootsOfSlices(job: RootsJob, trees: TreeHasher): void {
  const { starts, counts, slots, leaves, others, roots } = job;
  const { words } = trees;
  for (let slice = 0; slice < starts.length; slice++) {
    const start = starts[slice] ?? NOWHERE;
    if (start === NOWHERE) continue;
    const root = trees.root(counts[slice] ?? 0, (from, size) => {
      for (let leaf = 0; leaf < size; leaf++) {
        const slot = slots[start + from + leaf] ?? 0;
        const to = FREE_AT / 4 + leaf * HASH_WORDS;
        if (slot >= IS_OTHER) copyHash(others, slot - IS_OTHER - 1, words, to);
        else copyHash(leaves, slot - 1, words, to);
      }
    });
    roots.set(new Uint32Array(root.buffer), slice * HASH_WORDS);
  }
}
