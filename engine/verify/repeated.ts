/**
 * Finds hashes that stand in a list more than once, without sorting it: each marks a bit, at a place that its words and
 * a few random numbers give, and those that come to a bit that is marked are looked at again.
 *
 * The random numbers make the places those of a universal family (Carter and Wegman, "Universal Classes of Hash
 * Functions", 1979; this one is multilinear): who makes up a book cannot choose hashes that meet.
 */
import type { HashList } from './merkle.ts';

/** Of a million different hashes some 4,000 meet another one's bit. */
const BITS_A_HASH = 128;
const MOST_LOG2_BITS = 30;
const HASH_WORDS = 8;

/** The indexes of all that may stand in the list twice: each that does, and a few others. In no order. */
export function repeatedOnes(hashes: HashList): number[] {
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
  const marks = new Uint32Array(2 ** log2 / 32);
  const met = new Set<number>();
  hashes.forEach((words, from) => {
    const place = placeOf(words, from);
    const bit = 1 << (place & 31);
    const before = marks[place >>> 5] ?? 0;
    if ((before & bit) !== 0) met.add(place);
    else marks[place >>> 5] = before | bit;
  });
  const found: number[] = [];
  if (met.size > 0) {
    hashes.forEach((words, from, index) => {
      if (met.has(placeOf(words, from))) found.push(index);
    });
  }
  return found;
}

function randomWords() {
  const word = (): number => Math.floor(Math.random() * 0x1_0000_0000) | 1;
  return [word(), word(), word(), word(), word(), word(), word(), word()] as const;
}
