/** What waits for a second operator, and the rule by which it does. */
import type { FastifyInstance } from 'fastify';
import { listProposals } from '../../../sql/statements/operators/proposals.ts';
import { clockMs } from '../../campaigns/deps.ts';
import { findCampaign } from '../../campaigns/find-campaign.ts';
import {
  approvalOf,
  checkApproval,
  findProposal,
  isDecidedBy,
  isProposer,
  proposalOver,
  setRule,
  withdraw,
} from '../../operators/proposals.ts';
import { mayDo } from '../../operators/roles.ts';
import { CampaignPath } from '../contract/campaign-schemas.ts';
import { permissionFor } from '../contract/needs.ts';
import { operations } from '../contract/operations.ts';
import { ProposalPath, TwoPersonBody } from '../contract/proposals/proposal-schemas.ts';
import { PageQuery } from '../contract/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { addToLine } from '../http/acts.ts';
import { actorOf, forbidden } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { readPage } from '../http/pages.ts';
import { withEtag } from '../http/preconditions.ts';
import { addRoute } from '../http/routing.ts';
import { performProposal, proposalJson, proposeIfNeeded } from './acts-of-two.ts';
import { campaignJson } from './campaign-json.ts';

export function addProposalRoutes(app: FastifyInstance, deps: ApiDeps, stopping: AbortSignal): void {
  addRoute(app, operations.setTwoPerson, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    const { required, reason = null } = readBody(TwoPersonBody, request.body);
    const campaign = await findCampaign(deps.pool, id);
    if (!required) {
      const proposed = await proposeIfNeeded(deps, request, reply, campaign, request.body);
      if (proposed !== undefined) return proposed;
    } else await setRule(deps.pool, id, { isRequired: true }, { actor: actorOf(request), reason });
    const after = await findCampaign(deps.pool, id);
    withEtag(reply, after);
    return campaignJson(after, await clockMs(deps));
  });

  addRoute(app, operations.listProposals, async request => {
    const query = readParameters(PageQuery, request.query);
    const { rows, next } = await readPage(
      query,
      limit => listProposals(deps.pool, { after: query.after ?? 0, limit }),
      ({ proposalId }) => proposalId,
    );
    return { proposals: rows.map(proposalJson), next };
  });

  addRoute(app, operations.getProposal, async request => {
    const { id } = readParameters(ProposalPath, request.params);
    return proposalJson(await findProposal(deps.pool, id));
  });

  addRoute(app, operations.approveProposal, async request => {
    const { id } = readParameters(ProposalPath, request.params);
    const actor = actorOf(request);
    const { campaignId } = await findProposal(deps.pool, id);
    const campaign = await findCampaign(deps.pool, campaignId);
    // Read behind the campaign: if that has changed because another approval was faster, the proposal says so.
    const proposal = await findProposal(deps.pool, id);
    const needs = permissionFor(operations[proposal.operation]) ?? 'administer';
    if (!mayDo(actor.role, needs)) throw forbidden(actor, needs);
    addToLine(request, { campaignId: proposal.campaignId, proposed: proposal.operation });
    // The answer to the same approval may have been lost.
    if (proposal.state === 'approved' && isDecidedBy(proposal, actor)) return proposalJson(proposal);
    checkApproval(proposal, campaign, actor);
    const approval = approvalOf(proposal, actor);
    const failure = await performProposal(deps, { campaign, proposal, approval, stopping }).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const after = await findProposal(deps.pool, id);
    // Of two approvals at the same moment this one may be refused for what the other one did.
    if (after.state !== 'pending' && !isDecidedBy(after, actor)) throw proposalOver(after);
    if (failure !== undefined) throw failure.error;
    // It was done already, by an act that began before the rule was turned on.
    if (after.state === 'pending') throw proposalOver(after);
    return proposalJson(after);
  });

  addRoute(app, operations.withdrawProposal, async request => {
    const { id } = readParameters(ProposalPath, request.params);
    const actor = actorOf(request);
    const proposal = await findProposal(deps.pool, id);
    const needs = permissionFor(operations[proposal.operation]) ?? 'administer';
    if (!isProposer(proposal, actor) && !mayDo(actor.role, needs)) throw forbidden(actor, needs);
    return proposalJson(await withdraw(deps.pool, id, actor));
  });
}
