/**
 * Numbers from 0 (inclusive) to 1 (exclusive) that follow from a seed: mulberry32 (T. Ettinger), 32 bits of state. They
 * time requests; never use them for anything that must be hard to guess.
 */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
