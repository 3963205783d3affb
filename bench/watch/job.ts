import { type Static, Type } from 'typebox';
import { Default, Errors } from 'typebox/value';
import { LoadError, loopback } from '../load/job.ts';

/**
 * What one watcher process is asked to do, as JSON.
 *
 * - `bases`: the gateways; a watcher who comes back, for whatever reason, comes to the next one.
 * - `groups`: who watches what. `campaign`; `users` as in load/job.ts; `enter`: `post` makes the entry first, asking
 *   again after Retry-After, `wait` opens the queue again and again until somebody else has made it.
 * - `startAtUs`: when the group begins, on the machine's monotonic clock (clock.ts), with the run when absent; `spreadMs`:
 *   over how long from then on the beginnings are spread evenly.
 * - `reloads`: `share` of the watchers drop their connection `afterMs` after it shows something, and come back soon,
 *   `times` times; `withoutIdShare` of those without Last-Event-ID, as somebody who reloads the page.
 * - `answerTimeoutMs`: how long the head of an answer may take. `silenceMs`: a stream without a byte for so long is given up.
 * - `limitSeconds`: the run is cut off then. `recordPath`: where the record goes (record.ts).
 * - `hold`: print `{"ready":true}`, begin when a line comes in.
 */
const Group = Type.Object(
  {
    campaign: Type.Integer({ minimum: 1 }),
    users: Type.Object(
      {
        from: Type.Integer({ minimum: 0 }),
        to: Type.Integer({ minimum: 1 }),
        prefix: Type.String({ pattern: '^[A-Za-z0-9_-]{0,32}$', default: 'u' }),
        digits: Type.Integer({ minimum: 1, maximum: 12, default: 7 }),
      },
      { additionalProperties: false },
    ),
    enter: Type.Union([Type.Literal('post'), Type.Literal('wait')]),
    startAtUs: Type.Optional(Type.Number({ minimum: 0 })),
    spreadMs: Type.Number({ minimum: 0, maximum: 600_000, default: 0 }),
  },
  { additionalProperties: false },
);

const Schema = Type.Object(
  {
    bases: Type.Array(Type.String(), { minItems: 1, maxItems: 64 }),
    groups: Type.Array(Group, { minItems: 1, maxItems: 64 }),
    ticket: Type.Object(
      {
        secret: Type.String({ minLength: 1 }),
        audience: Type.String(),
        lifetimeSeconds: Type.Integer({ minimum: 1, default: 3_600 }),
      },
      { additionalProperties: false },
    ),
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

/** A group as it is written by hand: whatever has a default may be left out. */
export type WatchGroupRequest = Pick<WatchGroup, 'campaign' | 'enter'> &
  Partial<Omit<WatchGroup, 'users'>> & {
    users: Pick<WatchGroup['users'], 'from' | 'to'> & Partial<WatchGroup['users']>;
  };

/** A job as it is written by hand. */
export type WatchRequest = Pick<WatchJob, 'bases'> &
  Partial<Omit<WatchJob, 'groups' | 'ticket' | 'reloads'>> & {
    groups: readonly WatchGroupRequest[];
    ticket: Pick<WatchJob['ticket'], 'secret' | 'audience'> & Partial<WatchJob['ticket']>;
    reloads?: Partial<WatchJob['reloads']>;
  };

/** Fills in the defaults and checks everything; throws `LoadError` `bad_job` naming all faults at once. */
export function parseWatchJob(input: unknown): WatchJob {
  const filled: unknown = Default(Schema, structuredClone(input));
  const faults = Errors(Schema, filled).map(fault => `${fault.instancePath || 'job'} ${fault.message}`);
  if (faults.length > 0) throw new LoadError('bad_job', faults.join('; '));
  const job = filled as WatchJob;
  for (const { users } of job.groups) {
    const { from, to, digits } = users;
    if (from >= to) faults.push(`/groups users from ${from} must be below to ${to}`);
    if (to > 10 ** digits) faults.push(`/groups users to ${to} does not fit in ${digits} digits`);
  }
  const { from, to } = job.reloads.afterMs;
  if (from > to) faults.push(`/reloads/afterMs from ${from} must not be above to ${to}`);
  for (const base of job.bases) {
    try {
      loopback(base);
    } catch (error) {
      faults.push(`/bases ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (faults.length > 0) throw new LoadError('bad_job', faults.join('; '));
  return job;
}
