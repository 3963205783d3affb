/**
 * Settling: decides the entries of one campaign, in stamp order, never past the watermark.
 *
 * Each step is one transaction that first locks the campaign's row, so one engine decides a campaign at a time, and a kill
 * at any moment leaves a step either done or not begun. The row alone determines the next step:
 *
 * - coupon: decides all due withdrawals, however many steps that takes, then the next entries: grants in stamp order until
 *   the stock is gone, after that it only counts. When the stock was raised, entries that had lost come first. The campaign is finished when the watermark has passed the close and all
 *   entries are decided.
 * - raffle: see raffle-settling.ts.
 * - room: see room-settling.ts.
 * - cancelled, of any kind: see cancelled-settling.ts.
 *
 * With claims, settling continues after all entries are decided: see claims-settling.ts.
 */
import { type Pool, type Queryable, stepTransaction } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import {
  type ClaimCounts,
  type Settled,
  saveSettled,
  type TakenCampaign,
  takeCampaign,
  waitForCampaign,
} from '../../sql/statements/campaigns/settling.ts';
import { areAllDecided } from '../../sql/statements/claims/claims.ts';
import type { DueClaims } from '../../sql/statements/claims/claims-turn.ts';
import {
  decideWithdrawals,
  NOBODY_LEFT,
  refuseWithdrawals,
} from '../../sql/statements/entries/withdrawals.ts';
import { stepCancelled } from './cancelled-settling.ts';
import {
  areNews,
  type Ended,
  endOffers,
  isAvailable,
  type Moved,
  type Offered,
  offerFreed,
  readDue,
  turnOf,
  withOutages,
} from './claims-settling.ts';
import { decideTurn, isRaised, NOBODY_DECIDED, stepRaised } from './coupon-turns.ts';
import { drawPool, hashPool, type Prepared } from './raffle-pool.ts';
import { type RaffleOptions, revealRandomness, stepRaffle } from './raffle-settling.ts';
import { endVisits, stepRoom } from './room-settling.ts';
import { closesAtUs, DONE, dueStamp, type Instants, MOVES_LIMIT, type StepResult } from './settling-step.ts';
import type { Slots } from './slots.ts';

export interface SettlingOptions {
  readonly pool: Pool;
  readonly raffles: RaffleOptions;
  /** Called with the number of entries that a step decided, after its commit. */
  readonly onDecided: (decided: number) => void;
  /** Called with the moves of claimants, after the commit. */
  readonly onMoved?: (states: readonly string[]) => void;
  /** Each step needs one slot; absent if no other campaign is settled at the same time. */
  readonly slots?: Slots;
  /** Each pool that is read whole needs one of these. */
  readonly pools?: Slots;
  /** How many offers end in one transaction; the simulator, which has few, sets fewer than the usual 5,000. */
  readonly claimsAtOnce?: number | undefined;
  /** How many users leave, return or expire in one transaction; likewise. */
  readonly movesAtOnce?: number | undefined;
}

export interface SettledTurn {
  /** Whether there is more to do at once. */
  readonly more: boolean;
  /** Nothing was done: another engine has the campaign, or has done it before. */
  readonly isIdle: boolean;
}

/**
 * Decides everything decidable of a campaign at the given instants (every request stamped up to the watermark must be in
 * the ledger). It reads the instants again before each step, because a raffle may wait for its randomness between two
 * steps. Does nothing while another engine settles the campaign. After each step, if there is more to do, it asks `goOn`.
 * It waits for randomness until `stopping` is aborted.
 */
export async function settleCampaign(
  options: SettlingOptions,
  campaignId: number,
  instants: () => Instants,
  goOn: () => boolean,
  stopping: AbortSignal,
): Promise<SettledTurn> {
  const { pool, slots } = options;
  const takeStep = async (prepared?: Prepared): Promise<StepResult> => {
    const take = async (): Promise<StepResult> =>
      stopping.aborted
        ? DONE
        : stepTransaction(pool, client => step(client, options, campaignId, instants(), prepared));
    const result = await (slots === undefined ? take() : slots.run(take));
    if (result.decided > 0) options.onDecided(result.decided);
    if (result.moved !== undefined && result.moved.length > 0) options.onMoved?.(result.moved);
    return result;
  };
  let result = await takeStep();
  const isIdle = result.isIdle === true;
  for (;;) {
    const prepared = await prepare(options, campaignId, result.awaits, stopping);
    if (prepared !== undefined) {
      do result = await takeStep(prepared);
      while (result.isPart === true && goOn());
    }
    if (!result.more || !goOn()) return { more: result.more, isIdle };
    result = await takeStep();
  }
}

