/**
 * Changes a campaign that gateways may know, so that no gateway ever acts on a state other than the ledger's. These are the
 * states of telling/tell-then-act.ts, where gateways confirm what they have read.
 *
 * 1. `proposed`: the engine records a version as pending, also on the campaign, so that the board shows both the version in effect
 *    and the pending one. A gateway that has read this accepts only what both allow: it delays an opening that is being moved,
 *    closes at the earlier of two closes, and admits nobody to a campaign that is being paused or cancelled
 *    (gateway/entry/admission-control.ts).
 * 2. `confirmed`: every gateway with a lease acts on a board that shows the pending version. From then on nobody accepts
 *    anything that only the old version allows.
 * 3. `effective`: one transaction changes the ledger and the version. Gateways learn of it and resume; until then they hold. Or
 *    `refused`, at any time before: the ledger stays as it was, and gateways continue as before.
 *
 * Repeating a step, by another engine or after a crash, is harmless: a version is decided once, under the lock of its campaign.
 * The version is refused if a gateway is silent for longer than WAIT_LEASES, or at `decideBy`: by then a changed time is so
 * near that clocks may differ about it. If an engine crashes at 1, gateways hold until another one decides, within a second or
 * two; without any engine they hold until one is back. Only the opening or close being changed is held.
 */
import type { Queryable } from '../../sql/database.ts';
import {
  type NewRules,
  type NewVersion,
  proposeVersion,
  saveVersion,
  targetOf,
} from '../../sql/statements/campaigns/campaign-versions.ts';
import { type Campaign, readDraftTerms } from '../../sql/statements/campaigns/campaigns.ts';
import { readDrawState } from '../../sql/statements/draws/draws.ts';
import { faultsText, Problem } from '../contract/api/problem.ts';
import { leaseMarginMs } from '../contract/redis/lease/lease.ts';
import { campaignTarget, noteAct } from '../operators/acts.ts';
import { type Attribution, UNGUARDED } from '../operators/proposals.ts';
import { versionDetails } from './act-details.ts';
import { announcementOf, raisedRules, type WantedRules } from './announce.ts';
import { awaitDecision, type ChangeDeps, publishSoon, WAIT_LEASES } from './decide.ts';
import { actingMs } from './deps.ts';
import { findCampaign } from './find-campaign.ts';
import { type Change, type Plan, type PlanTerms, planChange } from './plan.ts';
import type { Action } from './states.ts';
import { raiseFault, tellRaise } from './telling/raising.ts';
import { PUBLISH_SLACK_MS } from './telling/tell-then-act.ts';

/** The current facts that decide about a change. */
export async function planTerms(deps: ChangeDeps, campaign: Campaign): Promise<PlanTerms> {
  const marginMs = leaseMarginMs(deps.leaseMs);
  const { rules = null, raises = 0 } = (await readDrawState(deps.pool, campaign.campaignId)) ?? {};
  const draft = await readWanted(deps, campaign);
  return {
    nowMs: await actingMs(deps),
    leadMs: WAIT_LEASES * deps.leaseMs + marginMs + PUBLISH_SLACK_MS,
    marginMs,
    announcedClosesAt: rules === null ? null : new Date(Number(JSON.parse(rules).closes_at_us) / 1000),
    claimWithinS: campaign.claimWithinS ?? draft?.claims?.withinS ?? null,
    raises,
  };
}

/** The rules in a draft. */
async function readWanted(deps: ChangeDeps, { campaignId }: Campaign): Promise<WantedRules | undefined> {
  return (await readDraftTerms(deps.pool, campaignId)) as WantedRules | undefined;
}

/** The plan of an allowed change. Throws Problem conflict, invalid-request or change-refused if it is not allowed. */
export function allowedPlan(
  campaign: Campaign,
  action: Action,
  change: Change,
  terms: PlanTerms,
): Extract<Plan, { readonly is: 'allowed' }> {
  if (campaign.pending !== null) throw anotherPending(campaign.campaignId);
  const plan = planChange(campaign, action, change, terms);
  switch (plan.is) {
    case 'allowed':
      return plan;
    case 'state':
      throw new Problem('conflict', plan.detail);
    case 'wrong':
      throw new Problem('invalid-request', `Invalid change: ${faultsText(plan.errors)}.`, {
        errors: plan.errors,
      });
    case 'refused':
      throw new Problem('change-refused', `Invalid change: ${faultsText(plan.errors)}.`, {
        reason: plan.reason,
        errors: plan.errors,
      });
  }
}

