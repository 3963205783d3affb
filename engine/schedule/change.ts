/**
 * Changing a campaign that gateways may know of, so that none of them ever acts on something else than the ledger does.
 *
 * 1. `asked`: a version is recorded as pending, and stands on the campaign, so that whoever publishes it shows both: what
 *    holds, and what is asked for. From when a gateway has read that, it takes only what is right under either: it holds an
 *    opening that is moved, closes at the earlier of two closes, and lets nobody in to a campaign that is being paused or
 *    cancelled (gateway/door.ts).
 * 2. `confirmed`: every gateway with a lease acts on a board that shows it. Nobody takes anything that only the old version
 *    would take, from then on.
 * 3. `effective`: in one transaction the ledger changes and the version says so. Gateways hear of it and go on; until
 *    then they hold. Or `refused`, at any time before: the ledger stays as it was, and gateways go on as before.
 *
 * A step that is repeated, by another engine or after a crash, does no harm: a version is decided once, under the lock of
 * its campaign. A gateway that is silent for longer than WAIT_LEASES makes it refused, and so does `decideBy`: then a time
 * that it changes is so near that clocks may differ about it. An engine that crashes at 1 leaves gateways holding until
 * another one decides, within a second or two; with no engine at all they hold until one is back. Only the opening or the
 * close that was being changed is held.
 */
import { askVersion, type NewRules, type NewVersion, saveVersion } from '../../sql/campaign-versions.ts';
import { type Campaign, readDraftTerms } from '../../sql/campaigns.ts';
import { readDrawState } from '../../sql/draws.ts';
import { announcementOf, type WantedRules } from '../announce.ts';
import { actingMs } from '../campaign-deps.ts';
import { leaseMarginMs } from '../contract/lease/lease.ts';
import { Problem } from '../contract/problem.ts';
import { awaitDecision, type ChangeDeps, findCampaign, publishSoon, WAIT_LEASES } from './decide.ts';
import { type Change, type Plan, type PlanTerms, planChange } from './plan.ts';
import type { Action } from './states.ts';

export interface Asked {
  readonly by: string;
  readonly reason: string | null;
}

/** Time for the ledger and the publication, as for a close ahead of time. */
const SLACK_MS = 250;

/** What a change is judged by, now. */
export async function planTerms(deps: ChangeDeps, campaign: Campaign): Promise<PlanTerms> {
  const marginMs = leaseMarginMs(deps.leaseMs);
  const rules = (await readDrawState(deps.pool, campaign.campaignId))?.rules ?? null;
  const draft = await readWanted(deps, campaign);
  return {
    nowMs: await actingMs(deps),
    leadMs: WAIT_LEASES * deps.leaseMs + marginMs + SLACK_MS,
    marginMs,
    announcedClosesAt: rules === null ? null : new Date(Number(JSON.parse(rules).closes_at_us) / 1000),
    claimWithinS: campaign.claimWithinS ?? draft?.claims?.withinS ?? null,
  };
}

/** What a draft is to be announced with. */
async function readWanted(deps: ChangeDeps, { campaignId }: Campaign): Promise<WantedRules | undefined> {
  return (await readDraftTerms(deps.pool, campaignId)) as WantedRules | undefined;
}

/** The plan of a change that may be made. Throws Problem: conflict, invalid-request or change-refused where it may not. */
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
      throw new Problem('invalid-request', `Right would be: ${plan.errors.map(said).join('; ')}.`, {
        errors: plan.errors,
      });
    case 'refused':
      throw new Problem('change-refused', `Right would be: ${plan.errors.map(said).join('; ')}.`, {
        reason: plan.reason,
        errors: plan.errors,
      });
  }
}

function said({ field, value, expected }: { field: string; value?: string; expected: string }): string {
  return `${field} is ${value}: ${expected}`;
}

/**
 * Makes a change and resolves with the campaign when it is in effect. Throws Problem: those of `allowedPlan`,
 * precondition-failed where another version is in effect than `campaign` has, change-refused where it was refused on the
 * way, unavailable when the engine stops (`stopping`).
 */
export async function changeCampaign(
  deps: ChangeDeps,
  campaign: Campaign,
  action: Action,
  change: Change,
  asked: Asked,
  stopping: AbortSignal,
): Promise<Campaign> {
  const { campaignId } = campaign;
  const plan = allowedPlan(campaign, action, change, await planTerms(deps, campaign));
  const wanted: NewVersion = {
    campaignId,
    action,
    baseVersion: campaign.version,
    target: plan.target,
    askedBy: asked.by,
    reason: asked.reason,
    decideBy: plan.decideBy,
  };
  if (!plan.confirms) {
    const rules = plan.announces ? await draftRules(deps, campaign, plan.target) : undefined;
    const saved = await saveVersion(deps.pool, wanted, rules);
    if (saved === undefined) throw changedMeanwhile(campaignId);
    if (saved.stage !== 'draft') await publishSoon(deps, saved);
    return saved;
  }
  const pending = await askVersion(deps.pool, wanted);
  const version = pending?.pending?.version;
  if (version === undefined) throw changedMeanwhile(campaignId);
  deps.log.info({ campaignId, version, action }, 'a change is asked of the gateways');
  const decided = await awaitDecision(deps, campaignId, version, stopping);
  const after = await findCampaign(deps, campaignId);
  if (decided.state === 'effective') return after;
  throw new Problem('change-refused', `It does not take effect. ${decided.refusal}`, {
    reason: decided.refused,
    version,
  });
}

/** The rules that a draft is announced with; a room has none. */
async function draftRules(
  deps: ChangeDeps,
  campaign: Campaign,
  target: NewVersion['target'],
): Promise<NewRules | undefined> {
  if (campaign.kind === 'room') return undefined;
  const terms = await readWanted(deps, campaign);
  const { draw, claims, monitors } = terms ?? {};
  return announcementOf(deps.randomness, campaign.campaignId, target, draw, claims, monitors);
}

function anotherPending(campaignId: number): Problem {
  return new Problem(
    'conflict',
    `Another change of campaign ${campaignId} waits for gateways to confirm it. Ask again.`,
    {},
    { 'retry-after': '1' },
  );
}

function changedMeanwhile(campaignId: number): Problem {
  return new Problem(
    'precondition-failed',
    `Campaign ${campaignId} was changed meanwhile: read it again, with its ETag.`,
    { errors: [{ field: 'if-match', expected: 'the ETag that the campaign has now' }] },
  );
}
