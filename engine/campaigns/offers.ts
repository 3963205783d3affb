/**
 * Deadlines moved by the operator, in campaigns with claims. To end an offer by hand, its deadline is brought forward to the
 * instant at which every gateway must have learned of it, and the offer then ends like any other: a claim stamped before
 * that counts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Campaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import {
  moveDeadline,
  type OfferState,
  readNextWaiting,
  readOffer,
} from '../../sql/statements/claims/offers.ts';
import { fieldFault, invalidRequest, Problem } from '../contract/api/problem.ts';
import { LAST_STAMP_US } from '../contract/record/stamp.ts';
import { leaseMarginMs } from '../contract/redis/lease/lease.ts';
import { type CampaignDeps, nowUsOrRefuse } from './deps.ts';

const LOOK_MS = 50;
/** The time for the watermark to pass the deadline; while it stands still the result is unknown. */
const SETTLE_MS = 5_000;

/**
 * Moves the deadline of an open offer back. Throws Problem: conflict when the holder has no open offer of it, or it could be
 * claimed until later already; invalid-request when nobody could claim any more by then.
 */
export async function extendOffer(
  deps: CampaignDeps,
  campaign: Campaign,
  {
    serial,
    holder,
    claim_by,
  }: { readonly serial: number; readonly holder: string; readonly claim_by: string },
): Promise<{ readonly serial: number; readonly user: string; readonly claim_by: string }> {
  const { campaignId } = campaign;
  const claimByUs = new Date(claim_by).getTime() * 1_000;
  const offer = await readOffer(deps.pool, campaignId, serial);
  const isHeld = offer?.state === 'offered' && offer.userId === holder;
  if (!isHeld || claimByUs <= (offer?.claimByUs ?? 0)) {
    const detail = isHeld
      ? `Serial ${serial} can already be claimed until ${isoOf(offer.claimByUs)}; a deadline can only be extended.`
      : `Serial ${serial} of campaign ${campaignId} is not offered to this holder right now.`;
    throw new Problem('conflict', detail);
  }
  const lastUs = opensAtUs(campaign) + LAST_STAMP_US;
  if (claimByUs > lastUs) {
    const right = `${isoOf(lastUs)} or earlier: claims are stamped, and stamps end then`;
    throw invalidRequest([fieldFault('claim_by', claim_by, right)]);
  }
  const to = { serial, holder, claimByUs, endedEarly: null };
  if (!(await moveDeadline(deps.pool, campaignId, to))) {
    throw new Problem('conflict', `The offer of serial ${serial} has ended.`);
  }
  deps.log.info({ campaignId, serial }, 'claim deadline extended');
  return { serial, user: holder, claim_by: isoOf(claimByUs) };
}

function isoOf(us: number): string {
  return new Date(us / 1_000).toISOString();
}

export interface EndedOffer {
  readonly serial: number;
  readonly tier: number | null;
  readonly alternate: number;
  readonly user: string;
  readonly passed_from: string;
}

interface AskedEnd {
  readonly serial: number;
  /** undefined: the user to whom it was first granted, or who won it in the draw. */
  readonly holder: string | undefined;
}

/** The offer that is to end, with its holder. Throws Problem conflict when nobody, or another holder, has it. */
async function findHeld(
  deps: CampaignDeps,
  campaignId: number,
  { serial, holder: asked }: AskedEnd,
): Promise<OfferState> {
  const offer = await readOffer(deps.pool, campaignId, serial);
  if (offer === undefined) {
    throw new Problem('conflict', `Serial ${serial} of campaign ${campaignId} was never offered.`);
  }
  const holder = asked ?? (offer.place === null ? offer.userId : undefined);
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

/** Who would get the offer in the current state: later claims, and other prizes freed before, can change it. */
export async function endWouldBe(
  deps: CampaignDeps,
  campaignId: number,
  asked: AskedEnd,
): Promise<EndedOffer> {
  const { serial } = asked;
  const offer = await findHeld(deps, campaignId, asked);
  if (offer.state !== 'offered') throw endedAlready(serial, offer);
  const next = await readNextWaiting(deps.pool, campaignId);
  if (next === undefined) {
    const detail = `Nobody is left to pass serial ${serial} on to.`;
    throw new Problem('conflict', detail, { holder: offer.userId });
  }
  const { tier, userId } = offer;
  return { serial, tier, alternate: next.place, user: next.userId, passed_from: userId };
}

/**
 * Resolves with who is offered it then. Throws Problem: conflict when nobody has it open, another holder has it, it is
 * claimed meanwhile, or nobody is left to pass it to; unavailable when it takes too long: asking again is safe.
 */
export async function endOffer(
  deps: CampaignDeps,
  campaignId: number,
  asked: AskedEnd & { readonly reason: string },
  stopping: AbortSignal,
): Promise<EndedOffer> {
  const { serial, reason } = asked;
  const offer = await findHeld(deps, campaignId, asked);
  const holder = offer.userId;
  const waitMs = deps.leaseMs + leaseMarginMs(deps.leaseMs);
  const claimByUs = (await nowUsOrRefuse(deps)) + waitMs * 1_000;
  const moved =
    offer.state === 'offered' &&
    (await moveDeadline(deps.pool, campaignId, { serial, holder, claimByUs, endedEarly: reason }));
  if (!moved) throw endedAlready(serial, offer);
  deps.log.info({ campaignId, serial }, 'claim deadline brought forward');
  for (const untilMs = performance.now() + waitMs + SETTLE_MS; performance.now() < untilMs; ) {
    if (stopping.aborted) break;
    const now = await readOffer(deps.pool, campaignId, serial);
    if (now !== undefined && now.userId !== holder) {
      const { tier, place, userId } = now;
      return { serial, tier, alternate: place ?? 0, user: userId, passed_from: holder };
    }
    if (now !== undefined && now.state !== 'offered') {
      const detail =
        now.state === 'claimed'
          ? `Serial ${serial} was claimed in time.`
          : `The offer of serial ${serial} has ended, and nobody is left to pass it on to.`;
      throw new Problem('conflict', detail, { holder });
    }
    // Ended early by a stop, which the next turn sees.
    await sleep(LOOK_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
  const detail =
    'The deadline was brought forward; whether it has passed is not known yet. Check the entries.';
  throw new Problem('unavailable', detail, {}, { 'retry-after': '1' });
}
