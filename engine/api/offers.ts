/**
 * Deadlines that the operator moves, where what is granted or won has to be claimed. To end an offer by hand, its deadline is
 * brought forward to when every gateway must have heard of it, and it then ends as any other does: so a claim that was
 * stamped before counts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Campaign, opensAtUs } from '../../sql/campaigns.ts';
import { moveDeadline, type OfferState, readNextWaiting, readOffer } from '../../sql/offers.ts';
import { type CampaignDeps, nowUsOrRefuse } from '../campaign-deps.ts';
import { leaseMarginMs } from '../contract/lease/lease.ts';
import { fieldFault, invalidRequest, Problem } from '../contract/problem.ts';
import { LAST_STAMP_US } from '../contract/stamp.ts';

const LOOK_MS = 50;
/** For the watermark to pass the deadline; while it stands still nothing can be told. */
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
      ? `The serial ${serial} can be claimed until ${isoOf(offer.claimByUs)} as it is; a deadline is only extended.`
      : `The serial ${serial} in campaign ${campaignId} is not offered to this holder at the moment.`;
    throw new Problem('conflict', detail);
  }
  const lastUs = opensAtUs(campaign) + LAST_STAMP_US;
  if (claimByUs > lastUs) {
    const right = `at the latest ${isoOf(lastUs)}: claims are stamped, and stamps end then`;
    throw invalidRequest([fieldFault('claim_by', claim_by, right)]);
  }
  const to = { serial, holder, claimByUs, endedEarly: null };
  if (!(await moveDeadline(deps.pool, campaignId, to))) {
    throw new Problem('conflict', `The offer of the serial ${serial} has ended.`);
  }
  deps.log.info({ campaignId, serial }, 'the deadline of an offer is extended');
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
  /** undefined: whoever was granted it, or drawn for it. */
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
    throw new Problem('conflict', `Nobody was offered the serial ${serial} in campaign ${campaignId}.`);
  }
  const holder = asked ?? (offer.place === null ? offer.userId : undefined);
  if (holder !== offer.userId) {
    const detail =
      holder === undefined
        ? `The serial ${serial} was passed on before; name its holder to pass it on again.`
        : `The serial ${serial} is another holder's.`;
    throw new Problem('conflict', detail, { holder: offer.userId });
  }
  return offer;
}

function endedAlready(serial: number, { state }: OfferState): Problem {
  return new Problem('conflict', `The offer of the serial ${serial} is ${state} already.`);
}

/** Who would be offered it, as things stand: who claims meanwhile, and what else becomes free before, can tell nobody. */
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
    const detail = `Nobody is left to pass the serial ${serial} on to.`;
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
  deps.log.info({ campaignId, serial }, 'the deadline of an offer is brought forward');
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
          ? `The serial ${serial} was claimed in time.`
          : `The offer of the serial ${serial} has ended, and nobody is left to pass it on to.`;
      throw new Problem('conflict', detail, { holder });
    }
    // Ended early by a stop, which the next turn sees.
    await sleep(LOOK_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
  const detail =
    'The deadline is brought forward; that it has passed cannot be told yet. Look at the entries.';
  throw new Problem('unavailable', detail, {}, { 'retry-after': '1' });
}
