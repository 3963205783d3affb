/**
 * The draw, "fairline draw 2": a pure function of the frozen pool, the rules and the seed, so anyone who has the three can
 * repeat it. vectors/VECTORS.md specifies every step for an implementation in another language.
 *
 * - An entrant with n tickets (a whole number from 1 to 1000) has n keys: that of ticket j, from 0, is HMAC-SHA-256(seed, leaf
 *   hash || j u32 big-endian) (RFC 2104, FIPS 180-4). Its key is the least of them, bytewise.
 * - Entrants are ordered by key, and those with equal keys by stamp.
 * - In that order, the draw skips excluded entrants and, if there is a group limit, entrants of a group that has already
 *   reached it.
 * - The first of the rest win, in the order of tiers; the next are the alternates. A winner who passes on a prize is replaced
 *   by the first remaining alternate, so nothing is ever drawn twice; because the group limit counts winners and alternates
 *   together, it still holds after that.
 *
 * To a party who doesn't know the seed the keys are indistinguishable from independent uniform ones. So the order of the
 * tickets is uniform among all there are, and going through it is drawing tickets one by one, without replacement, of which the
 * first of an entrant counts: successive sampling (Yates and Grundy, "Selection Without Replacement from Within Strata with
 * Probability Proportional to Size", 1953). That the least of n uniform keys orders entrants in just this way is the algorithm
 * of Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006), for whole weights, without its logarithms,
 * hence exact. With one ticket each it is the bottom-k sample of Cohen and Kaplan, "Summarizing Data using Bottom-k Sketches"
 * (2007). Tests enumerate small pools completely.
 */
import { HASH_WORDS } from '../contract/hashing/merkle.ts';
import { LANES, Sha256Lanes, type Start, spreads } from '../contract/hashing/sha256-lanes.ts';
import { BATCH, type Entrant } from './pool.ts';
import { SEED_BYTES } from './seed.ts';
import { type Drawn, Selection, type SelectionRules } from './selection.ts';

export const MOST_TICKETS = 1_000;
const KEY_BYTES = 32;
const BLOCK_BYTES = 64;
/** The offset of the ticket's number in its message, behind the hash of the leaf. */
const TICKET_AT = 32;
const TICKET_BYTES = 36;
/** Room for a batch of messages of one block, and for the excess of a group of four. */
const ROOM_BYTES = (BATCH + LANES) * BLOCK_BYTES;

/** A draw in progress: add every entrant of the pool, then read the result. */
export class Draw<E extends Entrant> {
  readonly #selection: Selection<E>;
  readonly #lanes = new Sha256Lanes(3 * ROOM_BYTES);
  readonly #words = new Int32Array(this.#lanes.memory.buffer);
  readonly #afterInnerKey: Start;
  readonly #afterOuterKey: Start;
  /** HMAC's inner messages, its outer messages, and the keys. */
  readonly #tickets = this.#lanes.reserve(ROOM_BYTES);
  readonly #outer = this.#lanes.reserve(ROOM_BYTES);
  readonly #keys = this.#lanes.reserve(ROOM_BYTES);
  readonly #entrantOf = new Int32Array(BATCH);

  /** Throws RangeError for a seed that does not have SEED_BYTES. */
  constructor(rules: SelectionRules, seed: Uint8Array) {
    if (seed.length !== SEED_BYTES) {
      throw new RangeError(`the seed has ${seed.length} bytes, not ${SEED_BYTES}`);
    }
    this.#selection = new Selection(rules);
    const { inner, outer } = this.#lanes.startsOfHmac(seed);
    this.#afterInnerKey = inner;
    this.#afterOuterKey = outer;
    for (let slot = 0; slot < BATCH; slot++) {
      pad(this.#lanes.memory, this.#tickets + slot * BLOCK_BYTES, TICKET_BYTES);
      pad(this.#lanes.memory, this.#outer + slot * BLOCK_BYTES, KEY_BYTES);
    }
  }

  /** Adds entrants; `leaves` holds the hash of each one's leaf, HASH_WORDS words each, as the pool returned them. */
  add(entrants: readonly E[], leaves: Int32Array): void {
    if (leaves.length !== entrants.length * HASH_WORDS) {
      throw new RangeError(`${entrants.length} entrants but ${leaves.length} words of hashes`);
    }
    const { memory } = this.#lanes;
    let filled = 0;
    for (const [index, { tickets, excluded }] of entrants.entries()) {
      if (excluded !== null) continue;
      for (let ticket = 0; ticket < tickets; ticket++) {
        const slot = this.#tickets + filled * BLOCK_BYTES;
        const from = index * HASH_WORDS;
        for (let word = 0; word < HASH_WORDS; word++)
          this.#words[(slot >> 2) + word] = leaves[from + word] ?? 0;
        // Below 2^16: the two bytes before stay 0.
        memory[slot + TICKET_AT + 2] = ticket >>> 8;
        memory[slot + TICKET_AT + 3] = ticket;
        this.#entrantOf[filled] = index;
        filled += 1;
        if (filled === BATCH) {
          this.#offer(entrants, filled);
          filled = 0;
        }
      }
    }
    this.#offer(entrants, filled);
  }

  /** The drawn entrants, in order: the winners, then the alternates. */
  drawn(): readonly Drawn<E>[] {
    return this.#selection.drawn();
  }

  /** Hashes the first `count` tickets, and offers the keys that may be drawn. */
  #offer(entrants: readonly E[], count: number): void {
    const lanes = this.#lanes;
    const messages = (at: number) => ({ at, stride: BLOCK_BYTES, blocks: 1, count });
    lanes.hash(this.#afterInnerKey, messages(this.#tickets), this.#outer, spreads.blocks);
    lanes.hash(this.#afterOuterKey, messages(this.#outer), this.#keys, spreads.blocks);
    for (let ticket = 0; ticket < count; ticket++) {
      const at = this.#keys + ticket * BLOCK_BYTES;
      if (lanes.memory.readUInt32BE(at) > this.#selection.greatestWord) continue;
      const entrant = entrants[this.#entrantOf[ticket] ?? 0];
      if (entrant === undefined) continue;
      this.#selection.offer(entrant, lanes.memory.toString('latin1', at, at + KEY_BYTES));
    }
  }
}

/** The padding (FIPS 180-4, section 5.1.1) of a message of this length that follows the block of a key. */
function pad(memory: Buffer, at: number, length: number): void {
  memory[at + length] = 0x80;
  memory.writeUInt32BE((BLOCK_BYTES + length) * 8, at + BLOCK_BYTES - 4);
}
