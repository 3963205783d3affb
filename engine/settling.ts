/**
 * Settling: decides the entries of one campaign, in stamp order, never past the watermark.
 *
 * Each step is one transaction that first takes the campaign's row, so one engine decides a campaign at a time and a
 * kill at any moment leaves a step wholly done or not begun. What is next is read off the row alone:
 *
 * - coupon: the withdrawals that are due are decided, then the next entries: granted in stamp order until the stock is
 *   gone, after that only counted. When the watermark has passed the close and all are decided, it is finished.
 * - raffle: see raffle-settling.ts.
 * - cancelled, of either kind: see cancelled-settling.ts.
 */
import type { Campaign } from '../sql/campaigns.ts';
import { type Pool, type Queryable, transaction } from '../sql/database.ts';
import { insertGrants } from '../sql/grants.ts';
import { countTurn, readTurn, type Settled, saveSettled, takeCampaign } from '../sql/settling.ts';
import { decideWithdrawals, refuseWithdrawals } from '../sql/withdrawals.ts';
import { stepCancelled } from './cancelled-settling.ts';
import { makeCode } from './judges/codes.ts';
import { judgeCoupons } from './judges/coupon.ts';
import { type RaffleOptions, revealRandomness, stepRaffle } from './raffle-settling.ts';
import { closesAtUs, DONE, dueStamp, type StepResult } from './settling-step.ts';

/** Entries judged in one transaction. More would hold the campaign's row for longer; fewer cost more commits. */
const TURN_LIMIT = 5_000;
/** Entries counted in one transaction, once all places are gone. */
const COUNT_LIMIT = 200_000;

export interface SettlingOptions {
  readonly pool: Pool;
  readonly raffles: RaffleOptions;
  /** Told how many entries a step decided, once that is committed. */
  readonly onDecided: (decided: number) => void;
}

/**
 * Decides what can be decided of a campaign at this watermark (us since the epoch; every request stamped up to it must
 * be in the ledger). Does nothing where another engine is at it. After the first step and each one after it `goOn` is
 * asked, if there is more to do. Where randomness has to be waited for it is, until `stopping` is aborted.
 */
export async function settleCampaign(
  options: SettlingOptions,
  campaignId: number,
  watermarkUs: number,
  goOn: () => boolean,
  stopping: AbortSignal,
): Promise<void> {
  let result: StepResult;
  do {
    result = await transaction(options.pool, client => step(client, options, campaignId, watermarkUs));
    if (result.decided > 0) options.onDecided(result.decided);
    if (result.awaits === 'randomness') {
      await revealRandomness(options.pool, options.raffles, campaignId, stopping);
    }
  } while (result.more && goOn());
}

async function step(
  db: Queryable,
  options: SettlingOptions,
  campaignId: number,
  watermarkUs: number,
): Promise<StepResult> {
  const campaign = await takeCampaign(db, campaignId);
  if (campaign === undefined) return DONE;
  if (campaign.finishedAt !== null) {
    await refuseWithdrawals(db, campaignId);
    return DONE;
  }
  if (campaign.cancelledStamp !== null) return await stepCancelled(db, campaign, watermarkUs);
  switch (campaign.kind) {
    case 'coupon':
      return stepCoupon(db, campaign, watermarkUs);
    case 'raffle':
      return stepRaffle(db, options.raffles, campaign, watermarkUs);
  }
}

async function stepCoupon(db: Queryable, campaign: Campaign, watermarkUs: number): Promise<StepResult> {
  const { campaignId, settledStamp, places } = campaign;
  const through = dueStamp(campaign, watermarkUs);
  const left = await decideWithdrawals(db, {
    campaignId,
    settledStamp,
    through,
    goneCount: campaign.goneCount,
  });
  const turn =
    campaign.grantedCount < places
      ? await grantTurn(db, campaign, through)
      : await countTurnOut(db, campaign, through);
  const isFinished = !turn.more && watermarkUs >= closesAtUs(campaign);
  if (isFinished) await refuseWithdrawals(db, campaignId);
  if (turn.decided > 0 || left.honoured > 0 || isFinished) {
    const settled: Settled = {
      settledStamp: isFinished ? through : turn.lastStamp,
      settledCount: campaign.settledCount + turn.decided,
      grantedCount: campaign.grantedCount + turn.granted,
      goneCount: campaign.goneCount + left.honoured,
    };
    await saveSettled(db, campaignId, settled, isFinished);
  }
  return turn;
}

interface Turn extends StepResult {
  readonly granted: number;
  readonly lastStamp: number;
}

async function grantTurn(db: Queryable, campaign: Campaign, through: number): Promise<Turn> {
  const { campaignId, settledStamp } = campaign;
  const entries = await readTurn(db, { campaignId, after: settledStamp, through, limit: TURN_LIMIT });
  const { granted, decided, lastStamp } = judgeCoupons(campaign, entries);
  await insertGrants(
    db,
    campaignId,
    granted.map(grant => ({ ...grant, code: makeCode() })),
  );
  return {
    decided,
    granted: granted.length,
    lastStamp: lastStamp ?? settledStamp,
    more: decided === TURN_LIMIT,
  };
}

/** Nothing is left to grant: those who are due have lost, and it is enough to know how many they are. */
async function countTurnOut(db: Queryable, campaign: Campaign, through: number): Promise<Turn> {
  const { campaignId, settledStamp } = campaign;
  const { count, lastStamp } = await countTurn(db, {
    campaignId,
    after: settledStamp,
    through,
    limit: COUNT_LIMIT,
  });
  return { decided: count, granted: 0, lastStamp: lastStamp ?? settledStamp, more: count === COUNT_LIMIT };
}
