/** Deciding a change that gateways have to confirm; change.ts says in which steps, and why each is safe. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  effectVersion,
  listPending,
  type NewRules,
  type RefusalReason,
  readVersion,
  refuseVersion,
  type Version,
} from '../../sql/campaign-versions.ts';
import { type Campaign, getCampaign } from '../../sql/campaigns.ts';
import { changedAnnouncement } from '../announce.ts';
import { latestNowUs } from '../api/close.ts';
import { type CampaignDeps, clocksApart } from '../campaign-deps.ts';
import { ClocksApart } from '../clock-watch.ts';
import { leaseMarginMs } from '../contract/lease/lease.ts';
import { Problem } from '../contract/problem.ts';

export type ChangeDeps = Pick<
  CampaignDeps,
  'pool' | 'publish' | 'nowUs' | 'confirmations' | 'leaseMs' | 'randomness' | 'log'
>;

/** A gateway that serves reads the board many times a lease; one that has not for all of one is silent. */
export const WAIT_LEASES = 1;
const POLL_MS = 40;

/**
 * Waits until a pending version is decided, and decides it as soon as that can be done. Throws Problem unavailable when the
 * engine stops (`stopping`); then another one decides it; and while the clocks contradict each other: it stays pending.
 */
export async function awaitDecision(
  deps: ChangeDeps,
  campaignId: number,
  version: number,
  stopping: AbortSignal,
): Promise<Version> {
  const untilMs = performance.now() + WAIT_LEASES * deps.leaseMs;
  for (;;) {
    const asked = await readVersion(deps.pool, campaignId, version);
    if (asked === undefined) throw new Error(`version ${version} of campaign ${campaignId} has gone`);
    const decided = await decide(deps, asked, performance.now() >= untilMs).catch((error: unknown) => {
      throw error instanceof ClocksApart ? clocksApart(error) : error;
    });
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
    try {
      // One that is younger is in the hands of whoever asked; to decide it here as well does no harm.
      await decide(deps, version, ageMs > WAIT_LEASES * deps.leaseMs);
    } catch (error) {
      // None of them can be decided now, and whatever else is tidied up can.
      if (error instanceof ClocksApart) return;
      throw error;
    }
  }
}

/**
 * One look at a pending version: it takes effect, is refused, or stays pending unless `isOver`. Rejects with ClocksApart,
 * and nothing decided, while it is not known what the time is.
 */
async function decide(deps: ChangeDeps, asked: Version, isOver: boolean): Promise<Version> {
  if (asked.state !== 'pending') return asked;
  const campaign = await findCampaign(deps, asked.campaignId);
  const lookedAtMs = performance.now();
  const seen = await lookAround(deps, campaign, asked);
  if (seen !== undefined && asked.decideBy !== null && seen.nowMs >= asked.decideBy.getTime()) {
    return await refuse(
      deps,
      asked,
      'too_near',
      'A time that it changes came too near before all gateways had confirmed.',
    );
  }
  if (seen?.missing.length === 0) return await effect(deps, asked, seen.nowMs, lookedAtMs);
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

async function lookAround(deps: ChangeDeps, campaign: Campaign, asked: Version) {
  try {
    await deps.publish([campaign]);
    const confirmations = await deps.confirmations(asked);
    // Read last: whatever is confirmed was so before.
    return confirmations && { ...confirmations, nowMs: (await latestNowUs(deps, campaign)) / 1000 };
  } catch (error) {
    if (error instanceof ClocksApart) throw error;
    deps.log.warn(
      { err: error, campaignId: campaign.campaignId },
      'gateways cannot be asked to confirm a change now',
    );
    return undefined;
  }
}

async function effect(deps: ChangeDeps, asked: Version, nowMs: number, lookedAtMs: number): Promise<Version> {
  const confirmed = {
    // As for a close ahead of time, which has the same clocks to reckon with.
    heardBy: new Date(Math.ceil(nowMs + deps.leaseMs + leaseMarginMs(deps.leaseMs))),
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
  await publishSoon(deps, await findCampaign(deps, asked.campaignId));
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
  await publishSoon(deps, await findCampaign(deps, asked.campaignId));
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
  // A room has none.
  if (campaign.kind === 'room') return undefined;
  if (asked.action !== 'edit' || named(campaign) === named(asked)) return undefined;
  const isBeforeOpening = asked.decideBy !== null && asked.decideBy < campaign.opensAt;
  if (campaign.kind === 'raffle' && !isBeforeOpening) return undefined;
  return changedAnnouncement(deps.randomness, campaign, asked);
}

/** It is in the ledger, whatever Redis does; the engine publishes what is not on the board when it can. */
export async function publishSoon(deps: ChangeDeps, campaign: Campaign): Promise<void> {
  try {
    await deps.publish([campaign]);
  } catch (error) {
    deps.log.warn({ err: error, campaignId: campaign.campaignId }, 'a change is not published yet');
  }
}

export async function findCampaign(deps: Pick<ChangeDeps, 'pool'>, campaignId: number): Promise<Campaign> {
  const campaign = await getCampaign(deps.pool, campaignId);
  if (campaign === undefined) throw new Error(`campaign ${campaignId} has gone`);
  return campaign;
}
