/**
 * Settling a raffle, step by step; settling.ts explains how steps are made safe. The campaign's row determines the next step:
 *
 * 1. Until the watermark has passed the close, decide due withdrawals. Then close the pool (`frozen_at`): nobody leaves it any
 *    more, and no terms change.
 * 2. Freeze it: record root and count, computed between two steps (raffle-pool.ts). The root also binds the entrants' terms,
 *    so neither terms nor entries can change after the randomness is known without changing the seed.
 * 3. When the drawing is due (at once, unless it was scheduled for later), reveal the announced randomness and record it with
 *    the seed. The wait for it is outside of a transaction: a drand round may lie in the future, and relays may be down. A
 *    pool that was frozen after the announced round was due takes a later round, by a rule that leaves no choice: nobody may
 *    know the round before the freeze.
 * 4. Draw the winners, again between two steps, from a pool that is read again and must have the recorded root, and write
 *    them down: raffle-drawing.ts.
 *
 * After a crash anywhere the next engine continues at the same step with the same values, so it draws the same winners.
 */
import type { Pool as DatabasePool, Queryable } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { saveSettled } from '../../sql/statements/campaigns/settling.ts';
import {
  closePool,
  readDrawState,
  saveAnnouncement,
  saveFrozen,
  saveRevealed,
} from '../../sql/statements/draws/draws.ts';
import { decideWithdrawals, refuseWithdrawals } from '../../sql/statements/entries/withdrawals.ts';
import { lateAnnouncement } from '../campaigns/announce.ts';
import { roundOfFreeze } from '../draw/drand.ts';
import { quicknet } from '../draw/quicknet.ts';
import type { Randomness } from '../draw/randomness.ts';
import { randomnessFrom } from '../draw/reveal.ts';
import { type AnnouncedRandomness, DRAW_FUNCTION, rulesHash } from '../draw/rules.ts';
import { drawSeed } from '../draw/seed.ts';
import { writeDrawing } from './raffle-drawing.ts';
import { type FrozenState, frozenState, type PoolOptions, type Prepared } from './raffle-pool.ts';
import { closesAtUs, DONE, dueStamp, type Instants, type StepResult } from './settling-step.ts';

export interface RaffleOptions extends PoolOptions {
  readonly randomness: Randomness;
  /** How many of those drawn are written in one transaction; the simulator sets fewer than the usual 5,000. */
  readonly drawnAtOnce?: number | undefined;
}

export async function stepRaffle(
  db: Queryable,
  options: RaffleOptions,
  campaign: Campaign,
  instants: Instants,
  limit: number,
  prepared: Prepared | undefined,
): Promise<StepResult> {
  if (campaign.rulesHash === null) {
    await saveAnnouncement(db, campaign.campaignId, lateAnnouncement(options.randomness, campaign));
    return { decided: 0, more: true };
  }
  requireKnownFunction(campaign);
  if (campaign.frozenAt === null) return gather(db, campaign, instants.watermarkUs, limit);
  if (campaign.poolRoot === null) return freeze(db, campaign, prepared);
  // A frozen pool is final: refuse withdrawals.
  const refused = await refuseWithdrawals(db, campaign.campaignId, limit);
  if (refused === limit) return { decided: 0, more: true };
  // Until the drawing is due, its randomness stays unrevealed.
  if (campaign.seed === null && !isDrawingDue(campaign, instants.watermarkUs)) return DONE;
  if (campaign.seed === null) return { decided: 0, more: true, awaits: 'randomness' };
  if (prepared?.is !== 'drawing' || !prepared.seed.equals(campaign.seed))
    return { decided: 0, more: true, awaits: 'drawing' };
  const terms = { saltSecret: options.saltSecret, instants, limit: options.drawnAtOnce };
  return writeDrawing(db, campaign, prepared.drawn, terms);
}

/** Decided by the watermark, like everything that has an instant. */
function isDrawingDue({ drawsAt }: Campaign, watermarkUs: number): boolean {
  return drawsAt === null || watermarkUs >= drawsAt.getTime() * 1000;
}

/** Throws for a raffle that announced another draw function: this engine cannot draw it as announced. */
function requireKnownFunction({ campaignId, draw }: Campaign): void {
  const announced: string | undefined = draw?.function;
  if (announced === DRAW_FUNCTION) return;
  throw new Error(
    `campaign ${campaignId} announced the draw function "${announced}", but this engine has "${DRAW_FUNCTION}": ` +
      'not drawn; use an engine of the version that announced it',
  );
}

/** Decides withdrawals until the watermark has passed the close, then closes the pool. */
async function gather(
  db: Queryable,
  campaign: Campaign,
  watermarkUs: number,
  limit: number,
): Promise<StepResult> {
  const { campaignId, settledStamp } = campaign;
  const { honoured, more } = await decideWithdrawals(db, {
    campaignId,
    settledStamp,
    through: dueStamp(campaign, watermarkUs),
    goneCount: campaign.goneCount,
    limit,
  });
  const goneCount = campaign.goneCount + honoured;
  if (more || watermarkUs < closesAtUs(campaign)) {
    if (honoured > 0) await saveSettled(db, campaignId, { ...campaign, goneCount }, false);
    return { decided: 0, more };
  }
  await closePool(db, campaignId, goneCount);
  return { decided: 0, more: true, awaits: 'pool' };
}

/** Records count and root of a closed pool as soon as they are computed. */
async function freeze(
  db: Queryable,
  { campaignId }: Campaign,
  prepared: Prepared | undefined,
): Promise<StepResult> {
  if (prepared?.is !== 'pool') return { decided: 0, more: true, awaits: 'pool' };
  await saveFrozen(db, campaignId, prepared);
  return { decided: 0, more: true };
}

/**
 * Reveals the randomness of a frozen raffle and records it with the seed, unless another engine has done so. Rejects when
 * `stopping` is aborted first, and with RevealRefused when it is not what was announced: DRAW_SECRET is another one.
 */
export async function revealRandomness(
  pool: DatabasePool,
  options: RaffleOptions,
  campaignId: number,
  stopping: AbortSignal,
): Promise<void> {
  const frozen = frozenState(campaignId, await readDrawState(pool, campaignId));
  if (frozen.seed !== null) return;
  const due = dueRandomness(frozen);
  const reveal = await options.randomness.reveal(due, { campaignId, nonce: frozen.nonce }, stopping);
  const randomness = randomnessFrom(due, reveal);
  const { poolRoot, poolCount, rules } = frozen;
  await saveRevealed(pool, campaignId, {
    source: reveal.source,
    randomness,
    signature: reveal.source === 'drand' ? Buffer.from(reveal.signature) : null,
    round: reveal.source === 'drand' ? reveal.round : null,
    seed: drawSeed({ randomness, rulesHash: rulesHash(rules), poolRoot, poolCount }),
  });
}

/** The announced randomness; with drand, the round that the freeze allows: roundOfFreeze in draw/drand.ts. */
function dueRandomness({ draw, closesAtMs, frozenAt }: FrozenState): AnnouncedRandomness {
  const { randomness } = draw;
  if (randomness.source === 'commit') return randomness;
  const announced = { round: randomness.round, closesAtMs };
  return { ...randomness, round: roundOfFreeze(quicknet, announced, frozenAt.getTime()) };
}
