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
  const all = new Uint32Array(count).map((_, index) => index);
  const repeated = sharing(pieces, count, sharing(pieces, count, all));
  found[0] = repeated.length;
  found.set(repeated, 1);
}

/** Those of `indexes` that share their bit with another of them. */
function sharing(pieces: readonly Uint32Array[], count: number, indexes: Uint32Array): Uint32Array {
  const log2 = Math.min(MOST_LOG2_BITS, Math.ceil(Math.log2(BITS_A_HASH * (count + 1))));
  const factors = randomFactors();
  const marked = new Uint32Array(2 ** log2 / 32);
  const shared = new Uint32Array(marked.length);
  const places = indexes.map(index => {
    const place = placeOf(factors, pieces, index) >>> (32 - log2);
    const bit = 1 << (place & 31);
    const before = marked[place >>> 5] ?? 0;
    if ((before & bit) === 0) marked[place >>> 5] = before | bit;
    else shared[place >>> 5] = (shared[place >>> 5] ?? 0) | bit;
    return place;
  });
  return indexes.filter((_, at) => {
    const place = places[at] ?? 0;
    return ((shared[place >>> 5] ?? 0) & (1 << (place & 31))) !== 0;
  });
}

function placeOf(factors: Uint32Array, pieces: readonly Uint32Array[], index: number): number {
  const piece = pieces[Math.floor(index / PIECE_HASHES)];
  const from = (index % PIECE_HASHES) * HASH_WORDS;
  let sum = 0;
  for (let word = 0; word < HASH_WORDS; word++) {
    sum = (sum + Math.imul(factors[word] ?? 0, piece?.[from + word] ?? 0)) | 0;
  }
  return sum;
}

function randomFactors(): Uint32Array {
  return Uint32Array.from({ length: HASH_WORDS }, () => (Math.random() * 0x1_0000_0000) | 1);
}
