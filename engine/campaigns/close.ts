/**
 * Closing a campaign ahead of time, in two halves.
 *
 * A gateway that has not heard of the close goes on accepting, for as long as it may act on the board it has: LEASE_MS.
 * So the ledger may not say "closed since T" unless every gateway has known by T; else an entry answered with 202 would
 * be refused by the ledger. And a crash may come at any point between telling the one and the other. Hence:
 *
 * 1. closing_at is noted in the ledger: one lease, a margin and some slack ahead. The ledger still settles by
 *    closes_at, which is later.
 * 2. The campaign is published. Whoever publishes it from now on (settling, a rebuild, another engine) shows gateways
 *    closing_at in place of closes_at, so what was told is not taken back.
 * 3. Redis' clock is read: t. Every gateway acts on a board read later than this publication from t + LEASE_MS and a
 *    margin for clock rates on. closes_at becomes that instant, or closing_at if that is later, as it nearly always is.
 *    Where gateways have promised a later instant than t, or given one, that counts: the clock of Redis was set back, and
 *    theirs never go back.
 *
 * A crash or an error before 3 leaves closes_at as it was: gateways refuse from closing_at on (if they heard), and the
 * ledger waits for entries a while longer, to no harm. `resumeCloses`, or the operator who asks again, goes on at 2.
 * An answer to 2 that is lost may or may not have been heard: both are right, which is why closing_at is never undone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Queryable } from '../../sql/database.ts';
import {
  beginClose,
  type Campaign,
  completeClose,
  doorClosesAtUs,
  getCampaign,
  listBegunCloses,
  opensAtUs,
} from '../../sql/statements/campaigns/campaigns.ts';
import { latestStamp } from '../../sql/statements/entries/entries.ts';
import { readLatestPromise } from '../../sql/statements/progress/gateways.ts';
import { Problem } from '../contract/api/problem.ts';
import { instantOf } from '../contract/record/stamp.ts';
import { leaseMarginMs } from '../contract/redis/lease/lease.ts';
import { actingMs, type CampaignDeps } from './deps.ts';

type CloseDeps = Pick<CampaignDeps, 'pool' | 'publish' | 'nowUs' | 'leaseMs' | 'log'>;

/** Who wants it, and why. */
interface AskedClose {
  readonly by?: string;
  readonly reason?: string;
}

/** Time for the publication; when it takes longer, closes_at ends up later than closing_at, and all stays right. */
const PUBLISH_SLACK_MS = 250;
/** The clock is asked again at least this often while the close is waited for. */
const WAIT_STEP_MS = 1_000;

/**
 * Closes and resolves with the campaign when the close has passed. Throws Problem: unknown-campaign, not-open-yet, conflict,
 * unavailable when the gateways cannot be told now or the engine stops (`stopping`).
 */
export async function closeCampaign(
  deps: CloseDeps,
  campaignId: number,
  stopping: AbortSignal,
  asked: AskedClose = {},
): Promise<Campaign> {
  const campaign = await begin(deps, campaignId, asked);
  const told = campaign.closingAt === null ? campaign : await tellOrRefuse(deps, campaign);
  await waitForClose(deps, told, stopping);
  return await find(deps, campaignId);
}

/**
 * Goes on with closes that were begun and not completed, because an engine or Redis was gone. Called by the engine
 * every now and then; rejects when Redis or Postgres is away.
 */
export async function resumeCloses(deps: CloseDeps): Promise<void> {
  for (const campaign of await listBegunCloses(deps.pool)) await tell(deps, campaign);
}

