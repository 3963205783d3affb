/** Schemas of what waits for a second operator; see ../schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { PROPOSED_OPERATIONS } from '../../../../sql/statements/operators/proposals.ts';
import { raffle } from '../../../contract/api/examples/story.ts';
import { shownText } from '../../../contract/api/text.ts';
import { exact, MAX_REASON_CHARACTERS, oneOf, orNull, time, whole } from '../schemas.ts';

export const ProposalPath = Type.Object({ id: whole(1, Number.MAX_SAFE_INTEGER, 'The proposal') }, exact);

export const TwoPersonBody = Type.Object(
  {
    required: Type.Boolean({
      description: 'true: at once; false: waits for a second operator itself',
      'x-expected': 'true or false',
    }),
    reason: Type.Optional(shownText(MAX_REASON_CHARACTERS, 'The reason to record in the operator log')),
  },
  { ...exact, examples: [{ required: true, reason: 'The prize is worth more than the shop' }] },
);

/** Who approves in the examples. */
export const APPROVER = 'Bea';
const REASON = 'The manufacturer has recalled it';
export const proposalExample = {
  id: 1,
  campaign: raffle.id,
  operation: 'cancelCampaign',
  body: { reason: REASON },
  would: {
    dry_run: true,
    action: 'cancel',
    gateways_confirm: true,
    effective_before: null,
    campaign: { id: raffle.id, kind: 'raffle', title: raffle.title, status: 'cancelled' },
  },
  version: 1,
  reason: REASON,
  state: 'pending',
  proposed_by: 'operator',
  proposed_at: '2030-02-01T16:30:00.000Z',
  expires_at: '2030-02-02T16:30:00.000Z',
  decided_by: null,
  decided_at: null,
} as const;
const decided = { decided_by: APPROVER, decided_at: '2030-02-01T16:41:07.030Z' } as const;
export const approvedExample = { ...proposalExample, ...decided, state: 'approved' } as const;
export const withdrawnExample = { ...proposalExample, ...decided, state: 'withdrawn' } as const;

export const ProposalJson = Type.Object(
  {
    id: Type.Integer(),
    campaign: Type.Integer(),
    operation: oneOf(PROPOSED_OPERATIONS, 'What was asked for'),
    body: Type.Optional(Type.Unknown({ description: 'The body of the request; lists leave it out' })),
    would: Type.Record(Type.String(), Type.Unknown(), {
      description: 'What it would do: the answer of the dry run when it was proposed',
    }),
    version: Type.Integer({
      description: 'The version of the campaign that it is based on; with another one it is refused',
    }),
    reason: orNull(Type.String()),
    state: oneOf(['pending', 'approved', 'withdrawn', 'expired'], 'What has become of it'),
    proposed_by: Type.String(),
    proposed_at: time('When'),
    expires_at: time('It cannot be approved from then on'),
    decided_by: orNull(Type.String({ description: 'Who approved or withdrew it' })),
    decided_at: orNull(time('When; null while it is pending, and once it has expired')),
  },
  { ...exact, examples: [proposalExample] },
);
export type ProposalJson = Static<typeof ProposalJson>;

const { body: _body, ...listedExample } = proposalExample;
export const ProposalPage = Type.Object(
  {
    proposals: Type.Array(ProposalJson),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
  },
  { ...exact, examples: [{ proposals: [listedExample], next: null }] },
);
