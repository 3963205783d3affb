/**
 * Deadlines moved by the operator, in campaigns with claims. An extension counts at once: a gateway that does not know of it
 * shows less time than the holder has. An early end follows the states of tell-then-act.ts:
 *
 * - `noted`: ending_us is set, one lease, a margin and some slack ahead, or to the deadline if that is sooner. The ledger still
 *   decides by the deadline.
 * - `told`: gateways are shown ending_us in place of the deadline. A claim stamped later is logged and answered as `claiming`:
 *   it may still count.
 * - `due`: the deadline becomes the instant at which every gateway knew, or ending_us if that is later. The offer then ends
 *   like any other, when the watermark passes its deadline: a claim stamped before counts. So no claim that a gateway has
 *   answered as claimed becomes void.
 *
 * A crash before `due` leaves the deadline as it was. `resumeEnds`, or a repeated request of the operator, continues.
 */
import { type Campaign, opensAtUs } from '../../../sql/statements/campaigns/campaigns.ts';
import {
  beginEnd,
  completeEnds,
  extendDeadline,
  listBegunEnds,
  type OfferState,
  readNextWaiting,
  readOffer,
} from '../../../sql/statements/claims/offers.ts';
import { isoOfUs } from '../../contract/api/instants.ts';
import { fieldFault, invalidRequest, Problem } from '../../contract/api/problem.ts';
import { LAST_STAMP_US } from '../../contract/record/stamp.ts';
import { type Actor, type By, campaignTarget, noteAct } from '../../operators/acts.ts';
import { type Sanction, UNGUARDED } from '../../operators/proposals.ts';
import { type CampaignDeps, nowUsOrRefuse } from '../deps.ts';
import { findCampaign } from '../find-campaign.ts';
import {
  noticeMs,
  pause,
  type ResumedNotice,
  resume,
  type TellDeps,
  tellThenActOrRefuse,
} from './tell-then-act.ts';

const OFFER_ENDS: ResumedNotice<number> = {
  name: 'end of the offer',
  listNoted: listBegunEnds,
  makeDue: completeEnds,
};

const LOOK_MS = 50;
/** The time for the watermark to pass the deadline; while the watermark stands still the result is unknown. */
const SETTLE_MS = 5_000;

/**
 * Extends the deadline of an open offer. Throws Problem: conflict if the holder does not have it open, it could be claimed
 * until later already, or its end was requested; invalid-request if nobody could claim any more by then.
 */
export async function extendOffer(
  deps: Pick<CampaignDeps, 'pool' | 'log'>,
  campaign: Campaign,
  {
    serial,
    holder,
    claim_by,
  }: { readonly serial: number; readonly holder: string; readonly claim_by: string },
  { actor, reason }: By,
): Promise<{ readonly serial: number; readonly user: string; readonly claim_by: string }> {
  const { campaignId } = campaign;
  const claimByUs = new Date(claim_by).getTime() * 1_000;
  const offer = await readOffer(deps.pool, campaignId, serial);
  const isHeld = offer?.state === 'offered' && offer.userId === holder;
  if (!isHeld) {
    const detail = `Serial ${serial} of campaign ${campaignId} is not offered to this holder right now.`;
    throw new Problem('conflict', detail);
  }
  if (offer.isEnding) throw new Problem('conflict', `The offer of serial ${serial} is being ended.`);
  if (claimByUs <= offer.claimByUs) {
    const detail = `Serial ${serial} can already be claimed until ${isoOfUs(offer.claimByUs)}; a deadline can only be extended.`;
    throw new Problem('conflict', detail);
  }
  const lastUs = opensAtUs(campaign) + LAST_STAMP_US;
  if (claimByUs > lastUs) {
    const right = `${isoOfUs(lastUs)} or earlier: claims are stamped, and stamps end then`;
    throw invalidRequest([fieldFault('claim_by', claim_by, right)]);
  }
  const isExtended = await extendDeadline(deps.pool, campaignId, { serial, holder, atUs: claimByUs }, db =>
    noteAct(db, actor, {
      target: campaignTarget(campaignId),
      reason,
      details: { serial, claim_by: isoOfUs(claimByUs) },
    }),
  );
  if (!isExtended) {
    throw new Problem('conflict', `The offer of serial ${serial} has changed meanwhile, or has ended.`);
  }
  deps.log.info({ campaignId, serial }, 'claim deadline extended');
  return { serial, user: holder, claim_by: isoOfUs(claimByUs) };
}

export interface EndedOffer {
  readonly serial: number;
  readonly tier: number | null;
  readonly alternate: number;
  readonly user: string;
  readonly passed_from: string;
}

interface OfferToEnd {
  readonly serial: number;
  /** undefined: the user to whom it was first granted, or who won it in the draw. */
  readonly holder: string | undefined;
}

