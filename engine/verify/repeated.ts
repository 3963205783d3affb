/**
 * Finds hashes that stand in a list more than once, without sorting it: each marks a bit, at a place that its words and
 * a few random numbers give, and those that come to a bit that is marked are looked at again.
 *
 * The random numbers make the places those of a universal family (Carter and Wegman, "Universal Classes of Hash
 * Functions", 1979; this one is multilinear): who makes up a book cannot choose hashes that meet.
 */
import { HASH_WORDS, PIECE_HASHES } from './merkle.ts';

/** A whole list of hashes. */
export interface RepeatedJob {
  readonly kind: 'repeated';
  /** The pieces of a list, with `count` hashes in all. */
  readonly pieces: readonly Uint32Array[];
  readonly count: number;
  /** Where the indexes of all that may stand in the list twice are written, behind how many they are. */
  readonly found: Uint32Array;
}

/**
 * Of a million different hashes some 60,000 go on to the second pass, and a few hundred through it. With bits for one pass
 * alone, 128 a hash, marking them took twice as long: they no longer lie in the core's cache.
 */
const BITS_A_HASH = 16;
const MOST_LOG2_BITS = 30;

/** Finds each that stands in the list twice, and a few others. In no order. */
export function findRepeated({ pieces, count, found }: RepeatedJob): void {
  const seen = new SharedBits(count);
  const places = seen.places(pieces, count);
  const some: number[] = [];
  for (let index = 0; index < count; index++) if (seen.isShared(places[index] ?? 0)) some.push(index);
  const again = new SharedBits(count);
  const placesOfSome = some.map(index => again.place(pieces[Math.floor(index / PIECE_HASHES)], index));
  for (const place of placesOfSome) again.mark(place);
  let repeated = 0;
  some.forEach((index, at) => {
    if (again.isShared(placesOfSome[at] ?? 0)) found[++repeated] = index;
  });
  found[0] = repeated;
}

/** A bit for each place, and another for those that were marked more than once. */
class SharedBits {
  readonly #marked: Uint32Array;
  readonly #shared: Uint32Array;
  readonly #shift: number;
  readonly #factors = Uint32Array.from({ length: HASH_WORDS }, () => Math.random() * 0x1_0000_0000).map(
    word => word | 1,
  );

  constructor(hashes: number) {
    const log2 = Math.min(MOST_LOG2_BITS, Math.ceil(Math.log2(BITS_A_HASH * (hashes + 1))));
    this.#shift = 32 - log2;
    this.#marked = new Uint32Array(2 ** log2 / 32);
    this.#shared = new Uint32Array(this.#marked.length);
  }

  /** Marks all hashes; answers the place of each. */
  places(pieces: readonly Uint32Array[], count: number): Uint32Array {
    const places = new Uint32Array(count);
    for (let index = 0; index < count; index++) {
      const place = this.place(pieces[Math.floor(index / PIECE_HASHES)], index);
      places[index] = place;
      this.mark(place);
    }
    return places;
  }

  place(piece: Uint32Array | undefined, index: number): number {
    const from = (index % PIECE_HASHES) * HASH_WORDS;
    let sum = 0;
    for (let word = 0; word < HASH_WORDS; word++) {
      sum = (sum + Math.imul(this.#factors[word] ?? 0, piece?.[from + word] ?? 0)) | 0;
    }
    return sum >>> this.#shift;
  }

  mark(place: number): void {
    const bit = 1 << (place & 31);
    const before = this.#marked[place >>> 5] ?? 0;
    if ((before & bit) === 0) this.#marked[place >>> 5] = before | bit;
    else this.#shared[place >>> 5] = (this.#shared[place >>> 5] ?? 0) | bit;
  }

  isShared(place: number): boolean {
    return ((this.#shared[place >>> 5] ?? 0) & (1 << (place & 31))) !== 0;
  }
}
