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
import { setTimeout as sleep } from 'node:timers/promises';
import {
  askVersion,
  effectVersion,
  listPending,
  type NewRules,
  type NewVersion,
  type RefusalReason,
  readVersion,
  refuseVersion,
  saveVersion,
  type Version,
} from '../../sql/campaign-versions.ts';
import { type Campaign, getCampaign, readDraftDraw } from '../../sql/campaigns.ts';
import { readDrawState } from '../../sql/draws.ts';
import { announcementOf, changedAnnouncement, type WantedDraw } from '../announce.ts';
import { type ApiDeps, clockMs } from '../api/deps.ts';
import { leaseMarginMs } from '../contract/lease/lease.ts';
import { Problem } from '../contract/problem.ts';
import { type Change, type Plan, type PlanTerms, planChange } from './plan.ts';
import type { Action } from './states.ts';

export type ChangeDeps = Pick<
  ApiDeps,
  'pool' | 'publish' | 'nowUs' | 'confirmations' | 'leaseMs' | 'randomness' | 'log'
>;

export interface Asked {
  readonly by: string;
  readonly reason: string | null;
}

/** A gateway that serves reads the board many times a lease; one that has not for all of one is silent. */
const WAIT_LEASES = 1;
const POLL_MS = 40;
/** Time for the ledger and the publication, as for a close ahead of time. */
const SLACK_MS = 250;

/** What a change is judged by, now. */
export async function planTerms(deps: ChangeDeps, campaign: Campaign): Promise<PlanTerms> {
  const marginMs = leaseMarginMs(deps.leaseMs);
  const rules = (await readDrawState(deps.pool, campaign.campaignId))?.rules ?? null;
  return {
    nowMs: await clockMs(deps),
    leadMs: WAIT_LEASES * deps.leaseMs + marginMs + SLACK_MS,
    marginMs,
    announcedClosesAt: rules === null ? null : new Date(Number(JSON.parse(rules).closes_at_us) / 1000),
  };
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
    if (saved.rulesHash !== null) await publishSoon(deps, saved);
    return saved;
  }
  const pending = await askVersion(deps.pool, wanted);
  const version = pending?.pending?.version;
  if (version === undefined) throw changedMeanwhile(campaignId);
  deps.log.info({ campaignId, version, action }, 'a change is asked of the gateways');
  const decided = await awaitDecision(deps, campaignId, version, stopping);
  const after = await find(deps, campaignId);
  if (decided.state === 'effective') return after;
  throw new Problem('change-refused', `It does not take effect. ${decided.refusal}`, {
    reason: decided.refused,
    version,
  });
}

/** The rules that a draft is announced with. */
async function draftRules(
  deps: ChangeDeps,
  campaign: Campaign,
  target: NewVersion['target'],
): Promise<NewRules> {
  const draw = (await readDraftDraw(deps.pool, campaign.campaignId)) as WantedDraw | undefined;
  return announcementOf(deps.randomness, campaign.campaignId, target, draw);
}

