/** Entering, withdrawing, claiming, and what a user reads of their own entry. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { claimReceipt, entryReceipt } from '../../../engine/contract/api/examples/signed.ts';
import { alice, bob, drop } from '../../../engine/contract/api/examples/story.ts';
import { Receipt } from '../../../engine/contract/record/receipt.ts';
import { claimFields, eta, grantFields, Outcome, receipt } from './fields.ts';

const aliceEntry = { campaign: drop.id, stamp: alice.stamp };

export const EntryBody = Type.Object(
  {},
  {
    additionalProperties: false,
    description: 'An entry has no fields; the body may be omitted.',
    examples: [{}],
  },
);

export const EntryAccepted = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer({
      description: 'The position in the total order of the campaign; repeated requests never change it',
    }),
    position: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
      description: 'Final, or null while provisional: the queue stream reports it once it is final',
    }),
    provisional: Type.Boolean({ description: 'true while an earlier request may still arrive' }),
    estimated_position: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'While provisional: how many entries are counted so far, including this one. Suits "about the 12,000th" and nothing ' +
          'that must stay true: the position may be smaller or greater. Absent while Redis is being rebuilt',
      }),
    ),
    receipt,
  },
  {
    additionalProperties: false,
    examples: [
      { ...aliceEntry, position: null, provisional: true, estimated_position: 12_000, receipt: entryReceipt },
      { ...aliceEntry, position: alice.position, provisional: false, receipt: entryReceipt },
    ],
  },
);
export type EntryAccepted = Static<typeof EntryAccepted>;

export const EntryView = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer(),
    position: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
      description:
        'Final, or null while provisional; also null with a final outcome while Redis is being rebuilt',
    }),
    ahead: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: 'Unsettled entries ahead of this one',
    }),
    provisional: Type.Boolean(),
    outcome: Outcome,
    eta,
    ...grantFields,
    ...claimFields,
    receipt,
  },
  {
    additionalProperties: false,
    examples: [
      {
        ...{ ...aliceEntry, position: alice.position, ahead: 311, provisional: false },
        ...{ outcome: 'waiting', receipt: entryReceipt },
      },
      {
        ...{ ...aliceEntry, position: alice.position, ahead: 0, provisional: false, outcome: 'granted' },
        ...{ serial: alice.serial, code: alice.code, ended_at: alice.claimedAt, receipt: entryReceipt },
      },
    ],
  },
);
export type EntryView = Static<typeof EntryView>;

export const WithdrawalAccepted = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer({ description: 'Of the withdrawn entry' }),
    outcome: Type.Literal('withdrawing', {
      description:
        'Logged. It takes effect unless the entry was settled first; the final outcome shows which',
    }),
  },
  {
    additionalProperties: false,
    examples: [{ campaign: drop.id, stamp: bob.stamp, outcome: 'withdrawing' }],
  },
);
export type WithdrawalAccepted = Static<typeof WithdrawalAccepted>;

export const ClaimAccepted = Type.Object(
  {
    campaign: Type.Integer(),
    stamp: Type.Integer({ description: 'Of the entry' }),
    serial: Type.Integer({ minimum: 1 }),
    code: Type.String(),
    outcome: Type.Union(
      [
        Type.Literal('claimed'),
        Type.Literal('claiming', {
          description:
            'Logged after the deadline known here; it counts if an outage has extended the deadline',
        }),
      ],
      { description: 'Logged; a claim stamped at or before the deadline counts' },
    ),
    receipt: Type.Optional(Receipt),
  },
  {
    additionalProperties: false,
    examples: [
      {
        ...{ ...aliceEntry, serial: alice.serial, code: alice.code, outcome: 'claimed' },
        receipt: claimReceipt,
      },
    ],
  },
);
export type ClaimAccepted = Static<typeof ClaimAccepted>;
