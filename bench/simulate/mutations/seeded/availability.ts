/** Bugs in the clock that stands still during outages. */
import type { Mutation } from '../mutation.ts';

export const AVAILABILITY_MUTATIONS: readonly Mutation[] = [
  {
    name: 'deadlines, and the grace of rooms, run on during an outage',
    file: 'engine/settling/availability-clock.ts',
    from: 'if (isJump) return { availableMs, throughMs: Math.max(watermarkMs, nowMs), watermarkMs };',
    to: '',
    seed: 182,
  },
  {
    name: 'time without an engine counts as available',
    file: 'engine/settling/availability-clock.ts',
    from: ' || nowMs - throughMs > LONGEST_BEHIND_MS',
    to: '',
    seed: 1_166,
  },
  {
    name: 'the tail of an outage counts as available time',
    file: 'engine/settling/availability-clock.ts',
    from: 'throughMs: Math.max(watermarkMs, nowMs), watermarkMs };',
    to: 'throughMs: watermarkMs, watermarkMs };',
    seed: 2_573,
  },
  {
    name: 'a gateway that has logged nothing makes the service available',
    file: 'engine/settling/availability-clock.ts',
    from: ' && live.has(incarnation)',
    to: '',
    plan: 'gateways come back while the log is gone',
  },
  {
    name: 'an engine that lost the race for a new row counts from the year 1970',
    file: 'engine/settling/availability-clock.ts',
    from: 'isKnown ? moved : await readAvailability(this.#pool)',
    to: 'isKnown ? moved : availability',
    seed: 328,
  },
  {
    name: 'an offer that was made after an outage is shown without the time that it added',
    file: 'gateway/stream/deadlines.ts',
    from: 'Math.max(claims?.outageUs ?? 0, outageUs)',
    to: '(claims?.outageUs ?? 0)',
    seed: 101_007_901,
  },
  {
    name: 'a long cycle counts as an outage',
    file: 'engine/settling/availability-clock.ts',
    from: 'sinceShownMs() > LONGEST_UNSHOWN_MS',
    to: 'sinceShownMs() > 1_000',
    seed: 219,
  },
  {
    name: 'an offer begins with the cycle that makes it',
    file: 'engine/settling/settlement-cycle.ts',
    from: 'this.#registry?.readAtUs ?? 0, lookedUs)',
    to: 'this.#registry?.readAtUs ?? 0)',
    seed: 219,
  },
];
