/** Decides a change that gateways must confirm; change.ts lists the steps and why each is safe. */
import type { Queryable } from '../../sql/database.ts';
import {
  type Confirmed,
  effectVersion,
  listPending,
  type NewRules,
  type RefusalReason,
  readVersion,
  refuseVersion,
  type Version,
} from '../../sql/statements/campaigns/campaign-versions.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { ClocksApart } from '../clock/clock-watch.ts';
import { Problem } from '../contract/api/problem.ts';
import { leaseMarginMs } from '../contract/redis/lease/lease.ts';
import { campaignTarget, noteAct } from '../operators/acts.ts';
import { campaignName, tryEach } from '../retrying/try-each.ts';
import { operationOf, versionDetails } from './act-details.ts';
import { changedAnnouncement } from './announce.ts';
import { type CampaignDeps, clocksApart } from './deps.ts';
import { findCampaign } from './find-campaign.ts';
import { latestNowUs, pause, type Told, tellGateways } from './telling/tell-then-act.ts';

export type ChangeDeps = Pick<
  CampaignDeps,
  'pool' | 'publish' | 'nowUs' | 'confirmations' | 'leaseMs' | 'longestLeaseMs' | 'randomness' | 'log'
>;

/** A serving gateway reads the board many times per lease; one that has not for a whole lease is silent. */
export const WAIT_LEASES = 1;
const POLL_MS = 40;

/**
 * Waits until a pending version is decided, and decides it as soon as possible. Throws Problem unavailable if the engine stops
 * (`stopping`), after which another engine decides it; and while the clocks contradict each other, when it stays pending.
 */
export async function awaitDecision(
  deps: ChangeDeps,
  campaignId: number,
  version: number,
  stopping: AbortSignal,
): Promise<Version> {
  const untilMs = performance.now() + WAIT_LEASES * deps.leaseMs;
  for (;;) {
    const proposed = await readVersion(deps.pool, campaignId, version);
    if (proposed === undefined)
      throw new Error(`version ${version} of campaign ${campaignId} does not exist`);
    const decided = await decide(deps, proposed, performance.now() >= untilMs).catch((error: unknown) => {
      throw error instanceof ClocksApart ? clocksApart(error) : error;
    });
    if (decided.state !== 'pending') return decided;
    if (stopping.aborted) {
      throw new Problem(
        'unavailable',
        `The engine is stopping; the next one decides version ${version}. Check the versions of the campaign.`,
        { version },
        { 'retry-after': '1' },
      );
    }
    await pause(POLL_MS, stopping);
  }
}

/**
 * Decides changes that an engine has abandoned. Every engine calls it from time to time. Tries each, and rejects if any could
 * be neither decided nor left pending.
 */
export async function resumeChanges(deps: ChangeDeps): Promise<void> {
  await tryEach(await listPending(deps.pool), campaignName, async ({ ageMs, ...version }) => {
    try {
      // The requesting engine handles a younger one; deciding it here as well is harmless.
      await decide(deps, version, ageMs > WAIT_LEASES * deps.leaseMs);
    } catch (error) {
      // None of them can be decided now; the clock watch says why.
      if (!(error instanceof ClocksApart)) throw error;
    }
  });
}

/**
 * Checks a pending version once: it takes effect, is refused, or stays pending unless `isOver`. Rejects with ClocksApart,
 * with nothing decided, while the time is unknown.
 */
async function decide(deps: ChangeDeps, proposed: Version, isOver: boolean): Promise<Version> {
  if (proposed.state !== 'pending') return proposed;
  const campaign = await findCampaign(deps.pool, proposed.campaignId);
  const seen = await lookAround(deps, campaign, proposed);
  if ('failure' in seen) {
    if (!isOver) return proposed;
    const { campaignId } = campaign;
    deps.log.warn({ err: seen.failure, campaignId }, 'cannot ask the gateways to confirm a change');
    return await refuse(
      deps,
      proposed,
      'redis_away',
      'Redis, which tells the gateways, is unavailable or being rebuilt.',
    );
  }
  if (proposed.decideBy !== null && seen.nowUs / 1_000 >= proposed.decideBy.getTime()) {
    return await refuse(
      deps,
      proposed,
      'too_near',
      'A changed time came too near before all gateways had confirmed.',
    );
  }
  if (seen.missing.length === 0) return await effect(deps, campaign, proposed, seen);
  if (!isOver) return proposed;
  return await refuse(
    deps,
    proposed,
    'gateway_silent',
    `These gateways have not confirmed the change: ${seen.missing.join(', ')}.`,
  );
}

/** Tells the gateways of a change, and asks which of them have not confirmed it; or why that was not possible. */
async function lookAround(deps: ChangeDeps, campaign: Campaign, proposed: Version) {
  try {
    const { answer, ...told } = await tellGateways(deps, campaign, async epoch => {
      const confirmations = await deps.confirmations(proposed);
      if (confirmations?.epoch === epoch) return confirmations;
      throw new Error('the gateways of another registry have not been told');
    });
    return { ...told, missing: answer.missing };
  } catch (error) {
    if (error instanceof ClocksApart) throw error;
    return { failure: error };
  }
}

