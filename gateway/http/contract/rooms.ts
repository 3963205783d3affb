/** Passes and visits of waiting rooms. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { pass, visit } from '../../../engine/contract/api/examples/signed.ts';
import { alice, room } from '../../../engine/contract/api/examples/story.ts';
import { Instant, MAX_CAMPAIGN_ID } from './fields.ts';

export const PassView = Type.Object(
  {
    pass: Type.String({
      description: 'A JWT to show to the shop, signed with a key from /.well-known/jwks.json',
    }),
    expires_at: Instant,
    serial: Type.Integer({ minimum: 1, description: 'The admission' }),
  },
  {
    additionalProperties: false,
    examples: [{ pass, expires_at: room.passUntil, serial: room.serial }],
  },
);
export type PassView = Static<typeof PassView>;

/** A JWT is some 400 bytes. */
const MAX_TOKEN_CHARACTERS = 2_048;
const MAX_SESSION_CHARACTERS = 100;

export const ReportBody = Type.Object(
  {
    event: Type.Union([Type.Literal('used'), Type.Literal('left'), Type.Literal('expired')], {
      description:
        'used: a customer arrived with this pass. left, expired: the visit has ended and its slot is free',
      'x-expected': 'one of used, left, expired',
    }),
    pass: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_TOKEN_CHARACTERS,
        description: 'Of used: the pass that the customer presented',
        'x-expected': `a pass of 1 to ${MAX_TOKEN_CHARACTERS} characters`,
      }),
    ),
    serial: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_CAMPAIGN_ID,
        description: 'Of left and expired: the number of the admission, from the pass or visit',
        'x-expected': `a whole number from 1 to ${MAX_CAMPAIGN_ID}`,
      }),
    ),
    session: Type.Optional(
      Type.String({
        pattern: `^[\\x21-\\x7e]{1,${MAX_SESSION_CHARACTERS}}$`,
        description: 'Of used: an id that the shop chooses for this visit. It makes the report repeatable',
        'x-expected': `1 to ${MAX_SESSION_CHARACTERS} printable characters without spaces`,
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [
      { event: 'used', pass, session: 'checkout-5512' },
      { event: 'left', serial: room.serial },
    ],
  },
);
export type ReportBody = Static<typeof ReportBody>;

export const VisitView = Type.Object(
  {
    user: Type.String(),
    serial: Type.Integer({ minimum: 1 }),
    state: Type.Union([
      Type.Literal('admitted'),
      Type.Literal('inside'),
      Type.Literal('left'),
      Type.Literal('expired'),
    ]),
    visit: Type.Optional(
      Type.String({
        description:
          'Of used: a JWT that the shop stores for its customer; /check accepts it in place of a pass',
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [
      { user: alice.user, serial: room.serial, state: 'inside', visit },
      { user: alice.user, serial: room.serial, state: 'left' },
    ],
  },
);
export type VisitView = Static<typeof VisitView>;
