/** Bugs in waiting rooms, and in presence there. */
import type { Mutation } from '../mutation.ts';

export const ROOM_MUTATIONS: readonly Mutation[] = [
  {
    name: 'each step of a room has its own budget',
    file: 'engine/settling/room-settling.ts',
    from: '...(moved.isWhole ? paceAfter(paceOf(room), room.perSecond, admitted.count, room.nowUs) : paceOf(room)),',
    to: 'nextUs: 0,\n    recent: [],',
    seed: 133,
  },
  {
    name: "admitted users do not count against a room's capacity",
    file: 'engine/settling/judges/room.ts',
    from: 'terms.capacity - inside',
    to: 'terms.capacity',
    seed: 53,
  },
  {
    name: 'a paused room admits users',
    file: 'engine/settling/judges/room.ts',
    from: 'if (terms.paused) return 0;',
    to: '',
    seed: 584,
  },
  {
    name: 'the terms of a room are set whatever its version',
    file: 'engine/campaigns/room-terms.ts',
    from: 'if (version !== undefined && now !== version + 1)',
    to: 'if (version === 0)',
    seed: 15,
  },
  {
    name: 'an absent user is skipped at once',
    file: 'engine/settling/room-settling.ts',
    from: 'const absentMs = availableMs - room.graceMs;',
    to: 'const absentMs = availableMs;',
    seed: 474,
  },
  {
    name: 'a report from before the entry counts as an absence',
    file: 'engine/settling/room-settling.ts',
    from: 'absentSinceMs: availableByNow(room),',
    to: 'absentSinceMs: room.availableMs,',
    plan: 'a stream is opened late',
  },
  {
    name: 'a gateway with a new lease does not report its streams again',
    file: 'gateway/shared/presence.ts',
    from: 'if (this.#toldBy !== identity.incarnation) this.#tellAll(identity.incarnation);',
    to: '',
    seed: 182,
  },
  {
    name: 'an engine drops reports of streams that it has not taken',
    file: 'engine/intake/presence.ts',
    from: 'if (isTaken && last !== undefined)',
    to: 'if (last !== undefined)',
    plan: 'engines die with reports',
  },
  {
    name: 'a room with slow steps makes up for a tenth of a second only',
    file: 'engine/settling/judges/room.ts',
    from: 'const CATCH_UP_US = SECOND_US;',
    to: 'const CATCH_UP_US = SECOND_US / 10;',
    plan: 'a room has slow steps',
  },
  {
    name: 'a room with slow steps makes up for more than its budget',
    file: 'engine/settling/judges/room.ts',
    from: 'Math.min(spaced, budget, free)',
    to: 'Math.min(spaced, free)',
    plan: 'a room has slow steps',
  },
];