/**
 * Makes a change and resolves with the campaign once the change is in effect. Throws Problem: those of `allowedPlan`;
 * precondition-failed if the version in effect differs from that of `campaign`; change-refused if it was refused meanwhile;
 * unavailable when the engine stops (`stopping`).
 */
export async function changeCampaign(
  deps: ChangeDeps,
  campaign: Campaign,
  action: Action,
  change: Change,
  { actor, reason, sanction = UNGUARDED }: Attribution,
  stopping: AbortSignal,
): Promise<Campaign> {
  const { campaignId } = campaign;
  const terms = await planTerms(deps, campaign);
  const plan = allowedPlan(campaign, action, change, terms);
  const wanted: NewVersion = {
    campaignId,
    action,
    baseVersion: campaign.version,
    target: plan.target,
    askedBy: actor.name,
    askedRole: actor.role,
    askedToken: actor.tokenId,
    reason,
    decideBy: plan.decideBy,
  };
  if (!plan.confirms) {
    const rules = plan.announces ? await newRules(deps, campaign, action, plan.target) : undefined;
    const note = async (db: Queryable, after: Campaign, before: Campaign): Promise<void> => {
      await sanction(db);
      const details = versionDetails(before, after.version, {
        ...targetOf(after),
        rulesHash: after.rulesHash,
      });
      await noteAct(db, actor, { target: campaignTarget(campaignId), reason, details });
    };
    const check = action === 'raise' ? stillRaisable(terms) : undefined;
    const saved = await saveVersion(deps.pool, wanted, rules, note, check);
    if (saved === undefined) throw changedMeanwhile(campaignId);
    if (action === 'raise') await tellRaise(deps, saved);
    else if (saved.stage !== 'draft') await publishSoon(deps, saved);
    return saved;
  }
  const pending = await proposeVersion(deps.pool, wanted, sanction);
  const version = pending?.pending?.version;
  if (version === undefined) throw changedMeanwhile(campaignId);
  deps.log.info({ campaignId, version, action }, 'a change waits for the gateways to confirm it');
  const decided = await awaitDecision(deps, campaignId, version, stopping);
  const after = await findCampaign(deps.pool, campaignId);
  if (decided.state === 'effective') return after;
  throw new Problem('change-refused', `The change was refused. ${decided.refusal}`, {
    reason: decided.refused,
    version,
  });
}

/** Settlement makes no versions, so it may have gone on since the plan; raises make versions. Throws Problem conflict. */
function stillRaisable(terms: PlanTerms): (campaign: Campaign) => void {
  return campaign => {
    const detail = raiseFault(campaign, terms);
    if (detail !== undefined) throw new Problem('conflict', detail);
  };
}

/** The rules to announce with a version that takes effect at once; a room has none. */
async function newRules(
  deps: ChangeDeps,
  campaign: Campaign,
  action: Action,
  target: NewVersion['target'],
): Promise<NewRules | undefined> {
  if (campaign.kind === 'room') return undefined;
  if (action === 'raise') {
    const rules = (await readDrawState(deps.pool, campaign.campaignId))?.rules;
    // Announced when an engine first sees it, within a moment.
    if (typeof rules !== 'string') throw notAnnounced(campaign.campaignId);
    return raisedRules(rules, target.stock);
  }
  const terms = await readWanted(deps, campaign);
  const { draw, claims, monitors } = terms ?? {};
  return announcementOf(deps.randomness, campaign.campaignId, target, draw, claims, monitors);
}

function notAnnounced(campaignId: number): Problem {
  const detail = `The rules of campaign ${campaignId} are not announced yet. Retrying is safe.`;
  return new Problem('conflict', detail, {}, { 'retry-after': '1' });
}

function anotherPending(campaignId: number): Problem {
  return new Problem(
    'conflict',
    `Another change of campaign ${campaignId} is waiting for gateways to confirm it. Retrying is safe.`,
    {},
    { 'retry-after': '1' },
  );
}

function changedMeanwhile(campaignId: number): Problem {
  return new Problem(
    'precondition-failed',
    `Campaign ${campaignId} has changed meanwhile: read it again with its ETag.`,
    { errors: [{ field: 'if-match', expected: 'the current ETag of the campaign' }] },
  );
}
