import { type Static, Type } from 'typebox';
import { Bases, faultsOfBases, faultsOfUsers, parse, Ticket, Users } from '../load/job.ts';

/**
 * The job of one watcher process, as JSON.
 *
 * - `bases`: the gateways; a watcher that reconnects, for whatever reason, connects to the next one.
 * - `groups`: who watches what. `campaign`; `users` as in load/job.ts; `enter`: `post` makes the entry first, retrying
 *   after Retry-After, `wait` opens the queue repeatedly until somebody else has made the entry.
 * - `startAtUs`: when the group begins, on the machine's monotonic clock (clock.ts), with the run when absent; `spreadMs`:
 *   from then on, the time over which the starts are spread evenly.
 * - `reloads`: `share` of the watchers drop their connection `afterMs` after it shows something, and reconnect soon,
 *   `times` times; `withoutIdShare` of those without Last-Event-ID, like a page that is reloaded.
 * - `answerTimeoutMs`: how long the head of an answer may take. `silenceMs`: a stream without a byte for so long is given
 *   up.
 * - `limitSeconds`: the run is cut off then. `recordPath`: where the record goes (record.ts).
 * - `hold`: print `{"ready":true}`, begin when a line comes in.
 */
const Group = Type.Object(
  {
    campaign: Type.Integer({ minimum: 1 }),
    users: Users,
    enter: Type.Union([Type.Literal('post'), Type.Literal('wait')]),
    startAtUs: Type.Optional(Type.Number({ minimum: 0 })),
    spreadMs: Type.Number({ minimum: 0, maximum: 600_000, default: 0 }),
  },
  { additionalProperties: false },
);

const Schema = Type.Object(
  {
    bases: Bases,
    groups: Type.Array(Group, { minItems: 1, maxItems: 64 }),
    ticket: Ticket,
    reloads: Type.Object(
      {
        share: Type.Number({ minimum: 0, maximum: 1, default: 0 }),
        withoutIdShare: Type.Number({ minimum: 0, maximum: 1, default: 0.5 }),
        times: Type.Integer({ minimum: 1, maximum: 1_000, default: 2 }),
        afterMs: Type.Object(
          { from: Type.Number({ minimum: 0 }), to: Type.Number({ minimum: 0 }) },
          { additionalProperties: false, default: { from: 200, to: 2_000 } },
        ),
      },
      { additionalProperties: false, default: {} },
    ),
    answerTimeoutMs: Type.Number({ minimum: 10, maximum: 600_000, default: 30_000 }),
    silenceMs: Type.Number({ minimum: 10, maximum: 3_600_000, default: 45_000 }),
    limitSeconds: Type.Number({ exclusiveMinimum: 0, maximum: 7_200, default: 600 }),
    recordPath: Type.Optional(Type.String({ minLength: 1 })),
    hold: Type.Boolean({ default: false }),
  },
  { additionalProperties: false },
);

export type WatchJob = Static<typeof Schema>;
export type WatchGroup = WatchJob['groups'][number];

/** A group as written by hand: everything with a default may be omitted. */
export type WatchGroupRequest = Pick<WatchGroup, 'campaign' | 'enter'> &
  Partial<Omit<WatchGroup, 'users'>> & {
    users: Pick<WatchGroup['users'], 'from' | 'to'> & Partial<WatchGroup['users']>;
  };

/** A job as written by hand. */
export type WatchRequest = Pick<WatchJob, 'bases'> &
  Partial<Omit<WatchJob, 'groups' | 'ticket' | 'reloads'>> & {
    groups: readonly WatchGroupRequest[];
    ticket: Pick<WatchJob['ticket'], 'secret' | 'audience'> & Partial<WatchJob['ticket']>;
    reloads?: Partial<WatchJob['reloads']>;
  };

/** Fills in the defaults and checks everything; throws `LoadError` `bad_job` naming all faults at once. */
export function parseWatchJob(input: unknown): WatchJob {
  return parse(Schema, input, ({ bases, groups, reloads }) => {
    const { from, to } = reloads.afterMs;
    const backward = from > to ? [`/reloads/afterMs from ${from} must not be above to ${to}`] : [];
    const ofUsers = groups.flatMap(({ users }) => faultsOfUsers('/groups users', users));
    return [...ofUsers, ...backward, ...faultsOfBases(bases)];
  });
}
