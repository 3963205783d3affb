/**
 * The acts that may wait for a second operator: what each would do, in the words of its dry run, and how an approval does it.
 * ../../operators/proposals.ts has the rule.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Campaign } from '../../../sql/statements/campaigns/campaigns.ts';
import { type Coupon, getCouponOf } from '../../../sql/statements/coupons/coupons.ts';
import type { Proposal, ProposedOperation } from '../../../sql/statements/operators/proposals.ts';
import { changeCampaign } from '../../campaigns/change.ts';
import {
  couponPreview,
  makeCoupon,
  replacementPreview,
  replaceTerms,
} from '../../campaigns/coupons/coupon-terms.ts';
import { clockMs } from '../../campaigns/deps.ts';
import { entrantsPreview, passOnPreview, passPrizeOn, setTerms } from '../../campaigns/draw-acts.ts';
import type { Change } from '../../campaigns/plan.ts';
import type { Action } from '../../campaigns/states.ts';
import { closeCampaign } from '../../campaigns/telling/close.ts';
import type { Actor } from '../../operators/acts.ts';
import { needsTwo, propose, proposedOperation, type Sanction, setRule } from '../../operators/proposals.ts';
import { TermsPreviewJson } from '../contract/coupons/coupon-schemas.ts';
import { PassedOnJson, PassOnBody } from '../contract/draw-schemas.ts';
import type { ProposalJson } from '../contract/proposals/proposal-schemas.ts';
import { EditBody } from '../contract/schedule-schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { addToLine } from '../http/acts.ts';
import { actorOf } from '../http/authentication.ts';
import { readBody } from '../http/input.ts';
import { campaignJson } from './campaign-json.ts';
import { closePreview, readEdit, readStateChange, wouldBe } from './changes.ts';
import { readNewCoupon, readReplacedTerms } from './coupons/coupon-json.ts';
import { tellCouponChanged } from './coupons/tell-coupon.ts';
import { readTerms } from './entrant-input.ts';

interface Approved {
  readonly campaign: Campaign;
  readonly proposal: Proposal;
  /** Who proposed it; the act is recorded as theirs, and its approval as the other's. */
  readonly actor: Actor;
  /** Approves the proposal, in the transaction of the act. */
  readonly approval: Sanction;
  readonly stopping: AbortSignal;
}

interface ActOfTwo {
  /** What it would do now. Throws the Problem with which it would be refused. */
  preview(deps: ApiDeps, campaign: Campaign, body: unknown): Promise<object>;
  /** Throws Problem like the act without a proposal. */
  perform(deps: ApiDeps, approved: Approved, body: unknown): Promise<unknown>;
}

function changing(action: Action, read: (body: unknown, campaign: Campaign) => Change): ActOfTwo {
  return {
    preview: (deps, campaign, body) => wouldBe(deps, campaign, action, read(body, campaign)),
    perform: (deps, { campaign, proposal, actor, approval, stopping }, body) => {
      const attribution = { actor, reason: proposal.reason, sanction: approval };
      return changeCampaign(deps, campaign, action, read(body, campaign), attribution, stopping);
    },
  };
}

