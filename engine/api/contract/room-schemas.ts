/** Schemas of rooms; see schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { room } from '../../contract/api/examples/story.ts';
import { exact, loggedReason, MAX_STOCK, orNull, whole } from './schemas.ts';

/** Like the check on `rooms`. A greater rate is a typing error, and a smaller one admits nobody within a minute. */
export const LEAST_PER_SECOND = 0.01;
export const MOST_PER_SECOND = 10_000;

export const perSecond = Type.Number({
  minimum: LEAST_PER_SECOND,
  maximum: MOST_PER_SECOND,
  description: 'Of a room: the maximum number of admissions per second',
  'x-expected': `a number from ${LEAST_PER_SECOND} to ${MOST_PER_SECOND}; to let nobody in, pause the room`,
});
export const capacity = whole(
  1,
  MAX_STOCK,
  'Of a room: how many may be inside at once; no limit when absent',
);

export const RoomTermsBody = Type.Object(
  {
    per_second: perSecond,
    capacity: Type.Optional(capacity),
    paused: Type.Optional(
      Type.Boolean({ description: 'Pause admissions; false when absent', 'x-expected': 'true or false' }),
    ),
    reason: loggedReason,
  },
  {
    ...exact,
    description: 'All terms of a room that may change at any time',
    examples: [
      { per_second: room.perSecond, capacity: room.capacity, reason: 'The checkout is slow this evening' },
    ],
  },
);

const people = (description: string) => Type.Integer({ description });
export const RoomJson = Type.Object(
  {
    version: Type.Integer({
      description: 'Increases with each change of the terms; the ETag is the same number in quotes',
    }),
    per_second: Type.Number(),
    capacity: orNull(Type.Integer()),
    paused: Type.Boolean(),
    grace_seconds: Type.Number(),
    pass_seconds: Type.Number(),
    visit_seconds: orNull(Type.Number()),
    single_use: Type.Boolean(),
    people: Type.Object(
      {
        waiting: people('Waiting in line'),
        absent: people('Of those, currently away'),
        skipped: people('Away longer than the grace period; back in line when they return'),
        withdrawn: people('Left the line for good'),
        admitted: people('Have an unused pass'),
        inside: people('Are in the shop'),
        left: people('Have left the shop'),
        expired: people('Did not use the pass in time, or stayed too long'),
      },
      exact,
    ),
  },
  {
    ...exact,
    examples: [
      {
        ...{ version: 2, per_second: room.perSecond, capacity: room.capacity, paused: false },
        ...{ grace_seconds: 60, pass_seconds: 300, visit_seconds: 3_600, single_use: false },
        people: {
          ...{ waiting: 4_312, absent: 85, skipped: 12, withdrawn: 40 },
          ...{ admitted: 61, inside: 1_939, left: 20_512, expired: 118 },
        },
      },
    ],
  },
);
export type RoomJson = Static<typeof RoomJson>;
