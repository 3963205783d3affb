/**
 * Who has an entry, as far as this gateway has told them so: a hint by which a repeated request is looked up in Redis in place
 * of being stamped and logged once more. Nothing rests on it. Who is forgotten is logged again, which changes nothing, as
 * the earliest stamp stays; who is taken for another one is looked up, not found, and goes the way of all.
 *
 * It is on the way of every entry, and so a table of 32 bits a place: where a user's place is and what stands there are two
 * hashes of the campaign and the user, which nobody outside can choose, as they begin with chance. Later ones overwrite.
 */
export class Entrants {
  readonly #prints: Uint32Array;
  readonly #seed: number;

  /** `places`: how many are remembered at the most. */
  constructor(places: number, random: () => number = Math.random) {
    this.#prints = new Uint32Array(places);
    this.#seed = Math.floor(random() * 2 ** 32);
  }

  note(campaignId: number, userId: string): void {
    const place = this.#hash(campaignId, userId, 0x9e37_79b1) % this.#prints.length;
    this.#prints[place] = this.#print(campaignId, userId);
  }

  /** Whether they were noted, probably. */
  has(campaignId: number, userId: string): boolean {
    const place = this.#hash(campaignId, userId, 0x9e37_79b1) % this.#prints.length;
    const print = this.#prints[place];
    return print !== 0 && print === this.#print(campaignId, userId);
  }

  /** Never 0, which is an empty place. */
  #print(campaignId: number, userId: string): number {
    return this.#hash(campaignId, userId, 0x85eb_ca77) || 1;
  }

  /** FNV-1a over the characters, with the last steps of MurmurHash3, so that all of them move all bits. */
  #hash(campaignId: number, userId: string, salt: number): number {
    let hash = Math.imul(this.#seed ^ salt, 0x0100_0193) ^ campaignId;
    for (let index = 0; index < userId.length; index++) {
      hash = Math.imul(hash ^ userId.charCodeAt(index), 0x0100_0193);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}
