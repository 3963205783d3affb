/**
 * The two-person rule, for campaigns that have it. An edit after the announcement, terms of its codes likewise, a raised stock, a cancellation,
 * an early close, and what decides about a draw (the announcement of a raffle, the terms of its entrants, a prize passed on by hand) wait as proposals.
 * A raffle draws by itself at its time: that was announced, or changed since, by two. Turning the rule off waits too; turning
 * it on does not, nor does what must happen at once (pausing, resuming, the rate of a room).
 *
 *     pending ──▶ approved    by another operator, in the transaction that does what was proposed
 *        ├──────▶ withdrawn   by anybody who may approve such a proposal, or by its proposer
 *        └──────▶ expired     by time alone: nothing is written
 *
 * - Exactly once: the transaction of the act marks the proposal as approved, under the lock of the campaign; the second of two
 *   approvals finds it decided, and rolls back. A change that gateways confirm first is approved when it becomes pending for them;
 *   they may still refuse it, as they may any change.
 * - As it was seen: a proposal is for one version of the campaign. If that has changed, it cannot be approved any more.
 * - Nobody alone: an act without a proposal looks at the rule in its own transaction, so it cannot slip past one that is turned
 *   on at the same moment.
 */
import { type Pool, type Queryable, transaction } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import {
  decideProposal,
  getProposal,
  insertProposal,
  lockRule,
  type NewProposal,
  PROPOSED_OPERATIONS,
  type Proposal,
  type ProposedOperation,
  type RuleOfCampaign,
  setTwoPerson,
} from '../../sql/statements/operators/proposals.ts';
import { preconditionFailed } from '../campaigns/precondition.ts';
import { fieldFault, Problem } from '../contract/api/problem.ts';
import { type Actor, type By, campaignTarget, noteAct } from './acts.ts';
import type { Operator } from './authenticate.ts';

/** Longer: somebody approves what nobody remembers. Shorter: it does not survive a night. */
const LIFE_MS = 86_400_000;
/** Nobody compares more proposals for one campaign. */
const MOST_PENDING = 20;

/** Called in the transaction of an act that may need two operators, before its row in the log. Throws Problem. */
export type Sanction = (db: Queryable) => Promise<void>;

/** Who acts, why, and what else the transaction of the act has to do. */
export interface Attribution extends By {
  readonly sanction?: Sanction;
}

/** For callers other than the API: no operator asks. */
export const UNGUARDED: Sanction = async () => undefined;

/** For an act that nobody has to approve. Throws Problem conflict if somebody has to, since the rule was turned on meanwhile. */
export function alone(campaignId: number, { action }: Actor): Sanction {
  const operation = proposedOperation(action);
  if (operation === undefined) return UNGUARDED;
  return async db => {
    const rule = await lockRule(db, campaignId);
    if (rule === undefined || !needsTwo(rule, operation)) return;
    throw new Problem(
      'conflict',
      `Campaign ${campaignId} has come to need a second operator. Send the request again to propose it.`,
    );
  };
}

/** The operation, if it may have to wait. */
export function proposedOperation(action: string): ProposedOperation | undefined {
  return PROPOSED_OPERATIONS.find(each => each === action);
}

/** For an act that was proposed: approves it. Throws Problem proposal-over if it was decided before. */
export function approvalOf({ proposalId, campaignId, operation, proposedBy }: Proposal, by: Actor): Sanction {
  return async db => {
    const decided = await decideProposal(db, proposalId, 'approved', by);
    if (decided === undefined) throw await over(db, proposalId);
    const details = { campaign: campaignId, operation, proposed_by: proposedBy };
    await noteAct(db, by, { target: proposalTarget(proposalId), details });
  };
}

/** Whether an operation on this campaign waits for a second operator; setTwoPerson here turns the rule off. */
export function needsTwo({ twoPerson, stage, kind }: RuleOfCampaign, operation: ProposedOperation): boolean {
  if (!twoPerson) return false;
  switch (operation) {
    case 'editCampaign':
    case 'createCoupon':
    case 'replaceTerms':
      return stage !== 'draft';
    case 'announceCampaign':
      return kind === 'raffle';
    case 'setTwoPerson':
    case 'setEntrants':
    case 'cancelCampaign':
    case 'raiseCampaign':
    case 'closeCampaign':
    case 'passOn':
      return true;
  }
}

