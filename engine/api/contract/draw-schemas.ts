/** Schemas of draws, and of what is passed on or extended afterwards; see schemas.ts. */
import Type from 'typebox';
import { drawProof } from '../../contract/api/examples/signed.ts';
import { alice, bob } from '../../contract/api/examples/story.ts';
import { shownText, userIdText } from '../../contract/api/text.ts';
import {
  dryRunMark,
  exact,
  instant,
  loggedReason,
  MAX_REASON_CHARACTERS,
  MAX_STOCK,
  orNull,
  time,
  whole,
} from './schemas.ts';

export const PassOnBody = Type.Object(
  {
    serial: whole(1, MAX_STOCK, 'The serial of the unclaimed prize'),
    reason: shownText(MAX_REASON_CHARACTERS, 'Why it is passed on'),
    holder: Type.Optional(
      userIdText(
        'The current holder. Required once the prize was passed on, so that a repeated call passes nothing on twice',
      ),
    ),
  },
  { ...exact, examples: [{ serial: 1, reason: 'Did not answer', holder: alice.user }] },
);

export const PassedOnJson = Type.Object(
  {
    serial: Type.Integer(),
    tier: orNull(Type.Integer({ description: 'From 0' })),
    alternate: Type.Integer({ description: 'The number of the alternate who has it now, from 1' }),
    user: Type.String({ description: 'The user id of that alternate' }),
    passed_from: Type.String({ description: 'The previous holder' }),
    dry_run: dryRunMark,
  },
  {
    ...exact,
    examples: [{ serial: 1, tier: 0, alternate: 1, user: bob.user, passed_from: alice.user }],
  },
);

export const DeadlineBody = Type.Object(
  {
    serial: whole(1, MAX_STOCK, 'The serial of the offer'),
    holder: userIdText('The user who has the offer'),
    claim_by: instant('A time after the current deadline'),
    reason: loggedReason,
  },
  {
    ...exact,
    examples: [
      {
        ...{ serial: alice.serial, holder: alice.user, claim_by: alice.extendedTo },
        reason: 'The shop was away over lunch',
      },
    ],
  },
);

export const DeadlineJson = Type.Object(
  {
    serial: Type.Integer(),
    user: Type.String({ description: 'The user who can claim it' }),
    claim_by: time('The claim deadline'),
  },
  { ...exact, examples: [{ serial: alice.serial, user: alice.user, claim_by: alice.extendedTo }] },
);

const bytes32 = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: '32 bytes in base64url' });
const person = {
  key: bytes32,
  stamp: Type.Integer(),
  tickets: Type.Optional(Type.Integer({ description: 'Only if not 1' })),
  who: bytes32,
};

export const ProofJson = Type.Object(
  {
    proof: Type.Literal(1),
    campaign: Type.Integer(),
    rules: Type.Record(Type.String(), Type.Unknown(), { description: 'As announced' }),
    rules_hash: bytes32,
    pool_root: bytes32,
    pool_count: Type.Integer(),
    randomness: bytes32,
    source: Type.Union([
      Type.Object({ secret: bytes32 }, exact),
      Type.Object(
        { round: Type.Integer(), signature: Type.String({ description: '48 bytes in hex' }) },
        exact,
      ),
    ]),
    seed: bytes32,
    winners: Type.Array(
      Type.Object(
        { serial: Type.Integer(), tier: Type.Integer({ description: 'From 0' }), ...person },
        exact,
      ),
    ),
    alternates: Type.Array(
      Type.Object({ alternate: Type.Integer({ description: 'From 1' }), ...person }, exact),
    ),
  },
  {
    ...exact,
    description: 'Everything needed to repeat the draw; engine/draw/vectors/VECTORS.md explains how',
    examples: [drawProof],
  },
);
