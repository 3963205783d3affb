/**
 * Settling with claims: one part of a campaign's step (see settling.ts), in the same transaction. First it ends offers that
 * were claimed or declined or whose deadline has passed; then it offers what is free to those who wait. If more offers end
 * than fit in a transaction, steps do nothing else until the rest fits, so splitting the work into turns decides nothing
 * that one step would not. The turns terminate: every claimant ends once. engine/settling/judges/CLAIMS.md has the
 * rules.
 */
import type { Queryable } from '../../sql/database.ts';
import { type Campaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import type { TakenCampaign } from '../../sql/statements/campaigns/settling.ts';
import {
  extendDeadlines,
  type Move,
  markClaims,
  markLeaving,
  type Offer,
  readDueClaimants,
  saveMoves,
} from '../../sql/statements/claims/claims.ts';
import {
  type DueClaims,
  type DueInstants,
  readDueInstants,
} from '../../sql/statements/claims/claims-turn.ts';
import { offerToNext, readFreed } from '../../sql/statements/claims/passing-on.ts';
import type { FreedSerial } from '../../sql/statements/draws/alternates.ts';
import { LAST_STAMP_US, lastStampAt } from '../contract/record/stamp.ts';
import { LONGEST_BEHIND_MS } from './availability-clock.ts';
import { judgeClaims } from './judges/claims.ts';
import { makeCode } from './judges/codes.ts';
import { type AvailableInstants, dueStamp, type Instants } from './settling-step.ts';

/**
 * The number of claims, withdrawals and lapses together that end in one transaction, and of serials passed on in one. More
 * would lock the campaign's row for longer and keep other campaigns from their step of the cycle; fewer cost more commits.
 */
const TURN_LIMIT = 5_000;
const US_PER_S = 1_000_000;

export interface Moved {
  /** The counts of the campaign, including these moves. */
  readonly moveCount: number;
  /** The moves: the new states, in order. */
  readonly states: readonly string[];
}

export interface Ended extends Moved {
  /** What was offered and is free now. */
  readonly freed: readonly FreedSerial[];
}

export interface Offered extends Moved {
  /** Whether more may be free than was passed on in one transaction. */
  readonly more: boolean;
}

/**
 * When something is offered, the service was certainly available no longer ago than this. If longer, the end of an outage gives
 * that much to offers made during it, and the ledger refuses them (0011_outages.sql). If shorter, nothing is offered while
 * gateways are idle, because idle gateways are checked only that often.
 */
const AVAILABLE_LATELY_US = LONGEST_BEHIND_MS * 1_000;

/**
 * Whether users can learn of an offer made now. The time after the instant up to which available time counts may turn out to be
 * an outage, and nothing is offered during one: nobody could claim it, and its end would return time that was never lost.
 */
export function isAvailable({ nowUs, availability }: Instants): boolean {
  return availability !== undefined && nowUs - availability.throughUs <= AVAILABLE_LATELY_US;
}

/**
 * Whether the campaign knows of no outage later than these instants. If an engine stood still in between, it may know of one:
 * an offer at these instants would have a deadline without the extension for that outage.
 */
export function areNews({ outageSeenUs }: Campaign, { availability }: Instants): boolean {
  return outageSeenUs === null || (availability !== undefined && outageSeenUs <= availability.outageUs);
}

/** The campaign with its deadlines extended by outages that it did not know yet. */
export async function withOutages(
  db: Queryable,
  campaign: TakenCampaign,
  { outageUs }: AvailableInstants,
): Promise<TakenCampaign> {
  const isNews = campaign.outageSeenUs === null || campaign.outageSeenUs < outageUs;
  if (!isNews) return campaign;
  const extendedUs = await extendDeadlines(db, outageUs, campaign.campaignId);
  return { ...campaign, outageUs: extendedUs ?? campaign.outageUs };
}

/** What there is to do up to these instants: see DueClaims. */
export async function readDue(
  db: Queryable,
  campaign: Campaign,
  instants: Instants,
  limit: number = TURN_LIMIT,
): Promise<DueClaims> {
  return await readDueInstants(db, campaign, {
    through: throughOf(campaign, instants),
    entriesThrough: dueStamp(campaign, instants.watermarkUs),
    lapseUs: lapseUsOf(instants),
    most: limit,
  });
}

/**
 * The instants for one turn, if more ends than fits in one; undefined if all of it fits. A turn uses an earlier watermark,
 * before the first item that does not fit, so any order that holds between two watermarks holds between two turns. If all
 * are due at the same instant, like offers made at once, there is no watermark in between; then `endOffers` lets the first
 * of them lapse.
 */
export function turnOf({ firstUs, tooManyUs }: DueInstants, instants: Instants): Instants | undefined {
  if (firstUs === null || tooManyUs === null) return undefined;
  return { ...instants, watermarkUs: Math.max(firstUs, tooManyUs - 1) };
}

/** The greatest due stamp of a claim or withdrawal. */
function throughOf(campaign: Campaign, { watermarkUs }: Instants): number {
  const openedUs = opensAtUs(campaign);
  return lastStampAt(Math.min(watermarkUs, openedUs + LAST_STAMP_US), openedUs);
}

function lapseUsOf({ watermarkUs, availability }: Instants): number {
  return Math.min(watermarkUs, availability?.throughUs ?? 0);
}

/** Decides requests of claimants up to the watermark, and lets offers lapse whose deadline the watermark has passed. */
export async function endOffers(
  db: Queryable,
  campaign: TakenCampaign,
  instants: Instants,
  { firstUs }: DueInstants,
  limit: number = TURN_LIMIT,
): Promise<Ended> {
  const { campaignId, moveCount } = campaign;
  if (firstUs === null) return { moveCount, states: [], freed: [] };
  const [through, lapseUs] = [throughOf(campaign, instants), lapseUsOf(instants)];
  const due = await readDueClaimants(db, campaign, { through, lapseUs, limit });
  const moves = judgeClaims(due, opensAtUs(campaign), lapseUs);
  const freed = await saveMoves(
    db,
    campaign,
    moveCount,
    moves.map(move => (isFreeing(move) ? { ...move, code: makeCode() } : move)),
  );
  if (campaign.hasOpenClaims) await markClaims(db, campaignId, through);
  if (campaign.hasOpenWithdrawals) await markLeaving(db, campaignId, through);
  const states = moves.map(({ state }) => state);
  return { moveCount: moveCount + moves.length, states, freed };
}

/** Whether something was offered that is free now. */
function isFreeing({ state, serial }: Move): boolean {
  return serial !== null && state !== 'claimed';
}

/** Offers what is free to those who wait: what has been since before this step, and what is since its offers `ended`. */
export async function offerFreed(
  db: Queryable,
  campaign: Campaign,
  instants: Instants,
  due: DueClaims,
  ended: Ended,
): Promise<Offered> {
  const { campaignId } = campaign;
  const { moveCount } = ended;
  const offer = offerOf(campaign, instants);
  if (offer === undefined) return { moveCount, states: [], more: false };
  const freed = due.anyFreed ? await readFreed(db, campaignId, TURN_LIMIT) : ended.freed;
  const passed = await offerToNext(
    db,
    campaignId,
    moveCount,
    freed.map(each => ({ ...each, code: makeCode() })),
    offer,
  );
  const states = Array<string>(passed).fill('offered');
  return { moveCount: moveCount + passed, states, more: passed === TURN_LIMIT };
}

/** The deadline of an offer made now; undefined if a claim could no longer be stamped. */
export function offerOf(campaign: Campaign, { nowUs }: Instants): Offer | undefined {
  const lastUs = opensAtUs(campaign) + LAST_STAMP_US;
  if (nowUs >= lastUs) return undefined;
  return { offeredUs: nowUs, claimByUs: claimByUs(campaign, nowUs) };
}

/** Without future outages, and so without past ones. */
export function claimByUs(campaign: Campaign, offeredUs: number): number {
  const lastUs = opensAtUs(campaign) + LAST_STAMP_US;
  const { claimWithinS, outageUs } = campaign;
  return Math.min(offeredUs + (claimWithinS ?? 0) * US_PER_S, lastUs) - outageUs;
}
