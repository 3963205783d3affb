/**
 * Whole numbers as decimal digits in bytes. Stamps exceed V8's small integers, so wherever one is written as a string it would
 * become a string object of its own, formatted as a floating-point number.
 */

const ZERO = 48;
/** This many digits fit into 31 bits, which divide fastest. */
const GROUP = 1e8;
const GROUP_DIGITS = 8;

/** The number of digits of `value`, a whole number from 0 to 2^53 - 1. */
export function digitCount(value: number): number {
  let count = 1;
  for (let limit = 10; value >= limit; limit *= 10) count += 1;
  return count;
}

/** Writes `value`, a whole number from 0 to 2^53 - 1, so that its last digit is just before `end`. Returns where it begins. */
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