/** Stores a proposal. Throws Problem conflict if too many wait for this campaign. */
export async function propose(
  pool: Pool,
  wanted: Omit<NewProposal, 'proposedBy' | 'proposedRole' | 'proposedToken'>,
  actor: Actor,
): Promise<Proposal> {
  return await transaction(pool, async db => {
    const by = { proposedBy: actor.name, proposedRole: actor.role, proposedToken: actor.tokenId };
    const made = await insertProposal(db, { ...wanted, ...by }, { lifeMs: LIFE_MS, most: MOST_PENDING });
    const { campaignId, operation, reason, version } = wanted;
    if (made === undefined) {
      const detail = `${MOST_PENDING} proposals for campaign ${campaignId} wait for a second operator: withdraw one first.`;
      throw new Problem('conflict', detail);
    }
    // Not the body: it may name fans. The row of the act says what was done.
    const details = { proposal: made.proposalId, operation, version, expires_at: made.expiresAt };
    await noteAct(
      db,
      { ...actor, action: 'propose' },
      { target: campaignTarget(campaignId), reason, details },
    );
    return made;
  });
}

/** Throws Problem unknown-proposal. */
export async function findProposal(db: Queryable, proposalId: number): Promise<Proposal> {
  const proposal = await getProposal(db, proposalId);
  if (proposal !== undefined) return proposal;
  throw new Problem('unknown-proposal', `Proposal ${proposalId} does not exist.`, {
    errors: [fieldFault('id', proposalId, 'the number of an existing proposal')],
  });
}

export function isDecidedBy({ decidedBy, decidedToken }: Proposal, { name, tokenId }: Operator): boolean {
  return decidedBy === name && decidedToken === tokenId;
}

/** Throws Problem own-proposal, proposal-over, or precondition-failed if the campaign has changed since. */
export function checkApproval(proposal: Proposal, campaign: Campaign, by: Operator): void {
  const { proposalId, version } = proposal;
  if (isProposer(proposal, by)) {
    const detail = `${by.name} has proposed ${proposalId}: another operator approves it.`;
    throw new Problem('own-proposal', detail, { proposed_by: proposal.proposedBy });
  }
  if (proposal.state !== 'pending') throw proposalOver(proposal);
  if (campaign.version !== version)
    throw preconditionFailed(`"${version}"`, campaign, `Campaign ${campaign.campaignId}`);
}

/**
 * By name too: a token that replaces another may have its name, and an account acts with no token. An account keeps its name for good, and nobody
 * else has it (0037_operators.sql).
 */
export function isProposer({ proposedBy, proposedToken }: Proposal, { name, tokenId }: Operator): boolean {
  return (tokenId !== null && tokenId === proposedToken) || name.toLowerCase() === proposedBy.toLowerCase();
}

/** Withdraws a proposal; one that is withdrawn stays so. Throws Problem unknown-proposal, proposal-over. */
export async function withdraw(pool: Pool, proposalId: number, actor: Actor): Promise<Proposal> {
  return await transaction(pool, async db => {
    const withdrawn = await decideProposal(db, proposalId, 'withdrawn', actor);
    if (withdrawn === undefined) {
      const known = await findProposal(db, proposalId);
      if (known.state === 'withdrawn') return known;
      throw proposalOver(known);
    }
    const { campaignId, operation, proposedBy } = withdrawn;
    const details = { campaign: campaignId, operation, proposed_by: proposedBy };
    await noteAct(db, actor, { target: proposalTarget(proposalId), details });
    return withdrawn;
  });
}

/** Turns the rule on for a campaign, or off, which a second operator approves. What is so already leaves no row. */
export async function setRule(
  pool: Pool,
  campaignId: number,
  rule: { readonly isRequired: true } | { readonly isRequired: false; readonly approval: Sanction },
  { actor, reason }: { readonly actor: Actor; readonly reason: string | null },
): Promise<void> {
  await transaction(pool, async db => {
    if (!(await setTwoPerson(db, campaignId, rule.isRequired))) return;
    if (!rule.isRequired) await rule.approval(db);
    const details = { required: rule.isRequired };
    await noteAct(db, actor, { target: campaignTarget(campaignId), reason, details });
  });
}

async function over(db: Queryable, proposalId: number): Promise<Problem> {
  return proposalOver(await findProposal(db, proposalId));
}

export function proposalOver({ proposalId, state, decidedBy, expiresAt }: Proposal): Problem {
  const ways = {
    pending: 'can no longer do anything: what it asks for is so already',
    expired: `expired at ${expiresAt.toISOString()}`,
    approved: `was approved by ${decidedBy}`,
    withdrawn: `was withdrawn by ${decidedBy}`,
  };
  return new Problem('proposal-over', `Proposal ${proposalId} ${ways[state]}.`, { state });
}

function proposalTarget(proposalId: number): string {
  return `proposal ${proposalId}`;
}
