/**
 * How node is started for a gateway. The young generation is 8 MB in place of 16: what a request makes is dead within a
 * slice, and 32 MB that are filled in turns only push the rest out of the processor's cache and, where people watch, stay.
 *
 * Measured, CPU an entry with 4,000 connections, whose entries outlive smaller ones: 20 us with 4, 17.7 with 8 and with 16;
 * with 400 all are the same. 10,000 watchers of a gateway without a burst behind it: 1.4 KB of RSS each with 8, 0.5 to 2.6
 * with 4, 5.3 with 16.
 *
 * The loop collects the young generation by itself: helpers on other threads may have no core, and then it waits for them.
 * A room with 100,000 people and 10,000 streams (bench room), the loop on a core of its own: held for 19 to 24 ms with
 * helpers, for 13 to 15 without, of which it computed 8 to 12. CPU an entry in a burst is no greater.
 */
export const GATEWAY_FLAGS: readonly string[] = ['--max-semi-space-size=8', '--no-parallel-scavenge'];
