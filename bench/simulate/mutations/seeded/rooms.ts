/** Bugs in waiting rooms, and in who is present there. */
import type { Mutation } from '../mutation.ts';

export const ROOM_MUTATIONS: readonly Mutation[] = [
  {
    name: 'each step of a room has a budget of its own',
    file: 'engine/settling/room-settling.ts',
    from: '...(moved.isWhole ? paceAfter(paceOf(room), room.perSecond, admitted.count, room.nowUs) : paceOf(room)),',
    to: 'nextUs: 0,\n    recent: [],',
    seed: 133,
  },
  {
    name: 'who is inside takes no place in a room',
    file: 'engine/settling/judges/room.ts',
    from: 'terms.capacity - inside',
    to: 'terms.capacity',
    seed: 53,
  },
  {
    name: 'a paused room lets people in',
    file: 'engine/settling/judges/room.ts',
    from: 'if (terms.paused) return 0;',
    to: '',
    seed: 584,
  },
  {
    name: 'the terms of a room are set for whichever version there is',
    file: 'engine/campaigns/room-terms.ts',
    from: 'if (version !== undefined && now !== version + 1)',
    to: 'if (version === 0)',
    seed: 15,
  },
  {
    name: 'whoever is away is skipped at once',
    file: 'engine/settling/room-settling.ts',
    from: 'const absentMs = availableMs - room.graceMs;',
    to: 'const absentMs = availableMs;',
    seed: 474,
  },
  {
    name: 'what was heard before somebody entered counts as an absence',
    file: 'engine/settling/room-settling.ts',
    from: 'absentSinceMs: availableByNow(room),',
    to: 'absentSinceMs: room.availableMs,',
    seed: 1_070,
  },
  {
    name: 'a gateway with a new lease does not tell again who is there',
    file: 'gateway/shared/presence.ts',
    from: 'if (this.#toldBy !== identity.incarnation) this.#tellAll(identity.incarnation);',
    to: '',
    seed: 182,
  },
  {
    name: 'reports of streams are let go of by an engine that has not taken them',
    file: 'engine/intake/presence.ts',
    from: 'if (isTaken && last !== undefined)',
    to: 'if (last !== undefined)',
    seed: 2_614,
  },
  {
    name: 'who comes back to a room that is at its end waits on',
    file: 'gateway/entry/entry-view.ts',
    from: "campaign.finished ? 'skipped' : 'waiting'",
    to: "'waiting'",
    seed: 3_077,
  },
];
