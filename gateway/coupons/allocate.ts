/** Shares of a whole, in whole numbers. */

/**
 * Divides `whole` over `weights` in proportion, by the method of the largest remainder (Hamilton): each gets its share
 * rounded down, and what is left goes one by one to those with the largest remainder, to the first of equals. The shares
 * sum to `whole`, and none is larger than its weight when `whole` is no larger than the sum of the weights.
 *
 * All are whole numbers from 0 to 2^53 - 1, as is the sum of the weights, which is not 0 unless `whole` is.
 */
export function allocate(whole: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (whole === 0) return weights.map(() => 0);
  if (!Number.isSafeInteger(sum) || sum <= 0) throw new RangeError(`cannot allocate over a sum of ${sum}`);
  // The products are beyond 2^53.
  const products = weights.map(weight => BigInt(whole) * BigInt(weight));
  const shares = products.map(product => Number(product / BigInt(sum)));
  let left = whole - shares.reduce((total, share) => total + share, 0);
  if (left === 0) return shares;
  const remainders = products.map((product, index) => ({ remainder: product % BigInt(sum), index }));
  remainders.sort((a, b) =>
    a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1,
  );
  for (const { index } of remainders) {
    if (left === 0) break;
    shares[index] = (shares[index] ?? 0) + 1;
    left -= 1;
  }
  return shares;
}
