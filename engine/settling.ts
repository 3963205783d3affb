/**
 * Settling: decides the entries of one campaign, in stamp order, never past the watermark.
 *
 * Each step is one transaction that first takes the campaign's row, so one engine decides a campaign at a time and a
 * kill at any moment leaves a step wholly done or not begun. What is next is read off the row alone:
 *
 * - coupon: the withdrawals that are due are decided, then the next entries: granted in stamp order until the stock is
 *   gone, after that only counted. When the watermark has passed the close and all are decided, it is finished.
 * - raffle: withdrawals that are due are decided. When the watermark has passed the close the pool is frozen; then the
 *   seed is recorded; then, with that committed, the winners are drawn and it is finished.
 */
import { randomBytes } from 'node:crypto';
import { type Campaign, opensAtUs } from '../sql/campaigns.ts';
import { type Pool, type Queryable, transaction } from '../sql/database.ts';
import { type Grant, insertGrants } from '../sql/grants.ts';
import {
  countTurn,
  readTurn,
  type Settled,
  saveFrozen,
  saveSeed,
  saveSettled,
  takeCampaign,
} from '../sql/settling.ts';
import { decideWithdrawals, refuseWithdrawals } from '../sql/withdrawals.ts';
import { lastStampAt } from './contract/stamp.ts';
import { makeCode } from './judges/codes.ts';
import { judgeCoupons } from './judges/coupon.ts';
import { Draw, SEED_BYTES } from './judges/raffle.ts';

/** Entries judged in one transaction. More would hold the campaign's row for longer; fewer cost more commits. */
const TURN_LIMIT = 5_000;
/** Entries counted in one transaction, once all places are gone. */
const COUNT_LIMIT = 200_000;
/** Entrants read and drawn at a time: some 10 ms in which the process does nothing else. */
const DRAW_PAGE = 2_500;
/** Winners written in one statement. */
const GRANT_PAGE = 10_000;
const NEVER_BEFORE = -1;

/** Where a raffle's randomness comes from. */
export interface SeedSource {
  /** Kept with the seed, so that one can tell how it can be checked. */
  readonly name: string;
  seed(campaignId: number): Promise<Buffer>;
}

/** Randomness of this process: unguessable, and to be taken on trust. */
export const localSeed: SeedSource = { name: 'local', seed: async () => randomBytes(SEED_BYTES) };

export interface SettlingOptions {
  readonly pool: Pool;
  readonly seedSource: SeedSource;
  /** Told how many entries a step decided, once that is committed. */
  readonly onDecided: (decided: number) => void;
}

interface StepResult {
  readonly decided: number;
  /** Whether another step may find more to do at the same watermark. */
  readonly more: boolean;
}

const DONE: StepResult = { decided: 0, more: false };

/**
 * Decides what can be decided of a campaign at this watermark (us since the epoch; every request stamped up to it must
 * be in the ledger). Does nothing where another engine is at it. After the first step and each one after it `goOn` is
 * asked, if there is more to do.
 */
export async function settleCampaign(
  options: SettlingOptions,
  campaignId: number,
  watermarkUs: number,
  goOn: () => boolean,
): Promise<void> {
  let result: StepResult;
  do {
    result = await transaction(options.pool, client => step(client, options, campaignId, watermarkUs));
    if (result.decided > 0) options.onDecided(result.decided);
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
  switch (campaign.kind) {
    case 'coupon':
      return stepCoupon(db, campaign, watermarkUs);
    case 'raffle':
      return stepRaffle(db, options, campaign, watermarkUs);
  }
}

/** Nobody stamps at or after this instant (us since the epoch). */
function closesAtUs(campaign: Campaign): number {
  return campaign.closesAt.getTime() * 1000;
}

/** The greatest stamp of a campaign that is due: at or before the watermark, and before the close. */
function dueStamp(campaign: Campaign, watermarkUs: number): number {
  return lastStampAt(Math.min(watermarkUs, closesAtUs(campaign) - 1), opensAtUs(campaign));
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

async function stepRaffle(
  db: Queryable,
  options: SettlingOptions,
  campaign: Campaign,
  watermarkUs: number,
): Promise<StepResult> {
  const { campaignId, seed, frozenCount } = campaign;
  if (frozenCount === null) return gather(db, campaign, watermarkUs);
  if (seed === null) {
    const { seedSource } = options;
    await saveSeed(db, campaignId, await seedSource.seed(campaignId), seedSource.name);
    return { decided: 0, more: true };
  }
  return drawWinners(db, campaign, frozenCount, seed);
}

/** Until the watermark has passed the close: decides withdrawals. Then: freezes the pool. */
async function gather(db: Queryable, campaign: Campaign, watermarkUs: number): Promise<StepResult> {
  const { campaignId, settledStamp } = campaign;
  const through = dueStamp(campaign, watermarkUs);
  const { honoured } = await decideWithdrawals(db, {
    campaignId,
    settledStamp,
    through,
    goneCount: campaign.goneCount,
  });
  const goneCount = campaign.goneCount + honoured;
  if (watermarkUs < closesAtUs(campaign)) {
    if (honoured > 0) await saveSettled(db, campaignId, { ...campaign, goneCount }, false);
    return DONE;
  }
  const { count } = await countTurn(db, {
    campaignId,
    after: NEVER_BEFORE,
    through,
    limit: Number.MAX_SAFE_INTEGER,
  });
  await saveFrozen(db, campaignId, { goneCount, frozenCount: count - goneCount });
  return { decided: 0, more: true };
}

async function drawWinners(
  db: Queryable,
  campaign: Campaign,
  frozenCount: number,
  seed: Buffer,
): Promise<StepResult> {
  const { campaignId, goneCount } = campaign;
  const through = lastStampAt(closesAtUs(campaign) - 1, opensAtUs(campaign));
  const draw = new Draw({ winners: campaign.places }, seed);
  for (let after = NEVER_BEFORE; ; ) {
    const page = await readTurn(db, { campaignId, after, through, limit: DRAW_PAGE });
    for (const entry of page) if (!entry.isWithdrawn) draw.add(entry);
    const last = page.at(-1);
    if (last === undefined || page.length < DRAW_PAGE) break;
    after = last.stamp;
  }
  if (draw.entrants !== frozenCount) {
    throw new Error(
      `campaign ${campaignId} was frozen with ${frozenCount} entrants and has ${draw.entrants} now: it is not drawn`,
    );
  }
  const grants: Grant[] = draw
    .winners()
    .map((winner, index) => ({ serial: index + 1, userId: winner.userId, code: makeCode() }));
  for (let at = 0; at < grants.length; at += GRANT_PAGE) {
    await insertGrants(db, campaignId, grants.slice(at, at + GRANT_PAGE));
  }
  await refuseWithdrawals(db, campaignId);
  const settledCount = frozenCount + goneCount;
  await saveSettled(
    db,
    campaignId,
    { settledStamp: through, settledCount, grantedCount: grants.length, goneCount },
    true,
  );
  return { decided: settledCount, more: false };
}
