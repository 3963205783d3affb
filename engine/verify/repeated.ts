/**
 * Finds hashes that stand in a list more than once, without sorting it: each marks a bit, at a place that its words and
 * a few random numbers give, and those that come to a bit that is marked are looked at again.
 *
 * The random numbers make the places those of a universal family (Carter and Wegman, "Universal Classes of Hash
 * Functions", 1979; this one is multilinear): who makes up a book cannot choose hashes that meet.
 */
import type { HashList } from './merkle.ts';

/**
 * Of a million different hashes some 60,000 go on to the second pass, and a few hundred through it. With bits for one pass
 * alone, 128 a hash, marking them took twice as long: they no longer lie in the core's cache.
 */
const BITS_A_HASH = 16;
const MOST_LOG2_BITS = 30;
const HASH_WORDS = 8;

/** The indexes of all that may stand in the list twice: each that does, and a few others. In no order. */
export function repeatedOnes(hashes: HashList): number[] {
  return filtered(hashes, filtered(hashes));
}

/** Those of `indexes`, or of all, that share their bit with another. */
function filtered(hashes: HashList, indexes?: readonly number[]): number[] {
  const log2 = Math.min(MOST_LOG2_BITS, Math.ceil(Math.log2(BITS_A_HASH * (hashes.count + 1))));
  const shift = 32 - log2;
  const [a, b, c, d, e, f, g, h] = randomWords();
  const placeOf = (w: Uint32Array, at: number): number =>
    (Math.imul(a, w[at] ?? 0) +
      Math.imul(b, w[at + 1] ?? 0) +
      Math.imul(c, w[at + 2] ?? 0) +
      Math.imul(d, w[at + 3] ?? 0) +
      Math.imul(e, w[at + 4] ?? 0) +
      Math.imul(f, w[at + 5] ?? 0) +
      Math.imul(g, w[at + 6] ?? 0) +
      Math.imul(h, w[at + HASH_WORDS - 1] ?? 0)) >>>
    shift;
  const marked = new Uint32Array(2 ** log2 / 32);
  const shared = new Uint32Array(marked.length);
  hashes.forEach((words, from) => {
    const place = placeOf(words, from);
    const bit = 1 << (place & 31);
    const before = marked[place >>> 5] ?? 0;
    if ((before & bit) !== 0) shared[place >>> 5] = (shared[place >>> 5] ?? 0) | bit;
    else marked[place >>> 5] = before | bit;
  }, indexes);
  const found: number[] = [];
  hashes.forEach((words, from, index) => {
    const place = placeOf(words, from);
    if (((shared[place >>> 5] ?? 0) & (1 << (place & 31))) !== 0) found.push(index);
  }, indexes);
  return found;
}

function randomWords() {
  const word = (): number => Math.floor(Math.random() * 0x1_0000_0000) | 1;
  return [word(), word(), word(), word(), word(), word(), word(), word()] as const;
}