/** Does between two steps what the next one awaits. Returns what that step takes, if anything. */
async function prepare(
  options: SettlingOptions,
  campaignId: number,
  awaits: StepResult['awaits'],
  stopping: AbortSignal,
): Promise<Prepared | undefined> {
  const { pool, raffles, pools } = options;
  switch (awaits) {
    case undefined:
      return undefined;
    case 'randomness':
      await revealRandomness(pool, raffles, campaignId, stopping);
      return undefined;
    case 'pool':
    case 'drawing': {
      const read = awaits === 'pool' ? hashPool : drawPool;
      const work = (): Promise<Prepared> => read(pool, raffles, campaignId, stopping);
      return pools === undefined ? work() : pools.run(work);
    }
  }
}

async function step(
  db: Queryable,
  options: SettlingOptions,
  campaignId: number,
  instants: Instants,
  prepared: Prepared | undefined,
): Promise<StepResult> {
  // Preparing took long, so wait for a change that holds the row for a moment.
  const taken = await (prepared === undefined ? takeCampaign : waitForCampaign)(db, campaignId);
  if (taken === undefined) return DONE;
  const limit = options.movesAtOnce ?? MOVES_LIMIT;
  if (taken.finishedAt !== null) return stepFinished(db, taken, instants, limit);
  const { availability } = instants;
  if (taken.claimWithinS !== null && !(isAvailable(instants) && areNews(taken, instants))) return DONE;
  const campaign =
    taken.claimWithinS === null || availability === undefined
      ? taken
      : await withOutages(db, taken, availability);
  const hasEnds = campaign.claimWithinS !== null && (campaign.decidedAt !== null || isOpenCoupon(campaign));
  const due = hasEnds ? await readDue(db, campaign, instants, options.claimsAtOnce) : NOTHING_DUE;
  const turn = turnOf(due, instants);
  if (turn !== undefined) return endTurn(db, campaign, turn, due, options.claimsAtOnce);
  if (isRaised(campaign)) return stepRaised(db, campaign, campaign.raisedStamp, instants);
  if (campaign.decidedAt !== null) return stepClaims(db, campaign, instants, due, limit);
  if (campaign.cancelledStamp !== null) return await stepCancelled(db, campaign, instants.watermarkUs, limit);
  switch (campaign.kind) {
    case 'coupon':
      return stepCoupon(db, campaign, instants, due, limit);
    case 'raffle':
      return stepRaffle(db, options.raffles, campaign, instants, limit, prepared);
    case 'room':
      return stepRoom(db, campaign, instants, limit);
  }
}

/** Of a campaign without open offers; whether entries are due was not looked at. */
const NOTHING_DUE: DueClaims = { firstUs: null, tooManyUs: null, anyEntries: true, anyFreed: false };

/** Nobody can leave any more; in a room, passes and visits still end. */
async function stepFinished(
  db: Queryable,
  { campaignId, kind }: Campaign,
  instants: Instants,
  limit: number,
): Promise<StepResult> {
  const refused = await refuseWithdrawals(db, campaignId, limit);
  const ended = kind === 'room' ? await endVisits(db, campaignId, instants, limit) : 0;
  return { decided: 0, more: refused === limit || ended === limit, isIdle: refused === 0 && ended === 0 };
}

/** Whether claims are decided while entries are still being decided. */
function isOpenCoupon({ kind, cancelledStamp }: Campaign): boolean {
  return kind === 'coupon' && cancelledStamp === null;
}

/** More has ended than fits in a transaction: does as much as fits, and nothing else. */
async function endTurn(
  db: Queryable,
  campaign: TakenCampaign,
  turn: Instants,
  due: DueClaims,
  limit: number | undefined,
): Promise<StepResult> {
  const { moveCount, states } = await endOffers(db, campaign, turn, due, limit);
  await saveSettled(db, campaign.campaignId, campaign, false, countsOf(campaign, { moveCount }));
  return { decided: 0, more: true, moved: states };
}

