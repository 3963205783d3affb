/**
 * How node is started for a gateway. The young generation stays at 4 MB in place of 16: what a request makes is dead
 * within a slice, and 32 MB that are filled in turns only push the rest out of the processor's cache.
 *
 * Measured, a gateway without a burst behind it and 10,000 watchers: 5.3 KB of RSS each with 16, 3.7 KB with 4 (4.7 and
 * 2.2 KB after a collection), as most of it was the young generation growing; the CPU an entry is the same with 2, 4 and 16 (27 us), and more with 64.
 *
 * The loop collects the young generation by itself: helpers on other threads may have no core, and then it waits for them.
 * A room with 100,000 people and 10,000 streams (bench room), the loop on a core of its own: held for 19 to 24 ms with
 * helpers, for 13 to 15 without, of which it computed 8 to 12. CPU an entry in a burst is no greater.
 */
export const GATEWAY_FLAGS: readonly string[] = ['--max-semi-space-size=4', '--no-parallel-scavenge'];