/** What a close that began now would be; throws as `closeCampaign`. */
export async function closeWouldBe(
  deps: CloseDeps,
  campaignId: number,
): Promise<{ readonly campaign: Campaign; readonly closingAt: Date }> {
  const campaign = await find(deps, campaignId);
  if (campaign.stage === 'draft' || campaign.stage === 'cancelled') {
    throw new Problem('conflict', `Campaign ${campaignId} is ${campaign.stage} and cannot be closed.`);
  }
  const closingAt = new Date(
    Math.ceil((await actingMs(deps)) + deps.leaseMs + leaseMarginMs(deps.leaseMs) + PUBLISH_SLACK_MS),
  );
  if (campaign.closingAt === null && campaign.opensAt >= closingAt) {
    const opens = campaign.opensAt.toISOString();
    const detail = `Campaign ${campaignId} opens at ${opens} and cannot be closed before then.`;
    throw new Problem('not-open-yet', detail, { opens_at: opens });
  }
  const known = campaign.closingAt ?? campaign.closesAt;
  return { campaign, closingAt: known < closingAt ? known : closingAt };
}

async function begin(deps: CloseDeps, campaignId: number, asked: AskedClose): Promise<Campaign> {
  const { closingAt } = await closeWouldBe(deps, campaignId);
  const begun = await beginClose(deps.pool, campaignId, closingAt, asked);
  if (begun !== undefined) deps.log.info({ campaignId, closingAt }, 'early close started');
  return begun ?? (await find(deps, campaignId));
}

async function find(deps: Pick<CampaignDeps, 'pool'>, campaignId: number): Promise<Campaign> {
  const campaign = await getCampaign(deps.pool, campaignId);
  if (campaign === undefined) throw unknownCampaign(campaignId);
  return campaign;
}

export function unknownCampaign(campaignId: number): Problem {
  return new Problem('unknown-campaign', `Campaign ${campaignId} does not exist.`);
}

/** Publishes, and completes once it is known by when everybody must have heard. */
async function tell(deps: CloseDeps, campaign: Campaign): Promise<Campaign> {
  await deps.publish([campaign]);
  const heardMs =
    (await latestNowUs(deps.nowUs, deps.pool, campaign)) / 1000 + deps.leaseMs + leaseMarginMs(deps.leaseMs);
  const completed = await completeClose(deps.pool, campaign.campaignId, new Date(Math.ceil(heardMs)));
  // Another call or engine has completed it: then the ledger has another closes_at than this one read before.
  return completed ?? (await find(deps, campaign.campaignId));
}

/**
 * The latest time that any clock shows which counts: those of gateways as far as they are known, and that of Redis, which is
 * read last.
 */
export async function latestNowUs(
  nowUs: CloseDeps['nowUs'],
  db: Queryable,
  campaign: Campaign,
): Promise<number> {
  const stamp = await latestStamp(db, campaign.campaignId);
  const promisedUs = await readLatestPromise(db);
  return Math.max(await nowUs(), promisedUs, stamp === undefined ? 0 : instantOf(stamp, opensAtUs(campaign)));
}

async function tellOrRefuse(deps: CloseDeps, campaign: Campaign): Promise<Campaign> {
  // A close that has passed for the ledger as well has nobody to be told any more.
  if (campaign.closesAt.getTime() <= (await actingMs(deps))) return campaign;
  try {
    return await tell(deps, campaign);
  } catch (error) {
    deps.log.warn(
      { err: error, campaignId: campaign.campaignId },
      'cannot tell the gateways about an early close',
    );
    throw new Problem(
      'unavailable',
      'The close is recorded, but the gateways cannot be told right now. It continues once they can; retry.',
      {},
      { 'retry-after': '1' },
    );
  }
}

/** Waits until the close has passed, as gateways were told it and as the ledger has it. */
async function waitForClose(deps: CloseDeps, campaign: Campaign, stopping: AbortSignal): Promise<void> {
  const untilMs = Math.max(campaign.closesAt.getTime(), doorClosesAtUs(campaign) / 1000);
  for (;;) {
    const leftMs = untilMs - (await actingMs(deps));
    if (leftMs <= 0) return;
    if (stopping.aborted) {
      throw new Problem(
        'unavailable',
        'The engine is stopping; the close continues. Retry.',
        {},
        { 'retry-after': '1' },
      );
    }
    // Ended early by a stop, which the next turn sees.
    await sleep(Math.min(leftMs, WAIT_STEP_MS), undefined, { signal: stopping }).catch(() => undefined);
  }
}
