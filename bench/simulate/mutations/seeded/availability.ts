/** Bugs in the clock that stands still during outages. */
import type { Mutation } from '../mutation.ts';

export const AVAILABILITY_MUTATIONS: readonly Mutation[] = [
  {
    name: 'deadlines, and the grace of rooms, run on while nobody can be heard',
    file: 'engine/settling/availability-clock.ts',
    from: 'if (isJump) return { availableMs, throughMs: Math.max(watermarkMs, nowMs), watermarkMs };',
    to: '',
    seed: 161,
  },
  {
    name: 'what is logged while no engine is there counts as heard',
    file: 'engine/settling/availability-clock.ts',
    from: ' || nowMs - throughMs > LONGEST_BEHIND_MS',
    to: '',
    seed: 812,
  },
  {
    name: 'the tail of an outage counts as heard',
    file: 'engine/settling/availability-clock.ts',
    from: 'throughMs: Math.max(watermarkMs, nowMs), watermarkMs };',
    to: 'throughMs: watermarkMs, watermarkMs };',
    seed: 1_908,
  },
  {
    name: 'a gateway that the log has told nothing of can hear',
    file: 'engine/settling/availability-clock.ts',
    from: ' && live.has(incarnation)',
    to: '',
    seed: 2156,
  },
  {
    name: 'nobody is heard while a cycle takes long',
    file: 'engine/settling/availability-clock.ts',
    from: 'sinceShownMs() > LONGEST_UNSHOWN_MS',
    to: 'sinceShownMs() > 1_000',
    seed: 219,
  },
  {
    name: 'an offer begins with the cycle in which it is made',
    file: 'engine/settling/settlement-cycle.ts',
    from: 'this.#registry?.readAtUs ?? 0, lookedUs)',
    to: 'this.#registry?.readAtUs ?? 0)',
    seed: 219,
  },
];