async function awaitDecision(
  deps: ChangeDeps,
  campaignId: number,
  version: number,
  stopping: AbortSignal,
): Promise<Version> {
  const untilMs = performance.now() + WAIT_LEASES * deps.leaseMs;
  for (;;) {
    const asked = await readVersion(deps.pool, campaignId, version);
    if (asked === undefined) throw new Error(`version ${version} of campaign ${campaignId} has gone`);
    const decided = await decide(deps, asked, performance.now() >= untilMs);
    if (decided.state !== 'pending') return decided;
    if (stopping.aborted) {
      throw new Problem(
        'unavailable',
        `The engine stops; version ${version} is decided by the next one. Look at the versions of the campaign.`,
        { version },
        { 'retry-after': '1' },
      );
    }
    // Ended early by a stop, which the next turn sees.
    await sleep(POLL_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** Decides changes that an engine has left behind. Called by every engine every now and then. */
export async function resumeChanges(deps: ChangeDeps): Promise<void> {
  for (const { ageMs, ...version } of await listPending(deps.pool)) {
    // One that is younger is in the hands of whoever asked; to decide it here as well does no harm.
    await decide(deps, version, ageMs > WAIT_LEASES * deps.leaseMs);
  }
}

/** One look at a pending version: it takes effect, is refused, or stays pending unless `isOver`. */
async function decide(deps: ChangeDeps, asked: Version, isOver: boolean): Promise<Version> {
  if (asked.state !== 'pending') return asked;
  const campaign = await find(deps, asked.campaignId);
  const lookedAtMs = performance.now();
  const seen = await lookAround(deps, campaign);
  const nowMs = seen === undefined ? undefined : seen.nowUs / 1000;
  if (nowMs !== undefined && asked.decideBy !== null && nowMs >= asked.decideBy.getTime()) {
    return await refuse(
      deps,
      asked,
      'too_near',
      'A time that it changes came too near before all gateways had confirmed.',
    );
  }
  if (nowMs !== undefined && seen?.missing.length === 0) return await effect(deps, asked, nowMs, lookedAtMs);
  if (!isOver) return asked;
  return seen === undefined
    ? await refuse(
        deps,
        asked,
        'redis_away',
        'Redis, by which gateways are told, is away or is being made anew.',
      )
    : await refuse(
        deps,
        asked,
        'gateway_silent',
        `These gateways have not confirmed it: ${seen.missing.join(', ')}.`,
      );
}

async function lookAround(deps: ChangeDeps, campaign: Campaign) {
  try {
    return await deps.confirmations(await deps.publish([campaign]));
  } catch (error) {
    deps.log.warn(
      { err: error, campaignId: campaign.campaignId },
      'gateways cannot be asked to confirm a change now',
    );
    return undefined;
  }
}

async function effect(deps: ChangeDeps, asked: Version, nowMs: number, lookedAtMs: number): Promise<Version> {
  const confirmed = {
    heardBy: new Date(Math.ceil(nowMs + leaseMarginMs(deps.leaseMs))),
    neverOpens: nowMs < asked.opensAt.getTime() - leaseMarginMs(deps.leaseMs),
  };
  const decided = await effectVersion(
    deps.pool,
    asked,
    confirmed,
    // A process that stood still since, or waited for the campaign, may be past `decideBy` by now.
    campaign =>
      performance.now() - lookedAtMs > leaseMarginMs(deps.leaseMs) && asked.decideBy !== null
        ? 'It took too long to be decided.'
        : refusalOf(campaign, asked),
    campaign => rulesWith(deps, campaign, asked),
  );
  deps.log.info(
    { campaignId: asked.campaignId, version: asked.version, state: decided.state },
    'a change is decided',
  );
  await publishSoon(deps, await find(deps, asked.campaignId));
  return decided;
}

async function refuse(
  deps: ChangeDeps,
  asked: Version,
  why: RefusalReason,
  detail: string,
): Promise<Version> {
  const decided = await refuseVersion(deps.pool, asked, why, detail);
  deps.log.warn({ campaignId: asked.campaignId, version: asked.version, why }, 'a change is refused');
  await publishSoon(deps, await find(deps, asked.campaignId));
  return decided;
}

/** Why a change that was asked for cannot be made any more; the campaign may have gone on meanwhile. */
function refusalOf(campaign: Campaign, asked: Version): string | undefined {
  const isClosing = campaign.closesAt.getTime() !== asked.closesAt.getTime();
  if (campaign.finishedAt !== null) return 'The campaign has come to its end meanwhile.';
  if (campaign.seed !== null && (asked.stage === 'cancelled' || isDrawMoved(campaign, asked))) {
    return 'The raffle has its randomness by now.';
  }
  if (isClosing && campaign.frozenAt !== null) return 'The campaign has closed meanwhile.';
  return undefined;
}

function isDrawMoved(campaign: Campaign, asked: Version): boolean {
  return campaign.drawsAt?.getTime() !== asked.drawsAt?.getTime();
}

/**
 * The rules that a version is announced with: new ones where something they name becomes another. Of a raffle that may have
 * entries they stay, as its draw is bound to them.
 */
function rulesWith(deps: ChangeDeps, campaign: Campaign, asked: Version): NewRules | undefined {
  const named = ({
    title,
    places,
    opensAt,
    closesAt,
  }: Pick<Campaign, 'title' | 'places' | 'opensAt' | 'closesAt'>) =>
    JSON.stringify([title, places, opensAt, closesAt]);
  if (asked.action !== 'edit' || named(campaign) === named(asked)) return undefined;
  const isBeforeOpening = asked.decideBy !== null && asked.decideBy < campaign.opensAt;
  if (campaign.kind === 'raffle' && !isBeforeOpening) return undefined;
  return changedAnnouncement(deps.randomness, campaign, asked);
}

/** It is in the ledger, whatever Redis does; the engine publishes what is not on the board when it can. */
async function publishSoon(deps: ChangeDeps, campaign: Campaign): Promise<void> {
  try {
    await deps.publish([campaign]);
  } catch (error) {
    deps.log.warn({ err: error, campaignId: campaign.campaignId }, 'a change is not published yet');
  }
}

async function find(deps: Pick<ChangeDeps, 'pool'>, campaignId: number): Promise<Campaign> {
  const campaign = await getCampaign(deps.pool, campaignId);
  if (campaign === undefined) throw new Error(`campaign ${campaignId} has gone`);
  return campaign;
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
