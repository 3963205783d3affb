/**
 * Closes a campaign early, in the states of tell-then-act.ts:
 *
 * - `noted`: closing_at is set, one lease, a margin and some slack ahead. The ledger still settles by closes_at, which is
 *   later.
 * - `told`: gateways are shown closing_at in place of closes_at, and accept nothing from then on.
 * - `due`: closes_at becomes the instant at which every gateway knew, or closing_at if that is later, as it nearly always is.
 *
 * A crash before `due` leaves closes_at as it was: the gateways that know refuse from closing_at on, and the ledger waits a
 * while longer for entries, which does no harm. `resumeUntold` (untold.ts), or a repeated request of the operator, continues.
 */
import { transaction } from '../../../sql/database.ts';
import {
  admissionEndsAtUs,
  beginClose,
  type Campaign,
  completeClose,
} from '../../../sql/statements/campaigns/campaigns.ts';
import { Problem } from '../../contract/api/problem.ts';
import { campaignTarget, noteAct } from '../../operators/acts.ts';
import { type Attribution, UNGUARDED } from '../../operators/proposals.ts';
import { actingMs } from '../deps.ts';
import { findCampaign } from '../find-campaign.ts';
import { type Notice, noticeMs, pause, type TellDeps, tellThenActOrRefuse } from './tell-then-act.ts';

export const EARLY_CLOSES: Notice<Campaign | undefined> = {
  name: 'early close',
  makeDue: (pool, { campaignId }, knownUs) =>
    completeClose(pool, campaignId, new Date(Math.ceil(knownUs / 1_000))),
};
/** While waiting for a close, the clock is read at least this often. */
const WAIT_STEP_MS = 1_000;

/**
 * Closes the campaign, and resolves with it when the close has passed. Throws Problem: unknown-campaign, not-open-yet,
 * conflict; that of the sanction; unavailable if the gateways cannot be told now or the engine stops (`stopping`).
 */
export async function closeCampaign(
  deps: TellDeps,
  campaignId: number,
  attribution: Attribution,
  stopping: AbortSignal,
): Promise<Campaign> {
  const campaign = await begin(deps, campaignId, attribution);
  const told = campaign.closingAt === null ? campaign : await tellOrRefuse(deps, campaign);
  await waitForClose(deps, told, stopping);
  return await findCampaign(deps.pool, campaignId);
}

/** What a close that began now would be; throws like `closeCampaign`. */
export async function closeWouldBe(
  deps: TellDeps,
  campaignId: number,
): Promise<{ readonly campaign: Campaign; readonly closingAt: Date }> {
  const campaign = await findCampaign(deps.pool, campaignId);
  if (campaign.stage === 'draft' || campaign.stage === 'cancelled') {
    throw new Problem('conflict', `Campaign ${campaignId} is ${campaign.stage} and cannot be closed.`);
  }
  const closingAt = new Date(Math.ceil((await actingMs(deps)) + noticeMs(deps.leaseMs)));
  if (campaign.closingAt === null && campaign.opensAt >= closingAt) {
    const opens = campaign.opensAt.toISOString();
    const detail = `Campaign ${campaignId} opens at ${opens} and cannot be closed before then.`;
    throw new Problem('not-open-yet', detail, { opens_at: opens });
  }
  const known = campaign.closingAt ?? campaign.closesAt;
  return { campaign, closingAt: known < closingAt ? known : closingAt };
}

async function begin(
  deps: TellDeps,
  campaignId: number,
  { actor, reason, sanction = UNGUARDED }: Attribution,
): Promise<Campaign> {
  const { closingAt } = await closeWouldBe(deps, campaignId);
  // Nothing undoes a close that was noted, so the act is done.
  const begun = await transaction(deps.pool, async db => {
    const noted = await beginClose(db, campaignId, closingAt, { by: actor.name, reason });
    if (noted !== undefined) {
      await sanction(db);
      const details = { version: noted.version, closes_at: closingAt };
      await noteAct(db, actor, { target: campaignTarget(campaignId), reason, details });
    }
    return noted;
  });
  if (begun !== undefined) deps.log.info({ campaignId, closingAt }, 'early close started');
  return begun ?? (await findCampaign(deps.pool, campaignId));
}

async function tellOrRefuse(deps: TellDeps, campaign: Campaign): Promise<Campaign> {
  // If the close has passed for the ledger too, no gateway has to be told.
  if (campaign.closesAt.getTime() <= (await actingMs(deps))) return campaign;
  const completed = await tellThenActOrRefuse(deps, EARLY_CLOSES, campaign);
  // undefined: another call or engine has completed the close, so the ledger's closes_at is not the one read before.
  return completed ?? (await findCampaign(deps.pool, campaign.campaignId));
}

/** Waits until the close has passed, both as gateways were told and according to the ledger. */
async function waitForClose(deps: TellDeps, campaign: Campaign, stopping: AbortSignal): Promise<void> {
  const untilMs = Math.max(campaign.closesAt.getTime(), admissionEndsAtUs(campaign) / 1000);
  for (;;) {
    const leftMs = untilMs - (await actingMs(deps));
    if (leftMs <= 0) return;
    if (stopping.aborted) {
      throw new Problem(
        'unavailable',
        'The engine is stopping; the close continues. Retrying is safe.',
        {},
        { 'retry-after': '1' },
      );
    }
    await pause(Math.min(leftMs, WAIT_STEP_MS), stopping);
  }
}