/**
 * Puts a version into effect that all gateways had confirmed. It stays pending if `decideBy` has passed meanwhile: this
 * process, or its machine with its monotonic clock, may have been suspended at any point. So the time that counts is read last
 * in the transaction, and the ledger rolls everything back unless it commits within the margin after that; `decideBy` lies as
 * far ahead of the times that change.
 */
async function effect(
  deps: ChangeDeps,
  campaign: Campaign,
  proposed: Version,
  { nowUs, knownUs }: Omit<Told<unknown>, 'answer'>,
): Promise<Version> {
  const marginMs = leaseMarginMs(deps.leaseMs);
  const confirmed: Confirmed = {
    knownBy: new Date(Math.ceil(knownUs / 1_000)),
    neverOpens: nowUs / 1_000 < proposed.opensAt.getTime() - marginMs,
    isStillSo: async db =>
      proposed.decideBy === null || (await isAhead(deps, db, campaign, proposed.decideBy)),
    withinMs: Math.floor(marginMs),
  };
  const decided = await effectVersion(
    deps.pool,
    proposed,
    confirmed,
    campaign => refusalOf(campaign, proposed),
    campaign => rulesWith(deps, campaign, proposed),
    noteVersion,
  );
  if (decided.state === 'pending') return decided;
  deps.log.info(
    { campaignId: proposed.campaignId, version: proposed.version, state: decided.state },
    'a change took effect',
  );
  await publishSoon(deps, await findCampaign(deps.pool, proposed.campaignId));
  return decided;
}

/** Another engine may have had the request: its operator is in the version. A version from before the log leaves no row. */
async function noteVersion(
  db: Queryable,
  { campaignId, version, action, askedBy, askedRole, askedToken, reason, ...target }: Version,
  before: Campaign,
): Promise<void> {
  if (askedRole === null || action === 'make') return;
  const actor = { name: askedBy, role: askedRole, tokenId: askedToken, action: operationOf(action) };
  const details = versionDetails(before, version, target);
  await noteAct(db, actor, { target: campaignTarget(campaignId), reason, details });
}

/** Whether an instant is certainly in the future. */
async function isAhead(
  { nowUs, log }: Pick<ChangeDeps, 'nowUs' | 'log'>,
  db: Queryable,
  campaign: Campaign,
  time: Date,
): Promise<boolean> {
  try {
    return (await latestNowUs(nowUs, db, campaign)) / 1000 < time.getTime();
  } catch (error) {
    const { campaignId } = campaign;
    log.warn({ err: error, campaignId }, 'cannot tell whether it is too late for a change');
    return false;
  }
}

async function refuse(
  deps: ChangeDeps,
  proposed: Version,
  why: RefusalReason,
  detail: string,
): Promise<Version> {
  const decided = await refuseVersion(deps.pool, proposed, why, detail);
  deps.log.warn({ campaignId: proposed.campaignId, version: proposed.version, why }, 'a change was refused');
  await publishSoon(deps, await findCampaign(deps.pool, proposed.campaignId));
  return decided;
}

/** Why a requested change is no longer possible; the campaign may have moved on meanwhile. */
function refusalOf(campaign: Campaign, proposed: Version): string | undefined {
  const isClosing = campaign.closesAt.getTime() !== proposed.closesAt.getTime();
  if (campaign.finishedAt !== null) return 'The campaign has finished meanwhile.';
  if (campaign.seed !== null && (proposed.stage === 'cancelled' || isDrawMoved(campaign, proposed))) {
    return 'The raffle already has its randomness.';
  }
  if (isClosing && campaign.frozenAt !== null) return 'The campaign has closed meanwhile.';
  return undefined;
}

function isDrawMoved(campaign: Campaign, proposed: Version): boolean {
  return campaign.drawsAt?.getTime() !== proposed.drawsAt?.getTime();
}

/**
 * The rules that a version is announced with: new ones if something they name changes. The rules of a raffle that may have
 * entries stay, because its draw is bound to them.
 */
function rulesWith(deps: ChangeDeps, campaign: Campaign, proposed: Version): NewRules | undefined {
  const named = ({
    title,
    stock,
    opensAt,
    closesAt,
  }: Pick<Campaign, 'title' | 'stock' | 'opensAt' | 'closesAt'>) =>
    JSON.stringify([title, stock, opensAt, closesAt]);
  // A room has none.
  if (campaign.kind === 'room') return undefined;
  if (proposed.action !== 'edit' || named(campaign) === named(proposed)) return undefined;
  const isBeforeOpening = proposed.decideBy !== null && proposed.decideBy < campaign.opensAt;
  if (campaign.kind === 'raffle' && !isBeforeOpening) return undefined;
  return changedAnnouncement(deps.randomness, campaign, proposed);
}

/** The change is in the ledger, whatever Redis does; the engine publishes it as soon as it can. */
export async function publishSoon(deps: ChangeDeps, campaign: Campaign): Promise<void> {
  try {
    await deps.publish([campaign]);
  } catch (error) {
    deps.log.warn({ err: error, campaignId: campaign.campaignId }, 'cannot publish a change yet');
  }
}
