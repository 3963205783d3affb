/** Schemas of blocks; see ../schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { ann, MADE_AT } from '../../../contract/api/examples/story.ts';
import { readNetwork } from '../../../contract/api/ip-address.ts';
import { shownText, userIdText } from '../../../contract/api/text.ts';
import { exact, MAX_REASON_CHARACTERS, orNull, time, whole } from '../schemas.ts';

/** The ledger checks the same. A smaller network is one household, and a larger one a continent. */
const BITS = { 4: [8, 24], 6: [16, 64] } as const;

const network = Type.Refine(
  Type.String({
    minLength: 4,
    maxLength: 43,
    description: 'A network in CIDR notation: IPv4 of 8 to 24 bits, IPv6 of 16 to 64 bits',
    'x-expected':
      'a network whose other bits are zero: IPv4 from /8 to /24, like 203.0.113.0/24, or IPv6 from /16 to /64, like 2001:db8::/48',
  }),
  text => {
    const read = readNetwork(text);
    return read !== undefined && BITS[read.family][0] <= read.bits && read.bits <= BITS[read.family][1];
  },
);

const reason = shownText(MAX_REASON_CHARACTERS, 'Why; for operators');

export const BlockBody = Type.Object(
  {
    user: Type.Optional(userIdText('The user id in tickets, exactly')),
    network: Type.Optional(network),
    reason,
  },
  {
    ...exact,
    description: 'A user or a network',
    examples: [{ network: '203.0.113.0/24', reason: 'A farm of accounts' }],
  },
);
export type BlockBody = Static<typeof BlockBody>;

export const LiftBody = Type.Object(
  { reason },
  { ...exact, examples: [{ reason: 'A school, as it turned out' }] },
);

export const BlockPath = Type.Object({ id: whole(1, 2 ** 31 - 1, 'The block') }, exact);

const blockExample = {
  id: 3,
  network: '203.0.113.0/24',
  reason: 'A farm of accounts',
  by: ann.name,
  at: MADE_AT,
  in_force_at: MADE_AT,
  lifted_at: null,
  lifted_by: null,
  lift_reason: null,
};

/** Lifted since. */
export const liftedExample = {
  ...blockExample,
  lifted_at: '2030-01-31T12:00:00.000Z',
  lifted_by: ann.name,
  lift_reason: 'A school, as it turned out',
};

export const BlockJson = Type.Object(
  {
    id: Type.Integer(),
    user: Type.Optional(Type.String({ description: 'The blocked user' })),
    network: Type.Optional(Type.String({ description: 'The blocked network' })),
    reason: Type.String(),
    by: Type.String(),
    at: time('From then on, no redemption of the user'),
    in_force_at: orNull(
      time(
        'Since when every gateway refuses by it; null while gateways are being told, which goes on by itself',
      ),
    ),
    lifted_at: orNull(time('When it was lifted')),
    lifted_by: orNull(Type.String()),
    lift_reason: orNull(Type.String()),
  },
  { ...exact, examples: [blockExample] },
);
export type BlockJson = Static<typeof BlockJson>;

export const BlockPage = Type.Object(
  {
    blocks: Type.Array(BlockJson),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
  },
  { ...exact, examples: [{ blocks: [blockExample], next: null }] },
);
