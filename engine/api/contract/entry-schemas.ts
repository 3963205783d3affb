/** Schemas of entries and their totals; see schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { OUTCOMES } from '../../../sql/statements/entries/outcomes.ts';
import { alice, bob, drop } from '../../contract/api/examples/story.ts';
import { after, exact, limit, oneOf, orNull, time } from './schemas.ts';

const outcome = Type.Optional(oneOf(OUTCOMES, 'Only entries with this outcome'));

export const EntriesQuery = Type.Object({ after, limit, outcome }, exact);
export const ExportQuery = Type.Object({ outcome }, exact);

const entryExamples = [
  {
    ...{ user_id: alice.user, stamp: alice.stamp, requested_at: alice.requestedAt, outcome: 'granted' },
    ...{ serial: alice.serial, code: alice.code, granted_at: alice.offeredAt },
    ...{ claim_by: '2030-01-31T17:15:01.204000Z', ended_at: '2030-01-31T17:02:10.512345Z' },
  },
  {
    ...{ user_id: bob.user, stamp: bob.stamp, requested_at: bob.requestedAt, outcome: 'waitlisted' },
    ...{ serial: null, code: null, granted_at: null, claim_by: null, ended_at: null },
  },
];

/** The same entries; a field that is null is empty. */
export const csvExample = [Object.keys(entryExamples[0] ?? {}), ...entryExamples.map(Object.values)]
  .map(fields => `${fields.join(',')}\r\n`)
  .join('');

export const EntryJson = Type.Object(
  {
    user_id: Type.String(),
    stamp: Type.Integer({ description: 'The position in the total order of the campaign' }),
    requested_at: time('When it was stamped, to the microsecond'),
    outcome: Type.Enum([...OUTCOMES]),
    serial: orNull(Type.Integer({ description: 'The number of the grant or prize: 1, 2, 3 ...' })),
    code: orNull(Type.String({ description: 'The code to redeem it with' })),
    granted_at: orNull(time('When it was granted or drawn')),
    claim_by: orNull(time('The claim deadline of the offer')),
    ended_at: orNull(
      time('When the offer was claimed, expired or was declined, or the waitlisted user left'),
    ),
  },
  exact,
);
export type EntryJson = Static<typeof EntryJson>;

export const EntryPage = Type.Object(
  {
    entries: Type.Array(EntryJson, { description: 'In stamp order' }),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
  },
  { ...exact, examples: [{ entries: entryExamples, next: bob.stamp }] },
);

export const TotalsJson = Type.Object(
  {
    entries: Type.Integer(),
    granted: Type.Optional(Type.Integer({ description: 'Of a coupon' })),
    won: Type.Optional(Type.Integer({ description: 'Of a raffle' })),
    waitlisted: Type.Optional(Type.Integer({ description: 'Where claims are required: waitlisted' })),
    offered: Type.Optional(
      Type.Integer({ description: 'Where claims are required: offered, not claimed yet' }),
    ),
    lapsed: Type.Optional(Type.Integer({ description: 'Where claims are required: not claimed in time' })),
    declined: Type.Optional(
      Type.Integer({ description: 'Where claims are required: offered, then withdrawn' }),
    ),
    withdrawn: Type.Integer(),
    waiting: Type.Integer({ description: 'Not decided yet' }),
    sold_out: Type.Optional(Type.Integer({ description: 'Of a coupon: too late' })),
    not_drawn: Type.Optional(Type.Integer({ description: 'Of a raffle: did not win' })),
    cancelled: Type.Integer({ description: 'Waiting when the campaign was cancelled' }),
    admitted: Type.Optional(Type.Integer({ description: 'Of a room: admitted' })),
    skipped: Type.Optional(Type.Integer({ description: 'Of a room: away for too long, still away' })),
    dead_letters: Type.Integer({
      description: 'Dead letters of the whole log: an unreadable record does not name its campaign',
    }),
  },
  {
    ...exact,
    description: 'Entries by outcome, as one snapshot',
    examples: [
      {
        ...{ entries: drop.settled, granted: 11_590, sold_out: 1_210, waitlisted: drop.waitlisted },
        ...{ offered: 410, lapsed: 62, declined: 16, withdrawn: 50, waiting: 0, cancelled: 0 },
        dead_letters: 0,
      },
    ],
  },
);
export type TotalsJson = Static<typeof TotalsJson>;
