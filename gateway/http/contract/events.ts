/** The events of a stream. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { alice, bob, drop } from '../../../engine/contract/api/examples/story.ts';
import { NoticeMember } from '../../../engine/contract/redis/board/board.ts';
import { claimFields, eta, grantFields, Outcome } from './fields.ts';

const positionExample = { position: alice.position, ahead: 311 };
const offerExample = {
  ...{ position: alice.position, serial: alice.serial, code: alice.code },
  ...{ claim_by: alice.claimBy, seconds_left: drop.claimWithinS },
};
const outcomeExample = {
  ...{ position: alice.position, outcome: 'granted', serial: alice.serial, code: alice.code },
  ended_at: alice.claimedAt,
};

export const PositionEvent = Type.Object(
  {
    position: Type.Integer({ minimum: 1 }),
    ahead: Type.Integer({ minimum: 0 }),
    eta,
  },
  { examples: [positionExample] },
);

export const OutcomeEvent = Type.Object(
  {
    position: Type.Integer({ minimum: 1 }),
    outcome: Outcome,
    ...grantFields,
    ended_at: claimFields.ended_at,
    notice: Type.Optional(NoticeMember),
  },
  { examples: [outcomeExample] },
);
export type OutcomeEvent = Static<typeof OutcomeEvent>;

/** The campaign is paused: it takes no new entries, and the queue goes on. `resumed` has no members. */
export const PausedEvent = Type.Object({ notice: Type.Optional(NoticeMember) });
export type PausedEvent = Static<typeof PausedEvent>;

export const WaitlistedEvent = Type.Object(
  {
    position: Type.Integer({ minimum: 1 }),
    waitlist_position: Type.Integer({
      minimum: 1,
      description: 'The position among those still waiting; only falls',
    }),
  },
  { examples: [{ position: bob.position, waitlist_position: bob.waitlistPosition }] },
);
export type WaitlistedEvent = Static<typeof WaitlistedEvent>;

export const OfferEvent = Type.Object(
  {
    position: Type.Integer({ minimum: 1 }),
    serial: Type.Integer({ minimum: 1 }),
    code: Type.String(),
    claim_by: Type.Optional(
      Type.String({ format: 'date-time', description: 'Absent when the known one cannot be right' }),
    ),
    seconds_left: Type.Optional(Type.Integer({ minimum: 0, description: 'Seconds until claim_by' })),
  },
  { examples: [offerExample] },
);
export type OfferEvent = Static<typeof OfferEvent>;

/** The stream of Alice, who claims what she is offered. */
export const streamExample = [
  'retry: 2731',
  event('position', String(positionExample.ahead), positionExample),
  event('offer', 'o', offerExample),
  event('outcome', 'over', outcomeExample),
  '',
].join('\n\n');

function event(name: string, id: string, data: object): string {
  return `id: ${drop.id}:${alice.stamp}:${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}`;
}
