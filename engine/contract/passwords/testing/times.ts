/** Compares how long requests take. Only ratios within one run mean anything: tests run on machines that have other work. */
import assert from 'node:assert/strict';

const ROUNDS = 9;
/** A password that is not hashed where others are makes a login some seven times as fast. */
const MOST_RATIO = 2.5;

/**
 * Fails if the median time of one kind is more than 2.5 times that of another. The kinds take turns, so whatever else the machine does
 * meets all of them; `round` counts from 0.
 */
export async function assertAlike(
  kinds: Readonly<Record<string, (round: number) => Promise<unknown>>>,
  rounds = ROUNDS,
): Promise<void> {
  const times = Object.entries(kinds).map(([kind, ask]) => ({ kind, ask, tookMs: [] as number[] }));
  // One round before them compiles code and opens connections.
  for (let round = 0; round <= rounds; round++) {
    for (const { ask, tookMs } of round % 2 === 0 ? times : times.toReversed()) {
      const beganMs = performance.now();
      await ask(round);
      if (round > 0) tookMs.push(performance.now() - beganMs);
    }
  }
  const medians = times.map(({ kind, tookMs }) => ({ kind, ms: median(tookMs) }));
  const all = medians.map(({ ms }) => ms);
  assert.ok(
    Math.max(...all) < MOST_RATIO * Math.min(...all),
    medians.map(({ kind, ms }) => `${kind}: ${ms.toFixed(1)} ms`).join(', '),
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