/** The offer that is to end, with its holder. Throws Problem conflict if nobody, or another holder, has it. */
async function findHeld(
  deps: Pick<CampaignDeps, 'pool'>,
  campaignId: number,
  { serial, holder: wanted }: OfferToEnd,
): Promise<OfferState> {
  const offer = await readOffer(deps.pool, campaignId, serial);
  if (offer === undefined) {
    throw new Problem('conflict', `Serial ${serial} of campaign ${campaignId} was never offered.`, {
      errors: [fieldFault('serial', serial, 'the serial of an offer')],
    });
  }
  const holder = wanted ?? (offer.waitlistPosition === null ? offer.userId : undefined);
  if (holder !== offer.userId) {
    const detail =
      holder === undefined
        ? `Serial ${serial} was already passed on; name its holder to pass it on again.`
        : `Serial ${serial} belongs to another holder.`;
    throw new Problem('conflict', detail, { holder: offer.userId });
  }
  return offer;
}

function endedAlready(serial: number, { state }: OfferState): Problem {
  return new Problem('conflict', `The offer of serial ${serial} is already ${state}.`);
}

/** Who would get the offer in the current state: later claims, and other prizes that become free first, can change it. */
export async function endWouldBe(
  deps: Pick<CampaignDeps, 'pool'>,
  campaignId: number,
  wanted: OfferToEnd,
): Promise<EndedOffer> {
  const { serial } = wanted;
  const offer = await findHeld(deps, campaignId, wanted);
  if (offer.state !== 'offered') throw endedAlready(serial, offer);
  const next = await readNextWaiting(deps.pool, campaignId);
  if (next === undefined) {
    const detail = `Nobody is left to pass serial ${serial} on to.`;
    throw new Problem('conflict', detail, { holder: offer.userId });
  }
  const { tier, userId } = offer;
  return { serial, tier, alternate: next.waitlistPosition, user: next.userId, passed_from: userId };
}

/**
 * Ends an offer, and resolves with the user who is offered it then. Throws Problem: conflict if nobody or another holder has it
 * open, it is claimed meanwhile, or nobody is left to pass it on to; unavailable if the gateways cannot be told now, or it
 * takes too long: retrying is safe, and continues with the same end.
 */
export async function endOffer(
  deps: TellDeps,
  campaignId: number,
  wanted: OfferToEnd & { readonly reason: string },
  actor: Actor,
  stopping: AbortSignal,
  sanction: Sanction = UNGUARDED,
): Promise<EndedOffer> {
  const { serial } = wanted;
  const { userId: holder } = await findHeld(deps, campaignId, wanted);
  await begin(deps, campaignId, { ...wanted, holder }, actor, sanction);
  await tellThenActOrRefuse(deps, OFFER_ENDS, await findCampaign(deps.pool, campaignId));
  return await awaitEnd(deps, campaignId, { serial, holder }, stopping);
}

/** Continues with ends of offers that an engine has abandoned. */
export function resumeEnds(deps: TellDeps): Promise<void> {
  return resume(deps, OFFER_ENDS);
}

/** Notes the end, unless it is noted already. Throws Problem conflict if the holder no longer has the offer open. */
async function begin(
  deps: TellDeps,
  campaignId: number,
  { serial, holder, reason }: { readonly serial: number; readonly holder: string; readonly reason: string },
  actor: Actor,
  sanction: Sanction,
): Promise<void> {
  const atUs = Math.ceil((await nowUsOrRefuse(deps)) + noticeMs(deps.leaseMs) * 1_000);
  // Nothing undoes an end that was noted, so the act is done.
  const isBegun = await beginEnd(deps.pool, campaignId, { serial, holder, atUs, reason }, async db => {
    await sanction(db);
    await noteAct(db, actor, {
      target: campaignTarget(campaignId),
      reason,
      details: { serial, ends_at: isoOfUs(atUs) },
    });
  });
  if (isBegun) {
    deps.log.info({ campaignId, serial }, 'end of an offer started');
    return;
  }
  const now = await findHeld(deps, campaignId, { serial, holder });
  if (now.state !== 'offered') throw endedAlready(serial, now);
}

/** Waits until the offer has ended. Throws Problem like `endOffer`. */
async function awaitEnd(
  deps: TellDeps,
  campaignId: number,
  { serial, holder }: { readonly serial: number; readonly holder: string },
  stopping: AbortSignal,
): Promise<EndedOffer> {
  const untilMs = performance.now() + noticeMs(deps.leaseMs) + SETTLE_MS;
  while (performance.now() < untilMs && !stopping.aborted) {
    const now = await readOffer(deps.pool, campaignId, serial);
    if (now !== undefined && now.userId !== holder) {
      const { tier, waitlistPosition, userId } = now;
      return { serial, tier, alternate: waitlistPosition ?? 0, user: userId, passed_from: holder };
    }
    if (now !== undefined && now.state !== 'offered') {
      const detail =
        now.state === 'claimed'
          ? `Serial ${serial} was claimed in time.`
          : `The offer of serial ${serial} has ended, and nobody is left to pass it on to.`;
      throw new Problem('conflict', detail, { holder });
    }
    await pause(LOOK_MS, stopping);
  }
  const detail = `Every gateway knows that the offer of serial ${serial} ends, but it has not ended yet. Retrying is safe.`;
  throw new Problem('unavailable', detail, {}, { 'retry-after': '1' });
}
