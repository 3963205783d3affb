/**
 * The public API, written once: the schemas of this folder validate input, type output, and define the OpenAPI document. Here
 * are the fields that several of them have.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import { Receipt } from '../../../engine/contract/record/receipt.ts';

export const MAX_CAMPAIGN_ID = 2_147_483_647;

/**
 * Absent if the slice was not signed. For an entry that was accepted earlier, also absent if the ledger does not answer in
 * time or has not ingested the slice yet: a later request then returns it.
 */
export const receipt = Type.Optional(Receipt);

export const Instant = Type.String({ format: 'date-time' });

export const Outcome = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('granted'),
  Type.Literal('won'),
  Type.Literal('sold_out'),
  Type.Literal('not_drawn'),
  Type.Literal('withdrawn'),
  Type.Literal('cancelled', { description: 'The entry was waiting when the campaign was cancelled' }),
  Type.Literal('waitlisted', { description: 'Next in line for unclaimed offers' }),
  Type.Literal('offered', { description: 'Waits to be claimed; then it becomes granted or won' }),
  Type.Literal('lapsed', { description: 'Offered and not claimed in time' }),
  Type.Literal('declined', { description: 'Offered, then the entry was withdrawn' }),
  Type.Literal('admitted'),
  Type.Literal('skipped', {
    description: 'Of a room: was away for too long and had not returned when it ended',
  }),
]);
export type Outcome = Static<typeof Outcome>;

const Seconds = Type.Integer({ minimum: 0 });

/** A user's estimated wait in a room, in seconds: half of all users wait no longer than p50, nine in ten no longer than p90. */
export const Eta = Type.Union([
  Type.Object({ p50: Seconds, p90: Seconds }, { additionalProperties: false }),
  Type.Null(),
]);
export type Eta = Static<typeof Eta>;

export const eta = Type.Optional({
  ...Eta,
  description:
    'Of a room: the estimated wait in seconds, from the recent admission rate; null while it is paused',
});

export const grantFields = {
  serial: Type.Optional(Type.Integer({ minimum: 1 })),
  code: Type.Optional(
    Type.String({
      description: 'Of a granted or won entry: the code to redeem it with; in a room the id of the pass',
    }),
  ),
};

/** Members shown only in campaigns whose grants or prizes must be claimed. */
export const claimFields = {
  waitlist_position: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'Of a waitlisted entry: its position among those still waiting; only falls',
    }),
  ),
  claim_by: Type.Optional(
    Type.String({
      format: 'date-time',
      description:
        'Of an offer: the claim deadline. An outage on our side extends it; absent when the known one cannot be right',
    }),
  ),
  seconds_left: Type.Optional(Type.Integer({ minimum: 0, description: 'Seconds until claim_by' })),
  ended_at: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'When the offer was claimed, expired, or was declined or withdrawn',
    }),
  ),
};
