/**
 * Remembers users whom this gateway has told of their entry, so that a repeated request is looked up in Redis instead of
 * being stamped and logged again. It is only a hint. A forgotten user is logged again, which changes nothing, because the
 * earliest stamp stays; a user mistaken for another is looked up, not found, and takes the path of a first entry.
 *
 * Every entry passes here, so it is a table of 32-bit slots. The slot of a user and the value in it are two hashes of
 * campaign and user, with a random seed, so that nobody outside can choose them. Later users overwrite earlier ones.
 */

/** FNV's prime, and another odd number: a character must not change both hashes alike. */
const PRIME = 0x0100_0193;
const OTHER_PRIME = 0x9e37_79b1;

export class Entrants {
  readonly #prints: Int32Array;
  readonly #seed: number;
  /** The slot of the user hashed last. */
  #slot = 0;
  /** Their value; never 0, which marks an empty slot. */
  #print = 1;

  /** `capacity`: the number of slots, and so the most users that are remembered. */
  constructor(capacity: number, random: () => number = Math.random) {
    this.#prints = new Int32Array(capacity);
    this.#seed = Math.floor(random() * 2 ** 32);
  }

  note(campaignId: number, userId: string): void {
    this.#hash(campaignId, userId);
    this.#prints[this.#slot] = this.#print;
  }

  /** Whether the user was noted; other users may have changed the answer either way. */
  has(campaignId: number, userId: string): boolean {
    this.#hash(campaignId, userId);
    return this.#prints[this.#slot] === this.#print;
  }

  /** Both hashes in one pass: FNV-1a from two seeds, finished like MurmurHash3, so that every input bit affects all bits. */
  #hash(campaignId: number, userId: string): void {
    let slot = Math.imul(this.#seed ^ campaignId, PRIME);
    let print = Math.imul(slot ^ 0x9e37_79b1, PRIME);
    for (let index = 0; index < userId.length; index++) {
      const code = userId.charCodeAt(index);
      slot = Math.imul(slot ^ code, PRIME);
      print = Math.imul(print ^ code, OTHER_PRIME);
    }
    this.#slot = (mixed(slot) >>> 0) % this.#prints.length;
    this.#print = mixed(print) || 1;
  }
}

function mixed(hash: number): number {
  const first = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2_ae35);
  return second ^ (second >>> 16);
}
