/** The operations of the two-person rule; part of the table in ../operations.ts. */
import { bob, raffle } from '../../../contract/api/examples/story.ts';
import { fieldFault } from '../../../contract/api/problem.ts';
import { raffleExample } from '../campaign-examples.ts';
import { CampaignJson, CampaignPath } from '../campaign-schemas.ts';
import { ETAG, json, ON_CAMPAIGN, type Operation, SECURED, shownBy, WITH_BODY } from '../operation.ts';
import { changedSince, conflict, tooNear } from '../problem-examples.ts';
import { PageQuery } from '../schemas.ts';
import {
  APPROVER,
  approvedExample,
  ProposalJson,
  ProposalPage,
  ProposalPath,
  TwoPersonBody,
  withdrawnExample,
} from './proposal-schemas.ts';

/** The answer of an operation that waits for a second operator. */
export const PROPOSED = json(
  202,
  'Waits for a second operator, as the campaign has two_person',
  ProposalJson,
  {
    location: 'The URL of the proposal',
  },
);

const UNKNOWN = {
  'unknown-proposal': {
    detail: 'Proposal 999 does not exist.',
    errors: [fieldFault('id', 999, 'the number of an existing proposal')],
  },
} as const;
const OVER = {
  'proposal-over': { detail: `Proposal 1 was approved by ${APPROVER}.`, state: 'approved' },
} as const;

export const proposalOperations = {
  setTwoPerson: {
    method: 'PUT',
    path: '/v1/campaigns/{id}/two-person',
    summary:
      'Have edits after the announcement, the cancellation, an early close, and what decides about a draw wait for a second ' +
      'operator; or no longer, which waits for one itself',
    parameters: CampaignPath,
    body: TwoPersonBody,
    answer: shownBy(json(200, 'In effect', CampaignJson, ETAG), { ...raffleExample, two_person: true }),
    proposedAnswer: PROPOSED,
    problems: [...ON_CAMPAIGN, ...WITH_BODY, 'conflict'],
    problemExamples: conflict(
      `20 proposals for campaign ${raffle.id} wait for a second operator: withdraw one first.`,
    ),
  },
  listProposals: {
    method: 'GET',
    path: '/v1/proposals',
    summary: 'List proposals by id, a page at a time, also those that are decided',
    query: PageQuery,
    answer: json(200, 'A page', ProposalPage),
    problems: SECURED,
  },
  getProposal: {
    method: 'GET',
    path: '/v1/proposals/{id}',
    summary: 'Read a proposal: the request, and what it would do',
    parameters: ProposalPath,
    answer: json(200, 'The proposal', ProposalJson),
    problems: [...SECURED, 'unknown-proposal'],
    problemExamples: UNKNOWN,
  },
  approveProposal: {
    method: 'POST',
    path: '/v1/proposals/{id}/approve',
    summary:
      'Do what another operator has proposed, once, as it was seen: refused if the campaign has changed since. The role must permit ' +
      'the operation itself. May also answer what that answers; retrying is safe',
    parameters: ProposalPath,
    answer: shownBy(json(200, 'Done', ProposalJson), approvedExample),
    problems: [
      ...SECURED,
      'unknown-proposal',
      'own-proposal',
      'proposal-over',
      'precondition-failed',
      'change-refused',
      'conflict',
    ],
    problemExamples: {
      ...UNKNOWN,
      ...OVER,
      ...changedSince(`Campaign ${raffle.id}`),
      ...tooNear,
      conflict: { detail: 'The prize with serial 1 belongs to another holder.', holder: bob.user },
      'own-proposal': {
        detail: 'operator has proposed 1: another operator approves it.',
        proposed_by: 'operator',
      },
    },
  },
  withdrawProposal: {
    method: 'POST',
    path: '/v1/proposals/{id}/withdraw',
    summary: 'Withdraw a proposal: your own, or one that you might approve; retrying is safe',
    parameters: ProposalPath,
    answer: shownBy(json(200, 'Withdrawn', ProposalJson), withdrawnExample),
    problems: [...SECURED, 'unknown-proposal', 'proposal-over'],
    problemExamples: { ...UNKNOWN, ...OVER },
  },
} as const satisfies Readonly<Record<string, Operation>>;