/** All entries are decided; some offers are still open. */
async function stepClaims(
  db: Queryable,
  campaign: TakenCampaign,
  instants: Instants,
  due: DueClaims,
  limit: number,
): Promise<StepResult> {
  const { campaignId } = campaign;
  const ended = await endOffers(db, campaign, instants, due);
  const offered = await offerFreed(db, campaign, instants, due, ended);
  const isFinished = !offered.more && (await areAllDecided(db, campaignId));
  // Other users can no longer leave; claimants could, as far as their withdrawals are due.
  const refused = isFinished ? await refuseWithdrawals(db, campaignId, limit) : 0;
  const isIdle = offered.moveCount === campaign.moveCount && !isFinished;
  if (!isIdle) {
    const counts = countsOf(campaign, { moveCount: offered.moveCount, passedOn: offered.states.length });
    await saveSettled(db, campaignId, campaign, isFinished, counts);
  }
  const moved = [...ended.states, ...offered.states];
  return { decided: 0, more: offered.more || refused === limit, isIdle, moved };
}

async function stepCoupon(
  db: Queryable,
  campaign: TakenCampaign,
  instants: Instants,
  due: DueClaims,
  limit: number,
): Promise<StepResult> {
  const { campaignId, settledStamp } = campaign;
  const hasClaims = campaign.claimWithinS !== null;
  const through = dueStamp(campaign, instants.watermarkUs);
  const ended = hasClaims ? await endOffers(db, campaign, instants, due) : NOT_MOVED;
  const { goneCount } = campaign;
  const left = campaign.hasOpenWithdrawals
    ? await decideWithdrawals(db, { campaignId, settledStamp, through, goneCount, limit })
    : NOBODY_LEFT;
  if (left.more) return leaveTurn(db, campaign, ended, left.honoured);
  const turn = due.anyEntries
    ? await decideTurn(db, campaign, through, instants)
    : { ...NOBODY_DECIDED, lastStamp: settledStamp };
  const isDecided = !turn.more && instants.watermarkUs >= closesAtUs(campaign);
  // Users waitlisted just now are next in line for what is free.
  const offered = hasClaims ? await offerFreed(db, campaign, instants, due, ended) : NOT_MOVED;
  const more = turn.more || offered.more;
  const isFinished = isDecided && !more && (!hasClaims || (await areAllDecided(db, campaignId)));
  const refused = isFinished ? await refuseWithdrawals(db, campaignId, limit) : 0;
  const isCounted =
    offered.moveCount > campaign.moveCount || turn.waitlisted > 0 || (isDecided && !isFinished);
  const isIdle = turn.decided === 0 && left.honoured === 0 && !isDecided && !isCounted;
  if (!isIdle) {
    const settled: Settled = {
      settledStamp: isDecided ? through : turn.lastStamp,
      settledCount: campaign.settledCount + turn.decided,
      grantedCount: campaign.grantedCount + turn.granted,
      goneCount: goneCount + left.honoured,
    };
    const counts: ClaimCounts = {
      waitlistedCount: campaign.waitlistedCount + turn.waitlisted,
      moveCount: offered.moveCount,
      passedOn: offered.states.length,
      isDecided,
    };
    await saveSettled(db, campaignId, settled, isFinished, isCounted ? counts : undefined);
  }
  const moved = [...ended.states, ...offered.states];
  return { decided: turn.decided, more: more || refused === limit, isIdle, moved };
}

/** More users leave than fit in a transaction: as many as fit leave, and nobody is settled before all others have left. */
async function leaveTurn(
  db: Queryable,
  campaign: Campaign,
  { moveCount, states }: Moved,
  honoured: number,
): Promise<StepResult> {
  const { campaignId, goneCount } = campaign;
  const counts = moveCount > campaign.moveCount ? countsOf(campaign, { moveCount }) : undefined;
  await saveSettled(db, campaignId, { ...campaign, goneCount: goneCount + honoured }, false, counts);
  return { decided: 0, more: true, moved: states };
}

/** The campaign's counts, with changes. */
function countsOf(
  { waitlistedCount, decidedAt }: Campaign,
  { moveCount, passedOn = 0 }: { readonly moveCount: number; readonly passedOn?: number },
): ClaimCounts {
  return { waitlistedCount, moveCount, passedOn, isDecided: decidedAt !== null };
}

/** Without claims. */
const NOT_MOVED: Ended & Offered = { moveCount: 0, states: [], freed: [], more: false };