const acts: Readonly<Record<ProposedOperation, ActOfTwo>> = {
  editCampaign: changing('edit', (body, campaign) => readEdit(readBody(EditBody, body), campaign)),
  announceCampaign: changing('announce', () => ({})),
  cancelCampaign: changing('cancel', body => readStateChange('cancel', body).change),
  raiseCampaign: changing('raise', body => readStateChange('raise', body).change),
  closeCampaign: {
    preview: (deps, { campaignId }) => closePreview(deps, campaignId),
    perform: (deps, { campaign, proposal, actor, approval, stopping }) => {
      const attribution = { actor, reason: proposal.reason, sanction: approval };
      return closeCampaign(deps, campaign.campaignId, attribution, stopping);
    },
  },
  passOn: {
    preview: (deps, { campaignId }, body) => passOnPreview(deps, campaignId, readBody(PassOnBody, body)),
    perform: (deps, { campaign, proposal, actor, approval, stopping }, body) => {
      const { passed_from: holder, alternate } = readBody(PassedOnJson, JSON.parse(proposal.would));
      const wanted = { ...readBody(PassOnBody, body), holder };
      const by = { actor, sanction: approval };
      return passPrizeOn(deps, campaign.campaignId, wanted, by, stopping, alternate);
    },
  },
  setEntrants: {
    preview: (deps, { campaignId }, body) => entrantsPreview(deps, campaignId, readTerms(body)),
    perform: (deps, { campaign, actor, approval }, body) =>
      setTerms(deps, campaign.campaignId, readTerms(body), { actor, sanction: approval }),
  },
  createCoupon: {
    preview: (deps, { campaignId }, body) => couponPreview(deps.pool, campaignId, readNewCoupon(body).terms),
    perform: (deps, { actor, approval }, body) => {
      const { of, terms, reason } = readNewCoupon(body);
      return makeCoupon(deps.pool, of, terms, { actor, reason, sanction: approval });
    },
  },
  replaceTerms: {
    preview: async (deps, { campaignId }, body) => {
      const coupon = await couponOf(deps, campaignId);
      const { terms } = readReplacedTerms(body, coupon);
      return replacementPreview(deps.pool, campaignId, coupon, terms);
    },
    perform: async (deps, { campaign, proposal, actor, approval }, body) => {
      const coupon = await couponOf(deps, campaign.campaignId);
      const { terms, reason } = readReplacedTerms(body, coupon);
      // The revision that these terms would be: another one has followed if they were changed since.
      const { version } = readBody(TermsPreviewJson, JSON.parse(proposal.would));
      const by = { actor, reason, sanction: approval };
      await replaceTerms(deps.pool, coupon, terms, version - 1, by);
      await tellCouponChanged(deps, coupon.couponId);
    },
  },
  setTwoPerson: {
    preview: async (deps, campaign) => {
      const nowMs = await clockMs(deps);
      const { rules_hash: _hash, ...shown } = campaignJson({ ...campaign, twoPerson: false }, nowMs);
      return {
        ...{ dry_run: true, action: 'set_two_person', gateways_confirm: false, effective_before: null },
        campaign: shown,
      };
    },
    perform: (deps, { campaign, proposal, actor, approval }) =>
      setRule(
        deps.pool,
        campaign.campaignId,
        { isRequired: false, approval },
        { actor, reason: proposal.reason },
      ),
  },
};

/** The coupon of a campaign's codes; its terms were to be replaced, and coupons are never deleted. */
async function couponOf({ pool }: ApiDeps, campaignId: number): Promise<Coupon> {
  const coupon = await getCouponOf(pool, campaignId);
  if (coupon === undefined) throw new Error(`the codes of campaign ${campaignId} have no terms`);
  return coupon;
}

/**
 * Stores the request as a proposal, and answers 202 with it, if it has to wait for a second operator; undefined if it has not. Call
 * it after everything else that may refuse the request. Throws Problem like the dry run.
 */
export async function proposeIfNeeded(
  deps: ApiDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  campaign: Campaign,
  body: unknown,
): Promise<ProposalJson | undefined> {
  const actor = actorOf(request);
  const operation = proposedOperation(actor.action);
  if (operation === undefined || !needsTwo(campaign, operation)) return undefined;
  const would = JSON.stringify(await acts[operation].preview(deps, campaign, body));
  const { campaignId, version } = campaign;
  const wanted = {
    campaignId,
    operation,
    body: JSON.stringify(body),
    would,
    version,
    reason: reasonOf(body),
  };
  const proposal = await propose(deps.pool, wanted, actor);
  addToLine(request, { proposalId: proposal.proposalId });
  reply.code(202).header('location', `/v1/proposals/${proposal.proposalId}`);
  return proposalJson(proposal);
}

/** Does what was proposed, in the name of who proposed it. */
export async function performProposal(
  deps: ApiDeps,
  { campaign, proposal, approval, stopping }: Omit<Approved, 'actor'>,
): Promise<void> {
  const { operation, proposedBy: name, proposedRole: role, proposedToken: tokenId, body } = proposal;
  const actor = { name, role, tokenId, action: operation };
  await acts[operation].perform(deps, { campaign, proposal, actor, approval, stopping }, JSON.parse(body));
}

function reasonOf(body: unknown): string | null {
  const reason: unknown = Object(body).reason;
  return typeof reason === 'string' ? reason : null;
}

/** Without the body where it was not read. */
export function proposalJson(proposal: Omit<Proposal, 'body'> & { readonly body?: string }): ProposalJson {
  const { body, reason, version, decidedBy, decidedAt } = proposal;
  return {
    id: proposal.proposalId,
    campaign: proposal.campaignId,
    operation: proposal.operation,
    ...(body === undefined ? {} : { body: JSON.parse(body) as unknown }),
    would: JSON.parse(proposal.would),
    version,
    reason,
    state: proposal.state,
    proposed_by: proposal.proposedBy,
    proposed_at: proposal.proposedAt.toISOString(),
    expires_at: proposal.expiresAt.toISOString(),
    decided_by: decidedBy,
    decided_at: decidedAt?.toISOString() ?? null,
  };
}
