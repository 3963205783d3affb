/** The middle value, or the mean of the two in the middle. Throws when there is none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const above = sorted[Math.floor(sorted.length / 2)];
  const below = sorted[Math.floor((sorted.length - 1) / 2)];
  if (above === undefined || below === undefined) throw new RangeError('there is no median of nothing');
  return (above + below) / 2;
}

/** A median with the least and the greatest value. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), greatest: Math.max(...values) };
}

/**
 * Divides one side by the other, round by round, because both sides of a round had the same machine: drift from one round
 * to the next (a neighbour, a throttled clock) is in both and cancels out.
 */
export function ratioOf(over: readonly number[], under: readonly number[]): Spread {
  if (over.length !== under.length)
    throw new RangeError(`${over.length} rounds cannot be divided by ${under.length}`);
  return spreadOf(over.map((value, round) => value / (under[round] ?? Number.NaN)));
}

/** To three significant digits, for JSON: more would only be noise. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** Applies `rounded` to all numbers in a plain value; whole numbers stay as they are. */
export function roundedAll<T>(value: T): T {
  return JSON.parse(
    JSON.stringify(value, (_key, member) =>
      typeof member === 'number' && !Number.isInteger(member) ? rounded(member) : member,
    ),
  );
}
