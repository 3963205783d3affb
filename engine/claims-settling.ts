/**
 * Settling where what is granted has to be claimed: one part of a campaign's step (see settling.ts), in its transaction. In
 * this order: offers end that have been claimed or declined or whose deadline has passed; then what is free goes on to those
 * who wait. Where more ends than fits in a transaction, steps do nothing else until it fits, so that turns decide who gets
 * what no more than one step would. They end: whoever has a place ends once. engine/judges/CLAIMS.md says what is decided.
 */
import { passToNext } from '../sql/alternates.ts';
import { type Campaign, opensAtUs } from '../sql/campaigns.ts';
import {
  extendDeadlines,
  markDecided,
  type Offer,
  readDueClaimants,
  readFreed,
  saveMoves,
  saveOffers,
} from '../sql/claims.ts';
import { readDueInstants } from '../sql/claims-turn.ts';
import type { Queryable } from '../sql/database.ts';
import { replaceCodes } from '../sql/grants.ts';
import { LAST_STAMP_US, lastStampAt } from './contract/stamp.ts';
import { LONGEST_BEHIND_MS } from './hearing.ts';
import { judgeClaims } from './judges/claims.ts';
import { makeCode } from './judges/codes.ts';
import type { HeardInstants, Instants } from './settling-step.ts';

/**
 * What ends in one transaction, of claims, wishes to leave and lapses together, and serials that go on in one. More would
 * hold the campaign's row for longer, and keep other campaigns from their step of the pass; fewer cost more commits.
 */
const TURN_LIMIT = 5_000;
const US_PER_S = 1_000_000;

export interface Moved {
  /** The campaign's, with what has moved. */
  readonly moveCount: number;
  /** What has moved: the new states, in order. */
  readonly states: readonly string[];
}

export interface Offered extends Moved {
  /** Whether more may be free than went on in one transaction. */
  readonly more: boolean;
}

/**
 * How long ago people were heard for certain when something is offered to them. Longer: the end of an outage gives that
 * much to offers which were made in it, and the ledger refuses them (0011_outages.sql). Shorter: nothing is offered while
 * gateways are idle, which are looked at that late.
 */
const HEARD_LATELY_US = LONGEST_BEHIND_MS * 1_000;

/**
 * Whether what is offered now is heard: what came behind the instant up to which heard time counts may turn out to be an
 * outage, and nothing is offered in one. Nobody could claim it, and its end would give back to them what they never lost.
 */
export function areOffersHeard({ nowUs, heard }: Instants): boolean {
  return heard !== undefined && nowUs - heard.throughUs <= HEARD_LATELY_US;
}

/**
 * Whether the campaign does not know of a later outage than these instants, as after an engine has stood still in between:
 * what is offered at such an instant has a deadline that would not get that outage back.
 */
export function areNews({ unheardSeenUs }: Campaign, { heard }: Instants): boolean {
  return unheardSeenUs === null || (heard !== undefined && unheardSeenUs <= heard.unheardUs);
}

/** The campaign with its deadlines extended by the outages that it did not know of. */
export async function withOutages(
  db: Queryable,
  campaign: Campaign,
  { unheardUs }: HeardInstants,
): Promise<Campaign> {
  const isNews = campaign.unheardSeenUs === null || campaign.unheardSeenUs < unheardUs;
  if (!isNews) return campaign;
  const extendedUs = await extendDeadlines(db, unheardUs, campaign.campaignId);
  return { ...campaign, unheardUs: extendedUs ?? campaign.unheardUs };
}

/**
 * The instants for a turn of what ends, where that is more than fits in one; undefined where all of it fits. A turn goes by
 * an earlier watermark, before the first that does not fit: so whatever order holds between two watermarks holds between two
 * turns. Where all are due at the same instant, as offers are that were made at once, there is no watermark in between;
 * `endOffers` then lets the first of them lapse.
 */
export async function turnOf(
  db: Queryable,
  campaign: Campaign,
  instants: Instants,
  limit: number = TURN_LIMIT,
): Promise<Instants | undefined> {
  const due = { through: throughOf(campaign, instants), lapseUs: lapseUsOf(instants), most: limit };
  const { firstUs, tooManyUs } = await readDueInstants(db, campaign, due);
  if (firstUs === null || tooManyUs === null) return undefined;
  return { ...instants, watermarkUs: Math.max(firstUs, tooManyUs - 1) };
}

/** The greatest stamp that a claim or a wish to leave is due with. */
function throughOf(campaign: Campaign, { watermarkUs }: Instants): number {
  const openedUs = opensAtUs(campaign);
  return lastStampAt(Math.min(watermarkUs, openedUs + LAST_STAMP_US), openedUs);
}

function lapseUsOf({ watermarkUs, heard }: Instants): number {
  return Math.min(watermarkUs, heard?.throughUs ?? 0);
}

/** Decides what claimants asked for up to the watermark, and lets offers lapse whose deadline it has passed. */
export async function endOffers(
  db: Queryable,
  campaign: Campaign,
  instants: Instants,
  limit: number = TURN_LIMIT,
): Promise<Moved> {
  const { campaignId, moveCount } = campaign;
  const [through, lapseUs] = [throughOf(campaign, instants), lapseUsOf(instants)];
  const due = await readDueClaimants(db, campaign, { through, lapseUs, limit });
  const moves = judgeClaims(due, opensAtUs(campaign), lapseUs);
  await saveMoves(db, campaign, moveCount, moves);
  await markDecided(db, campaignId, through);
  const freed = moves.flatMap(({ state, serial }) =>
    serial === null || state === 'claimed' ? [] : [{ serial, code: makeCode() }],
  );
  await replaceCodes(db, campaignId, freed);
  const states = moves.map(({ state }) => state);
  return { moveCount: moveCount + moves.length, states };
}

/** Offers what is free to those who wait for it. `moveCount` is how many have moved so far. */
export async function offerFreed(
  db: Queryable,
  campaign: Campaign,
  instants: Instants,
  moveCount: number,
): Promise<Offered> {
  const { campaignId } = campaign;
  const offer = offerOf(campaign, instants);
  if (offer === undefined) return { moveCount, states: [], more: false };
  const freed = await readFreed(db, campaignId, TURN_LIMIT);
  const passed = await passToNext(
    db,
    campaignId,
    freed.map(each => ({ ...each, code: makeCode() })),
  );
  await saveOffers(db, campaignId, moveCount, passed, offer);
  const states = passed.map(() => 'offered');
  return { moveCount: moveCount + passed.length, states, more: passed.length === TURN_LIMIT };
}

/** What is offered now can be claimed until when; undefined when no claim could be stamped any more. */
export function offerOf(campaign: Campaign, { nowUs }: Instants): Offer | undefined {
  const lastUs = opensAtUs(campaign) + LAST_STAMP_US;
  if (nowUs >= lastUs) return undefined;
  return { offeredUs: nowUs, claimByUs: claimByUs(campaign, nowUs) };
}

/** Without the outages that come, so without those that were. */
export function claimByUs(campaign: Campaign, offeredUs: number): number {
  const lastUs = opensAtUs(campaign) + LAST_STAMP_US;
  const { claimWithinS, unheardUs } = campaign;
  return Math.min(offeredUs + (claimWithinS ?? 0) * US_PER_S, lastUs) - unheardUs;
}
