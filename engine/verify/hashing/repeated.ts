/**
 * Finds hashes that occur more than once in a list, without sorting it: each hash sets a bit, at a position computed from its
 * words and a few random numbers, and hashes whose bit was set already are examined again.
 *
 * The random numbers make the positions those of a universal family (Carter and Wegman, "Universal Classes of Hash
 * Functions", 1979; this one is multilinear): a forger of a book cannot choose colliding hashes.
 */
import { HASH_WORDS, PIECE_HASHES } from './merkle.ts';

/** A whole list of hashes. */
export interface RepeatedJob {
  readonly kind: 'repeated';
  /** The pieces of a list, with `count` hashes in all. */
  readonly pieces: readonly Uint32Array[];
  readonly count: number;
  /** Receives, after their count, the indexes of all hashes that may occur twice in the list. */
  readonly found: Uint32Array;
}

/**
 * Of a million different hashes, some 60,000 enter the second pass, and a few hundred pass it. With bits for a single pass,
 * 128 per hash, setting them took twice as long, because they no longer fit into the core's cache.
 */
const BITS_A_HASH = 16;
const MOST_LOG2_BITS = 30;

/** Finds every hash that occurs twice in the list, and a few others, in no order. */
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
  const slots = indexes.map(index => {
    const slot = slotOf(factors, pieces, index) >>> (32 - log2);
    const bit = 1 << (slot & 31);
    const before = marked[slot >>> 5] ?? 0;
    if ((before & bit) === 0) marked[slot >>> 5] = before | bit;
    else shared[slot >>> 5] = (shared[slot >>> 5] ?? 0) | bit;
    return slot;
  });
  return indexes.filter((_, at) => {
    const slot = slots[at] ?? 0;
    return ((shared[slot >>> 5] ?? 0) & (1 << (slot & 31))) !== 0;
  });
}

function slotOf(factors: Uint32Array, pieces: readonly Uint32Array[], index: number): number {
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
