/**
 * Node's options for a gateway. The young generation is 8 MB instead of 16: a request's objects are garbage after one slice,
 * and filling 32 MB in turns only evicts other data from the processor's cache and, on gateways with watchers, stays allocated.
 *
 * Measured, CPU per entry with 4,000 connections, whose entries outlive smaller generations: 20 us with 4, 17.7 with 8 and with
 * 16; with 400 all are the same. 10,000 watchers of a gateway without a burst before: 1.4 KB of RSS each with 8, 0.5 to 2.6
 * with 4, 5.3 with 16.
 *
 * The event loop's thread collects the young generation alone: helper threads may have no core, and then it waits for them. A
 * room with 100,000 people and 10,000 streams (bench room), the loop on a core of its own: blocked for 19 to 24 ms with
 * helpers, for 13 to 15 without, of which it computed 8 to 12. CPU per entry in a burst is no greater.
 */
export const GATEWAY_FLAGS: readonly string[] = ['--max-semi-space-size=8', '--no-parallel-scavenge'];
