/**
 * POST /v1/campaigns/{id}/entries/me/claim: claims an offer. A claim is stamped and logged like an entry: once answered with
 * 202 it counts, whatever is killed afterwards, if it was stamped before the deadline. Retrying is always safe: until the engine has
 * decided, a gateway answers a claim that it has logged from memory (own-requests.ts).
 *
 * A gateway may not know yet of an outage that has extended the deadline. So it answers "lapsed" only after the engine has
 * decided that; until then it also logs a claim after the known deadline, and the answer says so.
 *
 * Nor may it know yet that the operator has ended an offer: the engine moves its deadline to when every gateway must know,
 * one lease after it published the end (engine/campaigns/telling/tell-then-act.ts). So a claim is stamped within a lease of the look-up.
 *
 * A blocked user claims nothing, and the offer lapses, except in a campaign with the two-person rule: there one operator alone cannot pass a
 * prize on, and could by a block. What the user claims cannot be redeemed while the block lasts.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { isoOfUs } from '../../engine/contract/api/instants.ts';
import { ITEM_CLAIM } from '../../engine/contract/record/record.ts';
import { LAST_STAMP_US } from '../../engine/contract/record/stamp.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import { monotonicUs } from '../clock/clock.ts';
import type { GatewayConfig } from '../config.ts';
import type { ClaimAccepted } from '../http/contract/entries.ts';
import { ANSWERED, type Reply } from '../http/reply.ts';
import { type Head, type RefusalParts, readTicket } from '../http/requests.ts';
import type { EntryStanding } from '../shared/lookups.ts';
import { claimByUsOf } from '../stream/deadlines.ts';
import type { Blocks } from './blocks.ts';
import { openPipeline, refuseWithdrawn, SOON, withReceipt } from './entry-answers.ts';
import { outcomeOf } from './entry-view.ts';
import { asker, type OwnRequestParts, standingOf } from './own-entry.ts';
import { Entry } from './stamped-entry.ts';

export interface ClaimParts extends OwnRequestParts {
  readonly config: Pick<GatewayConfig, 'LEASE_MS' | 'MAX_WAITING_ENTRIES'>;
  readonly blocks: Pick<Blocks, 'refuse'>;
}

export async function postClaim(
  parts: ClaimParts,
  reply: Reply,
  req: HttpRequest,
  head: Readonly<Head>,
): Promise<void> {
  const { forwardedFor } = head;
  const who = await asker(parts, reply, readTicket(head, undefined), req.getParameter(0));
  if (who === ANSWERED) return;
  const { campaign, userId } = who;
  const { campaignId } = campaign;
  const { own } = parts.repeats;
  const refuseRepeat = parts.repeats.guardOwn('claim', reply, { campaignId, userId, forwardedFor });
  if (refuseRepeat() === ANSWERED) return;
  const standing = await standingOf(parts, reply, campaign, userId);
  if (standing === ANSWERED) return;
  const { claimant } = standing;
  if (claimant?.state !== 'offered') own.decided('claim', campaignId, userId);
  switch (claimant?.state) {
    case 'offered':
      if (!campaign.twoPerson && parts.blocks.refuse(reply, userId, forwardedFor) === ANSWERED) return;
      break;
    case 'claimed':
      answerClaim(reply, campaign, standing, claimant, 'claimed');
      return;
    case 'lapsed':
      refuseLapsed(parts, reply, claimant.endedUs);
      return;
    case 'declined':
    case 'left':
      refuseWithdrawn(parts, reply, campaign, standing);
      return;
    case 'waitlisted':
    case undefined:
      if (standing.withdrawn) refuseWithdrawn(parts, reply, campaign, standing);
      else refuseNothing(parts, reply, campaign, standing);
      return;
  }
  if (refuseRepeat() === ANSWERED) return;
  const about = String(claimant.serial);
  const logged = own.standing('claim', campaignId, userId, about);
  if (logged !== undefined) {
    const outcome = outcomeAt(logged.instantUs, claimByUsOf(campaign, claimant));
    answerClaim(reply, campaign, standing, claimant, outcome, logged.receipt);
    return;
  }
  const pipeline = openPipeline(parts, reply);
  if (pipeline === ANSWERED) return;
  const instantUs = parts.clock.next();
  // Checked after the stamp: the look-up also waits for the log to confirm the epoch, perhaps for longer than a lease.
  if (monotonicUs() - standing.lookedUpUs > parts.config.LEASE_MS * 1_000) {
    parts.metrics.refuse('lookup');
    reply.problem('unavailable', 'Looking up the offer took too long. Retrying is safe.', { headers: SOON });
    return;
  }
  const claimByUs = claimByUsOf(campaign, claimant);
  if (instantUs > campaign.opensAtUs + LAST_STAMP_US) {
    refuseLapsed(parts, reply, claimByUs);
    return;
  }
  const outcome = outcomeAt(instantUs, claimByUs);
  const answer = (receipt: string | undefined): void =>
    answerClaim(reply, campaign, standing, claimant, outcome, receipt);
  const pending = own.begin('claim', campaignId, userId, about, instantUs);
  pipeline.gather(new Entry(parts, reply, campaign, userId, instantUs, ITEM_CLAIM, { answer, pending }));
}

function outcomeAt(instantUs: number, claimByUs: number): 'claimed' | 'claiming' {
  return instantUs <= claimByUs ? 'claimed' : 'claiming';
}

function answerClaim(
  reply: Reply,
  { campaignId }: BoardCampaign,
  { stamp }: EntryStanding,
  { serial, code }: { readonly serial: number; readonly code: string },
  outcome: ClaimAccepted['outcome'],
  receipt?: string,
): void {
  const answer: ClaimAccepted = { campaign: campaignId, stamp, serial, code, outcome };
  reply.json(202, withReceipt(answer, receipt));
}

function refuseLapsed(parts: RefusalParts, reply: Reply, lapsedUs: number): void {
  parts.metrics.refuse('lapsed');
  const lapsed_at = isoOfUs(lapsedUs);
  reply.problem('claim-lapsed', `The offer expired at ${lapsed_at} unclaimed.`, {
    members: { lapsed_at },
  });
}

function refuseNothing(
  parts: RefusalParts,
  reply: Reply,
  campaign: BoardCampaign,
  standing: EntryStanding,
): void {
  parts.metrics.refuse('nothing_to_claim');
  const outcome = outcomeOf(standing);
  const detail =
    campaign.claims === undefined
      ? `Campaign ${campaign.campaignId} has no claims: what it grants is final.`
      : `You have no offer in campaign ${campaign.campaignId}: your entry is ${outcome}.`;
  reply.problem('nothing-to-claim', detail, { members: { stamp: standing.stamp, outcome } });
}
