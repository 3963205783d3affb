/**
 * Who has an entry, as far as this gateway has told them so: a hint by which a repeated request is looked up in Redis in place
 * of being stamped and logged once more. Nothing rests on it. Who is forgotten is logged again, which changes nothing, as
 * the earliest stamp stays; who is taken for another one is looked up, not found, and goes the way of all.
 *
 * It is on the way of every entry, and so a table of 32 bits a place: where a user's place is and what stands there are two
 * hashes of the campaign and the user, which nobody outside can choose, as they begin with chance. Later ones overwrite.
 */

/** FNV's, and another odd one: characters must not move both hashes alike. */
const PRIME = 0x0100_0193;
const OTHER_PRIME = 0x9e37_79b1;

export class Entrants {
  readonly #prints: Int32Array;
  readonly #seed: number;
  /** Of who was hashed last. */
  #place = 0;
  /** Never 0, which is an empty place. */
  #print = 1;

  /** `places`: how many are remembered at the most. */
  constructor(places: number, random: () => number = Math.random) {
    this.#prints = new Int32Array(places);
    this.#seed = Math.floor(random() * 2 ** 32);
  }

  note(campaignId: number, userId: string): void {
    this.#hash(campaignId, userId);
    this.#prints[this.#place] = this.#print;
  }

  /** Whether they were noted, probably. */
  has(campaignId: number, userId: string): boolean {
    this.#hash(campaignId, userId);
    return this.#prints[this.#place] === this.#print;
  }

  /** Both hashes in one pass: FNV-1a from two beginnings, each with the last steps of MurmurHash3, so that all of it moves all bits. */
  #hash(campaignId: number, userId: string): void {
    let place = Math.imul(this.#seed ^ campaignId, PRIME);
    let print = Math.imul(place ^ 0x9e37_79b1, PRIME);
    for (let index = 0; index < userId.length; index++) {
      const code = userId.charCodeAt(index);
      place = Math.imul(place ^ code, PRIME);
      print = Math.imul(print ^ code, OTHER_PRIME);
    }
    this.#place = (mixed(place) >>> 0) % this.#prints.length;
    this.#print = mixed(print) || 1;
  }
}

function mixed(hash: number): number {
  const first = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2_ae35);
  return second ^ (second >>> 16);
}
