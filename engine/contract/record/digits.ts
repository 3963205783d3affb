/**
 * Whole numbers as decimal digits in bytes. Stamps are beyond what V8 keeps as small integers, so each would become a
 * string of its own, by way of the formatting of floating point, wherever it is written.
 */

const ZERO = 48;
/** As many digits fit the 31 bits that are divided fastest. */
const GROUP = 1e8;
const GROUP_DIGITS = 8;

/** How many digits `value` has, a whole number from 0 to 2^53 - 1. */
export function digitCount(value: number): number {
  let count = 1;
  for (let limit = 10; value >= limit; limit *= 10) count += 1;
  return count;
}

/** Writes `value`, a whole number from 0 to 2^53 - 1, so that its last digit stands before `end`. Answers where it begins. */
export function writeDigits(target: Uint8Array, end: number, value: number): number {
  let at = end;
  let rest = value;
  while (rest >= GROUP) {
    const above = Math.floor(rest / GROUP);
    let group = rest - above * GROUP;
    for (let digit = 0; digit < GROUP_DIGITS; digit++) {
      const next = (group / 10) | 0;
      target[--at] = ZERO + group - 10 * next;
      group = next;
    }
    rest = above;
  }
  do {
    const next = (rest / 10) | 0;
    target[--at] = ZERO + rest - 10 * next;
    rest = next;
  } while (rest > 0);
  return at;
}
